import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP1LimitTests {
  @Test(arguments: [
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n",
  ])
  func aLargeBodyIsRefusedEarly(head: String) throws {
    var limits = ServerLimits()
    limits.maxBodyBytes = 1_000
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send(head)
    try peer.send(String(repeating: "a", count: 1_500))
    let response = try peer.response()
    #expect(response.status == 413)
    #expect(response.text.contains("1000 bytes"))
    #expect(try peer.receiveUntilClosed().isEmpty)
  }

  @Test(arguments: ["GET /hel", "POST /echo HTTP/1.1\r\nHost: a\r\n"])
  func aSlowHeaderIsTimedOut(part: String) throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send(part)
    let response = try peer.response()
    #expect(response.status == 408)
    #expect(response.text.contains("\"retryable\":true"))
  }

  @Test func aBodyThatDripsIsTimedOut() throws {
    var limits = ServerLimits()
    limits.bodyTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\nabc")
    #expect(try peer.response().status == 408)
  }

  @Test func aSilentConnectionIsClosed() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    #expect(try peer.receiveUntilClosed().isEmpty)
  }

  @Test func emptyLinesDoNotKeepAConnectionOpen() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send("\r\n")
    #expect(try peer.receiveUntilClosed().isEmpty)
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test func anIdleConnectionIsClosed() throws {
    var limits = ServerLimits()
    limits.idleTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try peer.receiveUntilClosed().hasSuffix("hello"))
  }

  @Test func aPeerThatReadsNothingIsCutOff() throws {
    var limits = ServerLimits()
    limits.sendTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address, receiveBuffer: 4_096)
    try peer.send("GET /large?20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    try harness.waitUntil { ($0.server?.bufferedBytes ?? 0) > 0 }
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    _ = peer
  }

  @Test func aConnectionBeyondTheLimitIsToldSo() throws {
    var limits = ServerLimits()
    limits.maxConnections = 1
    let harness = try ServerHarness(limits)
    var first: RawPeer? = try RawPeer(harness.address)
    try first?.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try first?.response().status == 200)
    let second = try RawPeer(harness.address)
    let refusal = try second.response()
    #expect(refusal.status == 503)
    #expect(refusal.head.contains("retry-after: 1\r\n"))
    #expect(refusal.text.contains("too_many_connections"))
    first = nil
    try harness.waitUntil { $0.server?.connectionCount ?? 9 <= 1 }
    #expect(try second.receiveUntilClosed().isEmpty)
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    let third = try RawPeer(harness.address)
    try third.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try third.response().status == 200)
  }

  @Test func bodiesBeyondTheBudgetAreRefused() throws {
    var limits = ServerLimits()
    limits.maxBufferedBytes = 1_000
    let harness = try ServerHarness(limits)
    let holder = try RawPeer(harness.address)
    try holder.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 901\r\n\r\n")
    try holder.send(String(repeating: "a", count: 900))
    try harness.waitUntil { $0.server?.bufferedBytes ?? 0 > 900 }
    let peer = try RawPeer(harness.address)
    try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n")
    try peer.send(String(repeating: "a", count: 200))
    let refusal = try peer.response()
    #expect(refusal.status == 503)
    #expect(refusal.head.contains("retry-after: 1\r\n"))
    try holder.send("a")
    #expect(try holder.response().body.count == 901)
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }
}
