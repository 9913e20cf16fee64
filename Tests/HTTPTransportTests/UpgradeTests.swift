import Foundation
import HTTPTransport
import Testing

/// Requests that ask to go on in HTTP/2 (RFC 7540 section 3.2) and whose answers take time.
@Suite(.timeLimit(.minutes(1)))
struct UpgradeTests {
  private static let settings = "AAMAAABkAAQAAP__"

  private func ask(_ method: String, _ path: String, body: String?) -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      + "Upgrade: h2c\r\nHTTP2-Settings: \(UpgradeTests.settings)\r\n"
      + (body.map { "Content-Length: \($0.utf8.count)\r\n\r\n\($0)" } ?? "\r\n")
  }

  @Test(arguments: [
    ("GET", nil), ("HEAD", nil), ("DELETE", nil), ("POST", "ab"), ("PUT", "ab"),
    ("DELETE", "ab"),
  ])
  func anAnswerThatComesAfterThePrefaceArrives(method: String, body: String?) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(ask(method, "/later", body: body))
    #expect(try peer.response().status == 101)
    let client = HTTP2Peer(peer)
    try client.start()
    // The acknowledgement of the client's settings.
    _ = try client.first { $0.type == HTTP2Peer.settings && $0.flags == 1 }
    try harness.waitUntil { $0.tokens.count == 1 }
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 1)
    #expect(try client.body(of: 1) == (method == "HEAD" ? "" : "late"))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test(arguments: [
    ("GET", nil), ("HEAD", nil), ("DELETE", nil), ("POST", "ab"), ("PUT", "ab"),
    ("DELETE", "ab"),
  ])
  func anAnswerThatComesBeforeThePrefaceArrives(method: String, body: String?) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(ask(method, "/later", body: body))
    #expect(try peer.response().status == 101)
    try harness.waitUntil { $0.tokens.count == 1 }
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 1)
    let client = HTTP2Peer(peer)
    try client.start()
    #expect(try client.body(of: 1) == (method == "HEAD" ? "" : "late"))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test(
    .enabled(if: OtherClientTests.has("curl")),
    arguments: [
      ["-d", "(\"k\",\"x\")"], ["-X", "PUT", "-d", "a"], ["-X", "DELETE"], [],
      ["-T", "/etc/passwd"], ["-I"],
    ])
  func curlGetsAnAnswerThatTakesTime(arguments: [String]) throws {
    let harness = try ServerHarness()
    let answer = try OtherClientTests.run(
      "curl",
      OtherClientTests.curl + ["--http2"] + arguments + ["http://\(harness.address)/timer"])
    if arguments == ["-I"] {
      #expect(answer.contains("HTTP/2 200"))
    } else {
      #expect(answer == "late")
    }
  }
}
