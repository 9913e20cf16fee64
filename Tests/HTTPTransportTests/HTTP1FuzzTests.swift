import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP1FuzzTests {
  /// Seeded mutations of good requests: whatever comes, each connection ends with whole answers
  /// and the server serves the next.
  @Test(arguments: 0..<8) func mutatedBytesAreHarmless(seed: UInt64) throws {
    var limits = ServerLimits()
    limits.lingerTimeout = .milliseconds(20)
    let harness = try ServerHarness(limits)
    var random = SplitMix(state: seed &+ 1_000)
    let good = Array(
      ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
        + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
        + "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n").utf8)
    let spice: [UInt8] = [0, 9, 10, 13, 32, 35, 44, 47, 48, 58, 59, 63, 64, 127, 128, 255]
    for _ in 0..<80 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        let byte = spice.randomElement(using: &random) ?? 0
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] = byte
        case 1: bytes.insert(byte, at: index)
        default: bytes.remove(at: index)
        }
      }
      let peer = try RawPeer(harness.address)
      try peer.send(bytes)
      peer.finishSending()
      let text = try peer.receiveUntilClosed()
      // What is not HTTP/1.x is told so in HTTP/2.
      #expect(
        text.isEmpty || text.hasPrefix("HTTP/1.1 ") || text.hasPrefix("\0\0\0\u{4}"))
    }
    try expectAlive(harness)
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  /// The same bytes in pieces of any size mean the same.
  @Test(arguments: [1, 2, 3, 7, 16, 61]) func piecesDoNotMatter(size: Int) throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    let bytes = Array(
      ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\nA;x\r\n, worldly!\r\n0\r\nT: u\r\nV: w\r\n\r\n"
        + "\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n").utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      try peer.send(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    #expect(try peer.response().text == "hello, worldly!")
    #expect(try peer.response().text == "hello")
  }

  @Test func serverWideOptionsAreHandedOn() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try peer.response().status == 404)
  }
}
