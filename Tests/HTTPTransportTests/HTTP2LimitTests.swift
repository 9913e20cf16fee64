import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP2LimitTests {
  typealias Frame = HTTP2Peer.Frame

  private func open(_ client: HTTP2Peer, _ more: [(String, String)] = []) throws {
    try client.send(
      Frame(
        type: HTTP2Peer.headers, flags: 4, stream: 1,
        payload: HTTP2Peer.block(HTTP2Peer.fields("POST", "/echo", more))))
  }

  private func expectEarlyAnswer(_ client: HTTP2Peer, status: Int) throws {
    #expect(try client.body(of: 1).contains("\"status\":\(status)"))
    // The rest of the request is not wanted, and that is no error (RFC 9113 section 8.1).
    #expect(try client.first(HTTP2Peer.reset, stream: 1).errorCode == 0)
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test func aLargeBodyIsRefusedBeforeItIsSent() throws {
    var limits = ServerLimits()
    limits.lingerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try open(client, [("content-length", "99999999999")])
    try expectEarlyAnswer(client, status: 413)
  }

  @Test func aLargeBodyIsRefusedWhileItIsSent() throws {
    var limits = ServerLimits()
    limits.maxBodyBytes = 20_000
    limits.lingerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try open(client)
    let piece = Frame(
      type: HTTP2Peer.data, stream: 1, payload: [UInt8](repeating: 1, count: 16_000))
    try client.send(piece, piece)
    try expectEarlyAnswer(client, status: 413)
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test func aRefusedBodyThatEndsNeedsNoReset() throws {
    var limits = ServerLimits()
    limits.maxBodyBytes = 10
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try open(client)
    let piece = [UInt8](repeating: 1, count: 100)
    try client.send(Frame(type: HTTP2Peer.data, stream: 1, payload: piece))
    #expect(try client.body(of: 1).contains("\"status\":413"))
    try client.send(Frame(type: HTTP2Peer.data, flags: 1, stream: 1, payload: piece))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test func manyFieldsAreRefused() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/hello", (0..<65).map { ("x-\($0)", "a") })
    #expect(try client.body(of: 1).contains("\"status\":431"))
    try client.request(3, "/hello", (0..<60).map { ("x-\($0)", "a") })
    #expect(try client.body(of: 3) == "hello")
  }

  @Test func largeFieldsAreRefused() throws {
    var limits = ServerLimits()
    limits.maxHeaderBytes = 2_000
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/hello", [("x", String(repeating: "a", count: 3_000))])
    #expect(try client.body(of: 1).contains("\"status\":431"))
    try expectAlive(harness)
  }

  @Test func aLongTargetIsRefused() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/" + String(repeating: "a", count: 9_000))
    #expect(try client.body(of: 1).contains("\"status\":414"))
  }

  @Test func aBodyThatDripsIsTimedOut() throws {
    var limits = ServerLimits()
    limits.bodyTimeout = .milliseconds(100)
    limits.lingerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try open(client)
    try client.send(Frame(type: HTTP2Peer.data, stream: 1, payload: [1]))
    try expectEarlyAnswer(client, status: 408)
  }

  @Test func aHeaderBlockThatNeverEndsIsTimedOut() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try client.send(Frame(type: HTTP2Peer.headers, stream: 1, payload: [0x82]))
    #expect(try client.first(HTTP2Peer.goAway).errorCode == 11)
    while try client.next() != nil {}
  }

  @Test func aPrefaceThatNeverEndsIsTimedOut() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address)
    try peer.send("PRI * HTTP/2.0\r\n")
    _ = try peer.receiveUntilClosed()
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test func anIdleConnectionIsSentAway() throws {
    var limits = ServerLimits()
    limits.idleTimeout = .milliseconds(500)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/hello")
    #expect(try client.body(of: 1) == "hello")
    #expect(try client.first(HTTP2Peer.goAway).errorCode == 0)
    while try client.next() != nil {}
  }

  @Test func rapidResetsEndTheConnection() throws {
    var limits = ServerLimits()
    limits.maxResets = 50
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    var bytes: [UInt8] = []
    for index in 0..<100 {
      let stream = UInt32(2 * index + 1)
      bytes +=
        Frame(
          type: HTTP2Peer.headers, flags: 5, stream: stream,
          payload: HTTP2Peer.block(HTTP2Peer.fields("GET", "/later"))
        ).bytes
      bytes += Frame(type: HTTP2Peer.reset, stream: stream, payload: HTTP2Peer.word(8)).bytes
    }
    try client.peer.send(bytes)
    // ENHANCE_YOUR_CALM
    #expect(try client.first(HTTP2Peer.goAway).errorCode == 11)
    while try client.next() != nil {}
    try expectAlive(harness)
  }

  /// A client that makes the server reset streams (CVE-2025-8671) is counted as one that resets.
  @Test func provokedResetsEndTheConnection() throws {
    var limits = ServerLimits()
    limits.maxResets = 50
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    var bytes: [UInt8] = []
    for index in 0..<100 {
      let stream = UInt32(2 * index + 1)
      bytes +=
        Frame(
          type: HTTP2Peer.headers, flags: 4, stream: stream,
          payload: HTTP2Peer.block(
            HTTP2Peer.fields("POST", "/echo", [("content-length", "1")]))
        ).bytes
      bytes += Frame(type: HTTP2Peer.data, stream: stream, payload: [1, 2]).bytes
    }
    try client.peer.send(bytes)
    #expect(try client.first(HTTP2Peer.goAway).errorCode == 11)
    while try client.next() != nil {}
    try expectAlive(harness)
  }

  @Test(arguments: [HTTP2Peer.ping, HTTP2Peer.settings])
  func floodsEndTheConnection(type: UInt8) throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let payload = type == HTTP2Peer.ping ? [UInt8](repeating: 0, count: 8) : []
    let frame = Frame(type: type, payload: payload).bytes
    // The server may close while the flood is still being sent.
    try? client.peer.send((0..<20_000).flatMap { _ in frame })
    while (try? client.next()) != nil {}
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    try expectAlive(harness)
  }

  @Test func answersThatAreNotReadAreBounded() throws {
    var limits = ServerLimits()
    limits.maxPendingResponseBytes = 100_000
    limits.sendTimeout = .milliseconds(200)
    let harness = try ServerHarness(limits)
    let client = HTTP2Peer(try RawPeer(harness.address))
    // No window at all.
    try client.start([(4, 0)])
    for index in 0..<20 { try client.request(UInt32(2 * index + 1), "/large?60000") }
    try harness.waitUntil { $0.handler.handled >= 2 }
    #expect(try harness.onLoop { $0.handler.handled } == 2)
    // What is held for a peer that takes nothing is freed with its connection.
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  /// Also when their answers come only after all requests were taken.
  @Test(arguments: ["/large?100000", "/later"])
  func connectionsThatTakeNothingLeaveRoomForOthers(path: String) throws {
    var limits = ServerLimits()
    limits.maxBufferedBytes = 10_000_000
    let harness = try ServerHarness(limits)
    var hogs: [HTTP2Peer] = []
    for _ in 0..<20 {
      let hog = HTTP2Peer(try RawPeer(harness.address))
      try hog.start([(4, 0)])
      for index in 0..<20 { try hog.request(UInt32(2 * index + 1), path) }
      try hog.send(Frame(type: HTTP2Peer.ping, payload: [UInt8](repeating: 7, count: 8)))
      _ = try hog.first { $0.type == HTTP2Peer.ping && $0.flags == 1 }
      hogs.append(hog)
    }
    _ = try harness.onLoop { context in
      context.handler.release(context.server, body: TestHandler.pattern(100_000))
    }
    #expect(try harness.onLoop { $0.server?.bufferedBytes ?? 0 } > 2_000_000)
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/large?50000")
    #expect(try client.bytes(of: 1) == TestHandler.pattern(50_000))
    try client.request(3, "/large?500000")
    try client.send(
      Frame(type: HTTP2Peer.windowUpdate, payload: HTTP2Peer.word(1_000_000)),
      Frame(type: HTTP2Peer.windowUpdate, stream: 3, payload: HTTP2Peer.word(1_000_000)))
    #expect(try client.bytes(of: 3).count == 500_000)
    hogs = []
    try harness.waitUntil { $0.server?.connectionCount == 1 && $0.server?.bufferedBytes == 0 }
  }

  @Test func streamsBeyondTheLimitAreRefused() throws {
    var limits = ServerLimits()
    limits.maxConcurrentStreams = 4
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    for index in 0..<5 { try client.request(UInt32(2 * index + 1), "/later") }
    // REFUSED_STREAM
    #expect(try client.first(HTTP2Peer.reset, stream: 9).errorCode == 7)
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 4)
    #expect(try client.body(of: 1) == "late")
  }
}
