import HTTPTransport
import Testing

/// RFC 9112, and what of RFC 9110 concerns the connection. `HTTP1MalformedTests` has the words of
/// the refusals; here are the demands by section, those that accept included.
struct HTTP1Case: CustomTestStringConvertible, Sendable {
  let section: String
  let rule: String
  let bytes: String
  /// The answers that come, in order.
  let statuses: [Int]
  /// Whether the server ends the connection after them.
  let closes: Bool

  var testDescription: String { "RFC 9112 \(section): \(rule)" }

  private static func taken(
    _ section: String, _ rule: String, _ bytes: String, _ statuses: Int..., closes: Bool = false
  ) -> HTTP1Case {
    HTTP1Case(
      section: section, rule: rule, bytes: bytes, statuses: statuses.isEmpty ? [200] : statuses,
      closes: closes)
  }

  /// An answer, and the end: what follows cannot be told apart.
  private static func refused(
    _ section: String, _ rule: String, _ bytes: String, _ status: Int = 400
  ) -> HTTP1Case {
    HTTP1Case(section: section, rule: rule, bytes: bytes, statuses: [status], closes: true)
  }

  private static let host = "Host: a\r\n"
  private static let get = "GET /hello HTTP/1.1\r\nHost: a\r\n"
  private static let post = "POST /echo HTTP/1.1\r\nHost: a\r\n"
  private static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  static let all = lines + fields + framing + smuggling + chunks + connections

  private static let lines: [HTTP1Case] = [
    taken("2.2", "an empty line before a request is passed over", "\r\n\r\n" + get + "\r\n"),
    refused("2.2", "white space before the first field is refused", "GET / HTTP/1.1\r\n \r\n\r\n"),
    refused("2.2", "LF alone ends no line", "GET /hello HTTP/1.1\nHost: a\n\n"),
    refused("2.2", "CR alone ends no line", "GET /hello HTTP/1.1\rHost: a\r\r\n\r\n"),
    refused("2.3", "a later major version is refused", "GET / HTTP/2.0\r\n" + host + "\r\n", 505),
    refused("2.3", "the name of the protocol has upper case", "GET / http/1.1\r\n" + host + "\r\n"),
    taken("2.3", "a later minor version is taken", "GET /hello HTTP/1.2\r\n" + host + "\r\n"),
    refused(
      "3", "a request line has no space at its end", "GET /hello HTTP/1.1 \r\n" + host + "\r\n", 505
    ),
    refused("3", "a request line has no tabs", "GET\t/hello\tHTTP/1.1\r\n" + host + "\r\n", 501),
    refused("3", "a request line has no second space", "GET /hello  HTTP/1.1\r\n" + host + "\r\n"),
    refused(
      "3.1", "methods are told apart by case", "get /hello HTTP/1.1\r\n" + host + "\r\n", 501),
    refused("3.2", "a target has no spaces", "GET /hel lo HTTP/1.1\r\n" + host + "\r\n"),
    taken(
      "3.2.1", "the origin form may have a query",
      "GET /hello?a=/?&b HTTP/1.1\r\n" + host + "\r\n"),
    taken("3.2.2", "the absolute form is taken", "GET http://b/hello HTTP/1.1\r\n" + host + "\r\n"),
    taken(
      "3.2.2", "the scheme of the absolute form has no case",
      "GET HTTP://b/hello HTTP/1.1\r\n" + host + "\r\n"),
    refused(
      "3.2.2", "the absolute form names no user",
      "GET http://u@b/hello HTTP/1.1\r\n" + host + "\r\n"),
    refused("3.2.2", "other schemes are refused", "GET ftp://b/hello HTTP/1.1\r\n" + host + "\r\n"),
    refused("3.2.3", "the authority form is for CONNECT", "GET a:80 HTTP/1.1\r\n" + host + "\r\n"),
    refused("3.2.3", "CONNECT is not known", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
    taken(
      "3.2.4", "the asterisk form is for OPTIONS", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 404),
    refused(
      "3.2.4", "the asterisk form is for no other method", "PUT * HTTP/1.1\r\n" + host + "\r\n"),
    refused("3.2", "HTTP/1.1 needs Host", "GET /hello HTTP/1.1\r\n\r\n"),
    taken("3.2", "HTTP/1.0 does not need Host", "GET /hello HTTP/1.0\r\n\r\n", closes: true),
    refused("3.2", "Host comes once", get + host + "\r\n"),
    refused(
      "3.2", "the absolute form does not excuse two of Host",
      "GET http://a/hello HTTP/1.1\r\n" + host + host + "\r\n"),
    refused("3.2", "Host is a host and a port", "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n"),
    refused("3.2", "Host is no list", "GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    taken("3.2", "Host may have a port", "GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
  ]

  private static let fields: [HTTP1Case] = [
    taken("5", "white space around a value is passed over", get + "X: \t a \t \r\n\r\n"),
    taken("5", "names have no case", "GET /hello HTTP/1.1\r\nhOsT:a\r\n\r\n"),
    refused("5.1", "white space before the colon is refused", get + "X-A : b\r\n\r\n"),
    refused("5.1", "a tab before the colon is refused", get + "X-A\t: b\r\n\r\n"),
    refused("5.1", "a name is not empty", get + ": b\r\n\r\n"),
    refused("5.1", "a name is a token", get + "X(A): b\r\n\r\n"),
    refused("5.2", "folding with a space is refused", get + "X: a\r\n b\r\n\r\n"),
    refused("5.2", "folding with a tab is refused", get + "X: a\r\n\tb\r\n\r\n"),
    refused("5.5", "NUL in a value is refused", get + "X: a\0b\r\n\r\n"),
    refused("5.5", "CR in a value is refused", get + "X: a\rb\r\n\r\n"),
    refused("5.5", "DEL in a value is refused", get + "X: a\u{7F}b\r\n\r\n"),
    taken("5.5", "bytes beyond ASCII in a value are taken", get + "X: é\r\n\r\n"),
  ]

  private static let framing: [HTTP1Case] = [
    taken("6", "a request without length has no body", post + "\r\n" + get + "\r\n", 200, 200),
    taken("6", "GET may have a body", get + "Content-Length: 2\r\n\r\nab" + get + "\r\n", 200, 200),
    taken("6.2", "a length of 0 is taken", post + "Content-Length: 0\r\n\r\n"),
    taken("6.2", "a length may begin with zeros", post + "Content-Length: 002\r\n\r\nab"),
    refused("6.2", "a length is decimal", post + "Content-Length: 0x2\r\n\r\nab"),
    refused("6.2", "a length has no sign", post + "Content-Length: +2\r\n\r\nab"),
    refused("6.2", "a length is not negative", post + "Content-Length: -2\r\n\r\nab"),
    refused("6.2", "a length has no fraction", post + "Content-Length: 2.0\r\n\r\nab"),
    refused("6.2", "a length is not empty", post + "Content-Length: \r\n\r\n"),
    refused("6.2", "a length has no spaces within", post + "Content-Length: 1 2\r\n\r\nab"),
    refused("6.2", "a length fits", post + "Content-Length: 18446744073709551618\r\n\r\nab"),
    refused("6.3", "a list of equal lengths is refused", post + "Content-Length: 2, 2\r\n\r\nab"),
    refused(
      "6.3", "two equal lengths are refused",
      post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
    refused(
      "6.3", "two different lengths are refused",
      post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    refused("6.1", "an unknown coding is refused", post + "Transfer-Encoding: br\r\n\r\n"),
    refused(
      "6.1", "a coding that is not known is refused before chunked",
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    refused("6.3", "chunked comes last", post + "Transfer-Encoding: chunked, identity\r\n\r\n"),
    refused("6.1", "identity is no coding any more", post + "Transfer-Encoding: identity\r\n\r\n"),
    refused(
      "6.1", "chunked is applied once",
      post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    refused(
      "6.1", "HTTP/1.0 has no codings",
      "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    taken(
      "7", "the name of a coding has no case",
      post + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
  ]

  /// Two servers that read one request differently let a client hide a second one in it (section
  /// 11.2); each form is refused, and the hidden request is not answered.
  private static let hidden = "0\r\n\r\nGET /describe HTTP/1.1\r\nHost: x\r\n\r\n"

  private static let smuggling: [HTTP1Case] = [
    refused(
      "11.2", "length before chunked",
      post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden),
    refused(
      "11.2", "chunked before length",
      post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + hidden),
    refused(
      "11.2", "two codings, one unknown",
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n" + hidden),
    refused(
      "11.2", "a space before the colon", post + "Transfer-Encoding : chunked\r\n\r\n" + hidden),
    refused(
      "11.2", "a misspelled coding", post + "Transfer-Encoding: xchunked\r\n\r\n" + hidden),
    refused(
      "11.2", "a control character in a coding",
      post + "Transfer-Encoding: \u{B}chunked\r\n\r\n" + hidden),
    refused(
      "11.2", "a coding after a bare LF", post + "X: a\nTransfer-Encoding: chunked\r\n\r\n" + hidden
    ),
    refused("11.2", "a coding in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n" + hidden),
    refused(
      "11.2", "a coding on a folded line",
      post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + hidden),
    refused(
      "11.2", "a length on a folded line", post + "Content-Length:\r\n 40\r\n\r\n" + hidden),
    refused(
      "11.2", "a chunk's size with a sign", chunked + "+1\r\na\r\n" + hidden),
    refused("11.2", "a chunk's size as 0x", chunked + "0x1\r\na\r\n" + hidden),
    refused("11.2", "LF alone after a chunk's size", chunked + "1\na\r\n" + hidden),
    refused("11.2", "LF alone after a chunk", chunked + "1\r\na\n" + hidden),
    refused("11.2", "LF alone in an extension", chunked + "1;a\nx\r\na\r\n" + hidden),
  ]

  private static let chunks: [HTTP1Case] = [
    taken(
      "7.1", "sizes have either case", chunked + "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    taken("7.1", "sizes may begin with zeros", chunked + "0001\r\na\r\n000\r\n\r\n"),
    taken("7.1.1", "extensions are passed over", chunked + "1;a;b=c;d=\"e\"\r\na\r\n0;x\r\n\r\n"),
    taken(
      "7.1.2", "trailers are passed over", chunked + "0\r\nX: y\r\nHost: z\r\n\r\n" + get + "\r\n",
      200, 200),
    refused("7.1", "a size is hexadecimal", chunked + "g\r\n"),
    refused("7.1", "a size is not empty", chunked + "\r\na\r\n0\r\n\r\n"),
    refused("7.1", "a size is not negative", chunked + "-1\r\na\r\n0\r\n\r\n"),
    refused("7.1", "a size fits", chunked + "10000000000000001\r\na\r\n0\r\n\r\n"),
    refused("7.1", "a chunk is not longer than its size", chunked + "1\r\nab\r\n0\r\n\r\n"),
    refused(
      "7.1.1", "endless extensions are refused",
      chunked + "1;" + String(repeating: "a", count: 90_000)),
    refused(
      "7.1.2", "endless trailers are refused",
      chunked + "0\r\n" + String(repeating: "X: y\r\n", count: 20_000)),
  ]

  private static let connections: [HTTP1Case] = [
    taken("9.3", "HTTP/1.1 keeps a connection", get + "\r\n" + get + "\r\n", 200, 200),
    taken(
      "9.3", "HTTP/1.0 keeps it when asked",
      "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get + "\r\n", 200, 200),
    taken(
      "9.3.2", "answers come in the order of requests",
      "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n" + get + "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
      204, 200, 404),
    taken(
      "9.6", "close ends it after the answer", get + "Connection: close\r\n\r\n" + get + "\r\n",
      closes: true),
    taken(
      "9.6", "close is found among others, in any case",
      get + "Connection: x, Close\r\n\r\n" + get + "\r\n", closes: true),
    taken(
      "9.3", "close wins over keep-alive",
      "GET /hello HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", closes: true),
    refused(
      "10.1", "an unknown expectation is refused", post + "Expect: x\r\nContent-Length: 1\r\n\r\na",
      417),
    taken(
      "10.1", "an expectation without a body is no reason to wait",
      get + "Expect: 100-continue\r\n\r\n"),
    taken(
      "7.8", "an upgrade that is not known is passed over",
      get + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    taken(
      "7.8", "h2c with settings that are no base64url is passed over",
      get + "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ***\r\n\r\n"),
    taken(
      "7.8", "h2c with settings of a wrong length is passed over",
      get + "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n"),
  ]
}

@Suite(.timeLimit(.minutes(5)))
struct HTTP1ConformanceTests {
  @Test(arguments: HTTP1Case.all) func theServerDoesWhatItMust(test: HTTP1Case) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    // A server may close amid what is sent.
    try? peer.send(test.bytes)
    for status in test.statuses {
      let response = try peer.response()
      #expect(response.status == status, "\(response.head)\(response.text)")
    }
    if test.closes {
      #expect(try peer.receiveUntilClosed().isEmpty)
    } else {
      try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try peer.response().text == "hello")
      #expect(peer.received.isEmpty)
    }
  }

  @Test func eachCaseHasANameOfItsOwn() {
    #expect(Set(HTTP1Case.all.map(\.testDescription)).count == HTTP1Case.all.count)
  }
}
