import HTTPTransport

/// Plays one case against a server and compares what comes back.
///
/// After the case's bytes follows a PING, and another when that is acknowledged: what a server has
/// to say about the case is here before the second acknowledgement, so that silence needs no clock.
struct ConformanceRunner {
  private let test: ConformanceCase
  private let client: HTTP2Peer
  private var acknowledgements = 0
  private var received = 0
  private var interim = false
  /// The code of GOAWAY.
  private var goAway: Int?

  private static let mark = Array("conform!".utf8)

  private init(_ test: ConformanceCase, _ client: HTTP2Peer) {
    self.test = test
    self.client = client
  }

  /// What is wrong, nil when the server does what it must.
  static func fault(of test: ConformanceCase, at address: SocketAddress) throws -> String? {
    let client = HTTP2Peer(try RawPeer(address))
    if let settings = test.settings { try client.start(settings) }
    // A server may close amid what is sent.
    try? client.peer.send(test.bytes)
    try? client.send(TestFrame(type: HTTP2Peer.ping, payload: mark))
    var runner = ConformanceRunner(test, client)
    return try runner.run()
  }

  private mutating func run() throws -> String? {
    while true {
      let frame: TestFrame?
      do {
        frame = try client.next()
      } catch HarnessError.timedOut {
        return "the server is silent"
      }
      guard let frame else { return ended() }
      if let verdict = judge(frame) { return verdict.isEmpty ? nil : verdict }
    }
  }

  /// An empty string when the case is passed, nil when more has to come.
  private mutating func judge(_ frame: TestFrame) -> String? {
    switch frame.type {
    case HTTP2Peer.goAway:
      goAway = frame.errorCode
      return nil
    case HTTP2Peer.reset: return judgeReset(frame)
    case HTTP2Peer.headers: return judgeHeaders(frame)
    case HTTP2Peer.data:
      received += frame.payload.count
      return frame.flags & Flag.endStream != 0 ? judgeEnd(frame.stream) : nil
    default: break
    }
    if case .acknowledged(let type, let payload) = test.expected, frame.type == type,
      frame.flags & Flag.ack != 0, frame.payload == payload
    {
      // The acknowledgement of the client's first SETTINGS is none of the case.
      received += 1
      if type != HTTP2Peer.settings || received == 2 { return "" }
    }
    guard frame.type == HTTP2Peer.ping, frame.payload == ConformanceRunner.mark else { return nil }
    acknowledgements += 1
    if acknowledgements == 1 {
      try? client.send(TestFrame(type: HTTP2Peer.ping, payload: ConformanceRunner.mark))
      return nil
    }
    return settled()
  }

  private func judgeReset(_ frame: TestFrame) -> String? {
    switch test.expected {
    case .stream(frame.stream, let codes)
    where codes.contains(where: { $0.rawValue == frame.errorCode }):
      return ""
    case .malformed(frame.stream) where frame.errorCode == HTTP2Code.protocolError.rawValue:
      return ""
    case .connection: return nil
    // An earlier request of the case was refused, as it may be.
    case .stream(let other, _) where other != frame.stream: return nil
    case .answered(let other) where other != frame.stream: return nil
    default: return "stream \(frame.stream) is reset with \(frame.errorCode)"
    }
  }

  private mutating func judgeHeaders(_ frame: TestFrame) -> String? {
    let status = ConformanceRunner.status(in: frame.payload)
    if let status, status < 200 {
      interim = true
      return nil
    }
    if case .malformed(frame.stream) = test.expected {
      guard let status, (400..<600).contains(status) else { return "answered \(status ?? 0)" }
      return ""
    }
    return frame.flags & Flag.endStream != 0 ? judgeEnd(frame.stream) : nil
  }

  private func judgeEnd(_ stream: UInt32) -> String? {
    switch test.expected {
    case .answered(stream): return ""
    case .continued(stream): return interim ? "" : "no interim answer came"
    case .ignored, .data(stream, _): return "stream \(stream) is answered"
    // An earlier request of the case may be answered before the fault is found.
    default: return nil
    }
  }

  /// All that the case causes has come, and the connection goes on.
  private func settled() -> String? {
    switch test.expected {
    case .ignored: return ""
    case .data(_, let count): return received == count ? "" : "\(received) bytes came"
    // Handlers may answer later.
    case .answered, .continued: return nil
    default: return "nothing happens"
    }
  }

  private func ended() -> String? {
    guard case .connection(let codes) = test.expected else {
      if case .stream(_, let codes) = test.expected, let goAway {
        return codes.contains { $0.rawValue == goAway } ? nil : "GOAWAY with \(goAway)"
      }
      if case .malformed = test.expected, goAway == HTTP2Code.protocolError.rawValue { return nil }
      return "the connection ends, GOAWAY \(goAway.map(String.init) ?? "missing")"
    }
    guard let goAway else { return "the connection ends without GOAWAY" }
    return codes.contains { $0.rawValue == goAway } ? nil : "GOAWAY with \(goAway)"
  }

  /// The status that a header block begins with; nil when it is not written plainly.
  private static func status(in block: [UInt8]) -> Int? {
    var rest = block.drop { $0 & 0xE0 == 0x20 }
    guard let first = rest.popFirst() else { return nil }
    let table = [200, 204, 206, 304, 400, 404, 500]
    if (0x88...0x8E).contains(first) { return table[Int(first) - 0x88] }
    guard first & 0x3F == 8 || first & 0x0F == 8, let length = rest.popFirst() else { return nil }
    let value = rest.prefix(Int(length & 0x7F))
    guard length & 0x80 != 0 else { return Int(String(decoding: value, as: UTF8.self)) }
    // The digits in Huffman code: 0 to 2 take five bits, the others six (RFC 7541 appendix B).
    var bits = value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } << UInt64(64 - 8 * value.count)
    var status = 0
    for _ in 0..<3 {
      let short = Int(bits >> 59)
      status = status * 10 + (short < 3 ? short : Int(bits >> 58) - 0x19 + 3)
      bits <<= short < 3 ? 5 : 6
    }
    return status
  }
}
