import HTTPTransport
import Testing

/// Floods of frames: each ends its own connection after a bounded number, and no other.
@Suite(.timeLimit(.minutes(1)))
struct FrameAttackTests {
  typealias Frame = HTTP2Peer.Frame

  struct Flood: CustomTestStringConvertible, Sendable {
    let name: String
    var opening: [Frame] = []
    let frame: Frame
    var testDescription: String { name }
  }

  static let floods: [Flood] = [
    Flood(name: "PING", frame: ping()),
    Flood(
      name: "PING acknowledgements",
      frame: Frame(type: 6, flags: Flag.ack, payload: Array(1...8))),
    Flood(name: "SETTINGS", frame: Frame(type: 4)),
    Flood(name: "PRIORITY", frame: priority(1, dependsOn: 0)),
    Flood(name: "WINDOW_UPDATE", frame: window(0, 1)),
    Flood(name: "unknown frames", frame: Frame(type: 0xB0, payload: [1, 2, 3])),
    Flood(name: "empty DATA", opening: [post()], frame: data(1, [], 0)),
    Flood(name: "DATA of a byte", opening: [post()], frame: data(1, [65], 0)),
    Flood(name: "GOAWAY", frame: Frame(type: 7, payload: [0, 0, 0, 0, 0, 0, 0, 0])),
    Flood(name: "RST_STREAM on a closed stream", opening: [get()], frame: reset(1)),
  ]

  @Test("Frames that carry nothing forward end the connection", arguments: floods)
  func flood(test: Flood) throws {
    var limits = ServerLimits()
    limits.maxIdleFrames = 100
    limits.frameWindow = .seconds(1_000)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    let bytes = (test.opening + [Frame](repeating: test.frame, count: 120)).flatMap(\.bytes)
    try? client.peer.send(bytes)
    #expect(try client.first(HTTP2Peer.goAway).errorCode == HTTP2Code.enhanceYourCalm.rawValue)
    while (try? client.next()) != nil {}
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  @Test("A client whose acknowledgements are read is bounded too, however slow it is")
  func politeFlood() throws {
    var limits = ServerLimits()
    limits.maxIdleFrames = 100
    limits.frameWindow = .seconds(1_000)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    var acknowledged = 0
    while acknowledged < 200 {
      try? client.send(ping())
      guard
        (try? client.first { $0.type == HTTP2Peer.ping && $0.flags & Flag.ack != 0 }) != nil
      else { break }
      acknowledged += 1
    }
    #expect((50...101).contains(acknowledged), "\(acknowledged)")
  }

  @Test("Requests earn the frames that clients send beside them") func requestsEarn() throws {
    var limits = ServerLimits()
    limits.maxIdleFrames = 50
    limits.frameWindow = .seconds(1_000)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    for index in 0..<500 as Range<UInt32> {
      let stream = 2 * index + 1
      try client.send(
        get(stream), priority(stream, dependsOn: 0), window(0, 5), window(stream, 5), ping())
      #expect(try client.body(of: stream) == "hello")
    }
  }

  @Test("Bytes of answers earn the windows that a client opens for them") func bytesEarn() throws {
    var limits = ServerLimits()
    limits.maxIdleFrames = 20
    limits.frameWindow = .seconds(1_000)
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    try client.send(headers(1, HTTP2Peer.fields("GET", "/large?2000000")))
    var count = 0
    while count < 2_000_000 {
      let frame = try client.first(HTTP2Peer.data)
      count += frame.payload.count
      guard !frame.payload.isEmpty else { continue }
      let part = UInt32(frame.payload.count)
      try client.send(window(0, part), window(1, part))
    }
    #expect(count == 2_000_000)
  }

  @Test("A header block in many pieces ends the connection", arguments: [0, 1, 100])
  func continuations(size: Int) throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let field: [UInt8] = [0, 1, 120, UInt8(size)] + [UInt8](repeating: 121, count: size)
    let pieces = (0..<50).map { _ in continuation(1, size == 0 ? [] : field, 0) }
    try? client.peer.send(([block(1, [0x82], 0)] + pieces).flatMap(\.bytes))
    #expect(try client.first(HTTP2Peer.goAway).errorCode == HTTP2Code.enhanceYourCalm.rawValue)
    try expectAlive(harness)
  }

  @Test("A header block that is too long on the wire ends the connection") func longBlock() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    // Table sizes over and over: no field comes of them.
    let piece = [UInt8](repeating: 0x20, count: 16_000)
    let frames = [block(1, piece, 0)] + (0..<6).map { _ in continuation(1, piece, 0) }
    try? client.peer.send(frames.flatMap(\.bytes))
    let code = try client.first(HTTP2Peer.goAway).errorCode
    #expect(
      [HTTP2Code.enhanceYourCalm, .compression].map(\.rawValue).contains(code), "\(code)")
    try expectAlive(harness)
  }

  @Test("A small block that stands for a large one ends the connection") func expandingBlock()
    throws
  {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let entry: [UInt8] = [0x40, 1, 120, 127, 0xA1, 0x1E] + [UInt8](repeating: 121, count: 4_000)
    let start: [UInt8] = [0x82, 0x86, 0x84, 0x01, 1, 97]
    try client.send(
      block(1, start + entry), block(3, start + [UInt8](repeating: 0xBE, count: 16_000)))
    #expect(try client.first(HTTP2Peer.goAway).errorCode == HTTP2Code.enhanceYourCalm.rawValue)
    try expectAlive(harness)
  }

  @Test("A block that is only somewhat too large is told so") func largeBlock() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let start: [UInt8] = [0x82, 0x86, 0x84, 0x01, 1, 97]
    let entry: [UInt8] = [0x40, 1, 120, 127, 0xA1, 0x1E] + [UInt8](repeating: 121, count: 4_000)
    try client.send(block(1, start + entry + [UInt8](repeating: 0xBE, count: 10)))
    #expect(try client.body(of: 1).contains("\"status\":431"))
    try client.send(get(3))
    #expect(try client.body(of: 3) == "hello")
  }
}
