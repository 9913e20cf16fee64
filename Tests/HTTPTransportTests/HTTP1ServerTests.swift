import Foundation
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP1ServerTests {
  @Test func answersAndKeepsTheConnection() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    for _ in 0..<3 {
      try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      let response = try peer.response()
      #expect(response.status == 200)
      #expect(response.text == "hello")
      #expect(response.head.contains("content-type: text/plain\r\n"))
      #expect(response.head.contains(" GMT\r\n"))
    }
  }

  @Test func showsTheWholeRequest() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(
      "PUT /describe?a=b?c HTTP/1.1\r\nHOST: name:80\r\nX-Test:  v \r\nContent-Length: 3\r\n\r\nabc"
    )
    #expect(try peer.response().text == "PUT /describe a=b?c http1 3 host=name:80 x=v")
  }

  @Test(arguments: [
    ("GET http://other:1/describe?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /describe q", "other:1"),
    ("GET HTTP://other/describe HTTP/1.1\r\nHost: a\r\n\r\n", "GET /describe ", "other"),
  ])
  func takesAbsoluteTargets(request: String, expected: String, host: String) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(request)
    #expect(try peer.response().text == "\(expected) http1 0 host=\(host) x=-")
  }

  @Test func answersPipelinedRequestsInOrder() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    let count = 500
    var bytes = ""
    for index in 0..<count {
      bytes += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
      bytes += String(String(1000 + index).suffix(3))
    }
    try peer.send(bytes)
    for index in 0..<count {
      #expect(try peer.response().text == String(String(1000 + index).suffix(3)))
    }
  }

  @Test func pipelinedRequestsWaitForADelayedAnswer() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(
      "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    try harness.waitUntil { $0.tokens.count == 1 }
    #expect(try harness.onLoop { $0.handler.handled } == 1)
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 1)
    #expect(try peer.response().text == "late")
    #expect(try peer.response().text == "hello")
  }

  @Test func readsChunkedBodiesAndDropsTrailers() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    let request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n"
    for byte in request.utf8 { try peer.send([byte]) }
    #expect(try peer.response().text == "hello world")
    try peer.send(request)
    #expect(try peer.response().text == "hello world")
  }

  @Test func headGetsTheLengthWithoutTheBody() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = try peer.response(to: "HEAD")
    #expect(head.head.contains("content-length: 5\r\n"))
    let empty = try peer.response()
    #expect(empty.status == 204)
    #expect(!empty.head.contains("content-length"))
  }

  @Test func saysContinueBeforeTheBody() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(
      "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    #expect(try peer.response().status == 100)
    try peer.send("body")
    #expect(try peer.response().text == "body")
  }

  @Test(arguments: [
    "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /hello HTTP/1.0\r\n\r\n",
  ])
  func closesWhenAsked(request: String) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(request)
    let text = try peer.receiveUntilClosed()
    #expect(text.contains("connection: close\r\n"))
    #expect(text.hasSuffix("hello"))
  }

  @Test func keepsAnHTTP10ConnectionWhenAsked() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    for _ in 0..<2 {
      try peer.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(try peer.response().head.contains("connection: keep-alive\r\n"))
    }
  }

  @Test func aHalfClosedPeerStillGetsItsAnswer() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
    peer.finishSending()
    try harness.waitUntil { $0.tokens.count == 1 }
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 1)
    #expect(try peer.receiveUntilClosed().hasSuffix("late"))
  }

  @Test func aSlowReaderGetsALargeAnswerWhole() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address, receiveBuffer: 4_096)
    let count = 5 * 1_048_576
    try peer.send("GET /large?\(count) HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = try peer.response()
    #expect(response.body == TestHandler.pattern(count))
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test func aFieldValueCannotEndTheField() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send("GET /split HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = try peer.response().head
    #expect(head.contains("x-value: a  x-injected: 1\r\n"))
    #expect(head.contains("x-dynamic: kept\r\n"))
    #expect(!head.contains("dropped"))
    #expect(!head.contains("999"))
  }

  @Test func upgradesToHTTP2() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(
      "POST /describe HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n\r\nab")
    #expect(try peer.response().status == 101)
    let client = HTTP2Peer(peer)
    try client.start()
    #expect(try client.body(of: 1) == "POST /describe  http2 2 host=a x=-")
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test(arguments: ["websocket", "h2c"])
  func anUpgradeThatCannotBeIsAnsweredPlainly(protocolName: String) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(
      "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: \(protocolName)\r\n\r\n")
    #expect(try peer.response().text == "hello")
    try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try peer.response().text == "hello")
  }
}
