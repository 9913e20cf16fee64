import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP2MalformedTests {
  typealias Frame = HTTP2Peer.Frame

  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    var testDescription: String { name }
  }

  static func request(_ fields: [(String, String)], flags: UInt8 = 5) -> [UInt8] {
    Frame(
      type: HTTP2Peer.headers, flags: flags, stream: 1, payload: HTTP2Peer.block(fields)
    ).bytes
  }

  /// Each breaks the connection (RFC 9113 section 5.4.1).
  static let fatal: [Case] = [
    Case(name: "DATA on stream 0", bytes: Frame(type: 0, payload: [1]).bytes),
    Case(name: "DATA on an idle stream", bytes: Frame(type: 0, stream: 1, payload: [1]).bytes),
    Case(name: "HEADERS on stream 0", bytes: Frame(type: 1, flags: 5).bytes),
    Case(name: "HEADERS on an even stream", bytes: Frame(type: 1, flags: 5, stream: 2).bytes),
    Case(
      name: "broken HPACK",
      bytes: Frame(type: 1, flags: 5, stream: 1, payload: [0xFF, 0xFF, 0xFF]).bytes),
    Case(name: "short SETTINGS", bytes: Frame(type: 4, payload: [1, 2, 3]).bytes),
    Case(name: "short PING", bytes: Frame(type: 6, payload: [1]).bytes),
    Case(
      name: "window update of 0", bytes: Frame(type: 8, payload: [0, 0, 0, 0]).bytes),
    Case(
      name: "window overflow", bytes: Frame(type: 8, payload: [0x7F, 0xFF, 0xFF, 0xFF]).bytes),
    Case(name: "too large a frame", bytes: [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1]),
    Case(name: "PUSH_PROMISE", bytes: Frame(type: 5, flags: 4, stream: 1).bytes),
    Case(
      name: "CONTINUATION without HEADERS", bytes: Frame(type: 9, flags: 4, stream: 1).bytes),
    Case(
      name: "DATA amid a header block",
      bytes: Frame(type: 1, stream: 1).bytes + Frame(type: 0, stream: 1).bytes),
    Case(
      name: "endless CONTINUATION",
      bytes: Frame(type: 1, stream: 1).bytes
        + (0..<50).flatMap { _ in Frame(type: 9, stream: 1, payload: [0, 1, 97, 1, 97]).bytes }),
  ]

  @Test(arguments: fatal) func aBrokenConnectionGetsGoAway(test: Case) throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.peer.send(test.bytes)
    let goAway = try client.first(HTTP2Peer.goAway)
    #expect(goAway.errorCode > 0)
    while try client.next() != nil {}
    try expectAlive(harness)
  }

  /// Each breaks one stream only (RFC 9113 section 8.1.1).
  static let malformed: [Case] = [
    Case(
      name: "no method",
      bytes: request([(":scheme", "http"), (":path", "/"), (":authority", "a")])),
    Case(name: "no path", bytes: request([(":method", "GET"), (":scheme", "http")])),
    Case(name: "empty path", bytes: request(HTTP2Peer.fields("GET", ""))),
    Case(name: "relative path", bytes: request(HTTP2Peer.fields("GET", "hello"))),
    Case(name: "two methods", bytes: request([(":method", "GET")] + HTTP2Peer.fields("GET", "/"))),
    Case(
      name: "unknown pseudo-field", bytes: request(HTTP2Peer.fields("GET", "/") + [(":x", "1")])),
    Case(
      name: "pseudo-field after a field",
      bytes: request([(":method", "GET"), ("a", "b"), (":scheme", "http"), (":path", "/")])),
    Case(
      name: "connection field",
      bytes: request(HTTP2Peer.fields("GET", "/", [("connection", "close")]))
    ),
    Case(name: "upper case", bytes: request(HTTP2Peer.fields("GET", "/", [("Upper", "a")]))),
    Case(
      name: "transfer-encoding",
      bytes: request(HTTP2Peer.fields("GET", "/", [("transfer-encoding", "chunked")]))),
    Case(
      name: "body shorter than declared",
      bytes: request(HTTP2Peer.fields("POST", "/echo", [("content-length", "5")]), flags: 4)
        + Frame(type: 0, flags: 1, stream: 1, payload: [1]).bytes),
    Case(
      name: "body longer than declared",
      bytes: request(HTTP2Peer.fields("POST", "/echo", [("content-length", "1")]), flags: 4)
        + Frame(type: 0, flags: 1, stream: 1, payload: [1, 2]).bytes),
    Case(
      name: "two lengths",
      bytes: request(
        HTTP2Peer.fields("POST", "/echo", [("content-length", "1"), ("content-length", "2")]))),
  ]

  @Test(arguments: malformed) func aMalformedRequestIsResetAndTheConnectionGoesOn(test: Case) throws
  {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.peer.send(test.bytes)
    let reset = try client.first(HTTP2Peer.reset, stream: 1)
    #expect(reset.errorCode == 1)
    #expect(try harness.onLoop { $0.handler.handled } == 0)
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test(arguments: [[("a", "b\u{1}c")], [("sp ace", "a")]])
  func aFieldThatHTTP2ForbidsIsExplained(fields: [(String, String)]) throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/hello", fields)
    #expect(try client.body(of: 1).contains("\"status\":400"))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test(arguments: ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI / HTTP/1.1\r\nHost: a\r\n\r\n"])
  func aWrongPrefaceEndsTheConnection(preface: String) throws {
    let harness = try ServerHarness()
    let client = HTTP2Peer(try RawPeer(harness.address))
    try client.peer.send(preface)
    while try client.next() != nil {}
    try expectAlive(harness)
  }

  @Test func everyTruncationIsHarmless() throws {
    let harness = try ServerHarness()
    let settings = Frame(type: HTTP2Peer.settings).bytes
    let bytes =
      HTTP2Peer.preface + settings
      + HTTP2MalformedTests.request(HTTP2Peer.fields("POST", "/echo"), flags: 4)
      + Frame(type: 0, flags: 1, stream: 1, payload: [1, 2, 3]).bytes
    for count in 0..<bytes.count {
      let peer = try RawPeer(harness.address)
      try peer.send(Array(bytes[..<count]))
      peer.finishSending()
      _ = try peer.receiveUntilClosed()
    }
    #expect(try harness.onLoop { $0.handler.handled } == 0)
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  /// Seeded mutations of a good conversation: whatever comes, the server serves the next.
  @Test(arguments: 0..<8) func mutatedBytesAreHarmless(seed: UInt64) throws {
    var limits = ServerLimits()
    limits.lingerTimeout = .milliseconds(20)
    let harness = try ServerHarness(limits)
    var random = SplitMix(state: seed)
    let good =
      HTTP2Peer.preface + Frame(type: HTTP2Peer.settings).bytes
      + HTTP2MalformedTests.request(HTTP2Peer.fields("POST", "/echo"), flags: 4)
      + Frame(type: 0, flags: 1, stream: 1, payload: [UInt8](repeating: 65, count: 100)).bytes
      + Frame(type: HTTP2Peer.ping, payload: [UInt8](repeating: 1, count: 8)).bytes
    for _ in 0..<60 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 24..<bytes.count, using: &random)
        bytes[index] = UInt8.random(in: 0...255, using: &random)
      }
      let peer = try RawPeer(harness.address)
      try? peer.send(bytes)
      peer.finishSending()
      while (try? peer.receiveSome()) == true {}
    }
    try expectAlive(harness)
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func expectAlive(_ harness: ServerHarness) throws {
  let client = try HTTP2Peer(harness.address)
  try client.request(1, "/hello")
  #expect(try client.body(of: 1) == "hello")
}
