/// RFC 9113 section 8: requests.
enum MessageCases {
  static let all = framing + fields + connection + pseudo + lengths + others

  private static func request(
    _ section: String, _ rule: String, _ fields: [(String, String)],
    _ expected: ConformanceCase.Expectation = .malformed(1)
  ) -> ConformanceCase {
    .init(section, rule, [headers(1, fields)], expected)
  }

  private static func good(_ more: [(String, String)]) -> [(String, String)] {
    HTTP2Peer.fields("GET", "/hello", more)
  }

  private static let framing: [ConformanceCase] = [
    .init(
      "RFC 9113 8.1", "trailers without END_STREAM are malformed",
      [post(), data(1, [65], 0), headers(1, [("x", "y")], Flag.endHeaders), data(1)],
      .streamError(1, .protocolError)),
    .init(
      "RFC 9113 8.1", "trailers end a request",
      [post(), data(1, [65], 0), headers(1, [("x", "y")])], .answered(1)),
    .init(
      "RFC 9113 8.1", "trailers may follow the header section at once",
      [post(), headers(1, [("x", "y")])], .answered(1)),
    .init(
      "RFC 9113 8.1", "pseudo-fields in trailers are malformed",
      [post(), data(1, [65], 0), headers(1, [(":method", "GET")])], .malformed(1)),
    .init(
      "RFC 9113 8.1", "an expectation is answered before the body comes",
      [post(1, [("expect", "100-continue"), ("content-length", "1")]), data(1)], .continued(1)),
  ]

  private static let fields: [ConformanceCase] = [
    request("RFC 9113 8.2.1", "names in upper case are malformed", good([("X-Test", "a")])),
    request("RFC 9113 8.2.1", "a space in a name is malformed", good([("x y", "a")])),
    request(
      "RFC 9113 8.2.1", "a control character in a name is malformed", good([("x\u{1}", "a")])),
    request("RFC 9113 8.2.1", "a byte beyond ASCII in a name is malformed", good([("xé", "a")])),
    request("RFC 9113 8.2.1", "a colon within a name is malformed", good([("x:y", "a")])),
    request("RFC 9113 8.2.1", "an empty name is malformed", good([("", "a")])),
    request("RFC 9113 8.2.1", "NUL in a value is malformed", good([("x", "a\0b")])),
    request("RFC 9113 8.2.1", "CR in a value is malformed", good([("x", "a\rb")])),
    request("RFC 9113 8.2.1", "LF in a value is malformed", good([("x", "a\nb")])),
    request("RFC 9113 8.2.1", "a value that begins with a space is malformed", good([("x", " a")])),
    request("RFC 9113 8.2.1", "a value that ends with a space is malformed", good([("x", "a ")])),
    request("RFC 9113 8.2.1", "a value that begins with a tab is malformed", good([("x", "\ta")])),
    request("RFC 9113 8.2.1", "a value that ends with a tab is malformed", good([("x", "a\t")])),
    request(
      "RFC 9113 8.2.1", "a value may be empty and hold any other byte",
      good([("x", ""), ("y", "é\ta")]), .answered(1)),
    request(
      "RFC 9113 8.2.3", "cookies may come in crumbs", good([("cookie", "a=1"), ("cookie", "b=2")]),
      .answered(1)),
  ]

  private static let connection: [ConformanceCase] = [
    request("RFC 9113 8.2.2", "connection is malformed", good([("connection", "keep-alive")])),
    request("RFC 9113 8.2.2", "proxy-connection is malformed", good([("proxy-connection", "a")])),
    request("RFC 9113 8.2.2", "keep-alive is malformed", good([("keep-alive", "1")])),
    request(
      "RFC 9113 8.2.2", "transfer-encoding is malformed", good([("transfer-encoding", "chunked")])),
    request("RFC 9113 8.2.2", "upgrade is malformed", good([("upgrade", "h2c")])),
    request("RFC 9113 8.2.2", "te other than trailers is malformed", good([("te", "gzip")])),
    request(
      "RFC 9113 8.2.2", "te with trailers and more is malformed", good([("te", "trailers, gzip")])),
    request("RFC 9113 8.2.2", "te: trailers is taken", good([("te", "trailers")]), .answered(1)),
  ]

  private static let pseudo: [ConformanceCase] = [
    request("RFC 9113 8.3", "unknown pseudo-fields are malformed", good([(":test", "a")])),
    request("RFC 9113 8.3", "pseudo-fields of answers are malformed", good([(":status", "200")])),
    request(
      "RFC 9113 8.3", "pseudo-fields after others are malformed",
      [
        (":method", "GET"), (":scheme", "http"), (":path", "/hello"), ("x", "a"),
        (":authority", "a"),
      ]
    ),
    request("RFC 9113 8.3", "two of :method are malformed", good([]) + [(":method", "GET")]),
    request("RFC 9113 8.3", "two of :path are malformed", good([]) + [(":path", "/")]),
    request("RFC 9113 8.3", "two of :scheme are malformed", good([]) + [(":scheme", "http")]),
    request("RFC 9113 8.3", "two of :authority are malformed", good([]) + [(":authority", "b")]),
    request(
      "RFC 9113 8.3.1", "a request needs :method",
      [(":scheme", "http"), (":path", "/hello"), (":authority", "a")]),
    request(
      "RFC 9113 8.3.1", "a request needs :scheme",
      [(":method", "GET"), (":path", "/hello"), (":authority", "a")]),
    request(
      "RFC 9113 8.3.1", "a request needs :path",
      [(":method", "GET"), (":scheme", "http"), (":authority", "a")]),
    request("RFC 9113 8.3.1", "an empty :path is malformed", HTTP2Peer.fields("GET", "")),
    request("RFC 9113 8.3.1", ":path begins with a slash", HTTP2Peer.fields("GET", "hello")),
    request(
      "RFC 9113 8.3.1", ":path begins with a slash for other schemes too",
      [(":method", "GET"), (":scheme", "other"), (":path", "hello"), (":authority", "a")]),
    request("RFC 9113 8.3.1", "only OPTIONS has the asterisk form", HTTP2Peer.fields("GET", "*")),
    request(
      "RFC 9113 8.3.1", "OPTIONS has the asterisk form", HTTP2Peer.fields("OPTIONS", "*"),
      .answered(1)),
    request(
      "RFC 9113 8.3.1", ":authority names no user",
      [(":method", "GET"), (":scheme", "http"), (":path", "/hello"), (":authority", "u@a")]),
    request(
      "RFC 9113 8.3.1", "host may stand in for :authority",
      [(":method", "GET"), (":scheme", "http"), (":path", "/hello"), ("host", "a")], .answered(1)),
    request(
      "RFC 9113 8.3.1", "host beside an equal :authority is taken", good([("host", "a")]),
      .answered(1)),
    request(
      "RFC 9113 8.3.1", "host that differs from :authority is malformed", good([("host", "b")])),
    request("RFC 9113 8.3.1", ":method is a token", HTTP2Peer.fields("G ET", "/hello")),
    request("RFC 9113 8.3.1", ":path has no spaces", HTTP2Peer.fields("GET", "/a b")),
    request(
      "RFC 9113 8.5", "CONNECT with :path is malformed",
      [(":method", "CONNECT"), (":path", "/"), (":authority", "a:1")]),
    request(
      "RFC 9113 8.5", "CONNECT with :scheme is malformed",
      [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a:1")]),
    request("RFC 9113 8.5", "CONNECT without :authority is malformed", [(":method", "CONNECT")]),
    request(
      "RFC 9113 8.5", "CONNECT is answered by a server that is no proxy",
      [(":method", "CONNECT"), (":authority", "a:1")]),
  ]

  private static let lengths: [ConformanceCase] = [
    .init(
      "RFC 9113 8.1.1", "a body shorter than content-length is malformed",
      [post(1, [("content-length", "2")]), data(1)], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "a body longer than content-length is malformed",
      [post(1, [("content-length", "1")]), data(1, [1, 2])], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "a body longer than content-length in several frames is malformed",
      [post(1, [("content-length", "1")]), data(1, [1], 0), data(1)], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "no body where content-length tells of one is malformed",
      [headers(1, HTTP2Peer.fields("POST", "/echo", [("content-length", "1")]))], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "a content-length that is no number is malformed",
      [post(1, [("content-length", "1x")]), data(1)], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "two of content-length are malformed",
      [post(1, [("content-length", "1"), ("content-length", "1")]), data(1)], .malformed(1)),
    .init(
      "RFC 9113 8.1.1", "a body of content-length is taken",
      [post(1, [("content-length", "2")]), data(1, [1], 0), data(1)], .answered(1)),
  ]

  private static let others: [ConformanceCase] = [
    .init(
      "RFC 9113 8.4", "a client cannot push",
      [get(), TestFrame(type: 5, flags: 4, stream: 1, payload: HTTP2Peer.word(3) + [0x82])],
      .connectionError(.protocolError, .streamClosed)),
    .init(
      "RFC 9113 8.7", "streams that are refused may be repeated",
      (0..<300).map { post(UInt32(2 * $0 + 1)) },
      .streamError(599, .refusedStream, .protocolError)),
    .init(
      "RFC 9113 10.5", "an answer is given when END_STREAM came with an empty DATA frame",
      [post(), data(1, [], 0), data(1, [], 0), data(1, [])], .answered(1)),
  ]
}
