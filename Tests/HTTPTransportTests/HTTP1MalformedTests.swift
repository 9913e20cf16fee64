import Foundation
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP1MalformedTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let request: String
    let status: Int
    /// A word of the answer's sentence.
    let word: String
    var testDescription: String { name }
  }

  static let get = "GET /hello HTTP/1.1\r\nHost: a\r\n"
  static let post = "POST /echo HTTP/1.1\r\nHost: a\r\n"
  static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  static let cases: [Case] = [
    Case(name: "TLS", request: "\u{16}\u{3}\u{1}\u{2}\r\n\r\n", status: 400, word: "TLS"),
    Case(name: "unknown method", request: "BREW / HTTP/1.1\r\n\r\n", status: 501, word: "method"),
    Case(
      name: "CONNECT", request: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", status: 501,
      word: "CONNECT"),
    Case(name: "HTTP/0.9", request: "GET /hello\r\n\r\n", status: 505, word: "HTTP/1.0"),
    Case(
      name: "HTTP/3.0", request: "GET / HTTP/3.0\r\nHost: a\r\n\r\n", status: 505,
      word: "HTTP/1.0"),
    Case(
      name: "no version", request: "GET / FTP/1.1\r\nHost: a\r\n\r\n", status: 400, word: "HTTP/1.1"
    ),
    Case(name: "bare LF", request: "GET /hello HTTP/1.1\nHost: a\r\n\r\n", status: 400, word: "LF"),
    Case(
      name: "bare LF at the end", request: "GET / HTTP/1.1\r\nHost: a\n\n", status: 400,
      word: "LF"),
    Case(name: "bare CR", request: get + "X: a\rb\r\n\r\n", status: 400, word: "CR"),
    Case(name: "folded field", request: get + "X: a\r\n b\r\n\r\n", status: 400, word: "folded"),
    Case(
      name: "folded first field", request: "GET / HTTP/1.1\r\n Host: a\r\n\r\n", status: 400,
      word: "folded"),
    Case(name: "space before colon", request: get + "X : a\r\n\r\n", status: 400, word: "header"),
    Case(name: "NUL in a value", request: get + "X: \0\r\n\r\n", status: 400, word: "header"),
    Case(name: "no colon", request: get + "Xyz\r\n\r\n", status: 400, word: "header"),
    Case(name: "no host", request: "GET / HTTP/1.1\r\n\r\n", status: 400, word: "host"),
    Case(name: "two hosts", request: get + "Host: b\r\n\r\n", status: 400, word: "host"),
    Case(
      name: "host with a path", request: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", status: 400,
      word: "host"),
    Case(
      name: "fragment", request: "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", status: 400,
      word: "fragment"),
    Case(
      name: "target without slash", request: "GET * HTTP/1.1\r\nHost: a\r\n\r\n", status: 400,
      word: "target"),
    Case(
      name: "length and chunked",
      request: post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      status: 400, word: "Content-Length"),
    Case(
      name: "chunked and length",
      request: post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      status: 400, word: "Content-Length"),
    Case(
      name: "two lengths", request: post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      status: 400, word: "Content-Length"),
    Case(
      name: "list of lengths", request: post + "Content-Length: 3, 3\r\n\r\nabc", status: 400,
      word: "Content-Length"),
    Case(
      name: "negative length", request: post + "Content-Length: -1\r\n\r\n", status: 400,
      word: "Content-Length"),
    Case(
      name: "signed length", request: post + "Content-Length: +1\r\n\r\na", status: 400,
      word: "Content-Length"),
    Case(
      name: "endless length", request: post + "Content-Length: 99999999999999999999999\r\n\r\n",
      status: 400, word: "Content-Length"),
    Case(
      name: "large length", request: post + "Content-Length: 9223372036854775807\r\n\r\n",
      status: 413, word: "exceeds"),
    Case(
      name: "coding before chunked", request: post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      status: 501, word: "chunked"),
    Case(
      name: "coding after chunked", request: post + "Transfer-Encoding: chunked, gzip\r\n\r\n",
      status: 400, word: "chunked"),
    Case(
      name: "two codings",
      request: post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      status: 501, word: "chunked"),
    Case(
      name: "chunked in HTTP/1.0",
      request: "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 400,
      word: "HTTP/1.0"),
    Case(name: "chunk size", request: chunked + "zz\r\n", status: 400, word: "hexadecimal"),
    Case(
      name: "endless chunk size", request: chunked + "fffffffffffffffff\r\n", status: 400,
      word: "size"),
    Case(name: "chunk too long", request: chunked + "1\r\nabc", status: 400, word: "longer"),
    Case(
      name: "chunk without end", request: chunked + "1\r\na0\r\n\r\n", status: 400, word: "longer"),
    Case(name: "bare CR after size", request: chunked + "1\rxa\r\n", status: 400, word: "CR"),
    Case(
      name: "two spaces", request: "GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", status: 400,
      word: "line"),
    Case(
      name: "raw UTF-8", request: "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", status: 400,
      word: "ASCII"),
    Case(name: "bare LF after size", request: chunked + "1;a\nb\r\n0\r\n", status: 400, word: "LF"),
    Case(
      name: "bare LF in trailers", request: chunked + "1\r\na\r\n0\r\nX: 1\n\r\n", status: 400,
      word: "LF"),
    Case(
      name: "folded trailer", request: chunked + "1\r\na\r\n0\r\nX: 1\r\n Y\r\n\r\n", status: 400,
      word: "space"),
    Case(
      name: "unknown expectation", request: post + "Expect: magic\r\nContent-Length: 1\r\n\r\na",
      status: 417, word: "100-continue"),
    Case(
      name: "long target", request: "GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\n",
      status: 414, word: "target"),
    Case(
      name: "endless target", request: "GET /\(String(repeating: "a", count: 100_000))",
      status: 414, word: "target"),
    Case(
      name: "large field", request: get + "X: \(String(repeating: "a", count: 33_000))\r\n\r\n",
      status: 431, word: "bytes"),
    Case(
      name: "endless field", request: get + "X: \(String(repeating: "a", count: 100_000))",
      status: 431, word: "bytes"),
    Case(
      name: "many fields", request: get + String(repeating: "X: a\r\n", count: 100) + "\r\n",
      status: 431, word: "64"),
  ]

  @Test(arguments: cases) func getsAClearErrorAndTheServerLivesOn(test: Case) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(test.request)
    let response = try peer.response()
    #expect(response.status == test.status, "\(response.head)\(response.text)")
    #expect(response.head.contains("content-type: application/problem+json\r\n"))
    #expect(response.head.contains("connection: close\r\n"))
    #expect(response.text.contains(test.word), "\(response.text)")
    let problem = try #require(
      try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
    #expect(problem["status"] as? Int == test.status)
    #expect(problem["retryable"] as? Bool == false)
    // Nothing follows, and the end is an end, not a reset.
    #expect(try peer.receiveUntilClosed().isEmpty)
    #expect(try harness.onLoop { $0.handler.handled } == 0)
    let next = try RawPeer(harness.address)
    try next.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try next.response().text == "hello")
  }

  @Test(arguments: [
    "G", "GET /hello HTTP/1.1\r\nHost",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
    chunked + "5\r\nab",
  ])
  func aTruncatedRequestIsToldSo(request: String) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(request)
    peer.finishSending()
    let response = try peer.response()
    #expect(response.status == 400)
    #expect(response.text.contains("ended amid"))
    #expect(try harness.onLoop { $0.handler.handled } == 0)
  }

  @Test func everyPrefixOfARequestIsHarmless() throws {
    let harness = try ServerHarness()
    let request = Array((HTTP1MalformedTests.chunked + "5\r\nhello\r\n0\r\nA: b\r\n\r\n").utf8)
    for count in 0..<request.count {
      let peer = try RawPeer(harness.address)
      try peer.send(Array(request[..<count]))
      peer.finishSending()
      let text = try peer.receiveUntilClosed()
      #expect(count == 0 ? text.isEmpty : text.hasPrefix("HTTP/1.1 400 "), "\(count): \(text)")
    }
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
  }

  @Test func anErrorAfterAGoodRequestKeepsTheOrder() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(HTTP1MalformedTests.get + "\r\nBREW\r\n\r\n")
    #expect(try peer.response().text == "hello")
    #expect(try peer.response().status == 501)
  }
}
