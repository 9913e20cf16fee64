import HTTPTransport

/// A client that speaks HTTP/2 frame by frame, so that tests can also speak it wrongly.
final class HTTP2Peer {
  struct Frame {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    var bytes: [UInt8] {
      let count = payload.count
      return [
        UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8),
        UInt8(truncatingIfNeeded: count), type, flags,
      ] + HTTP2Peer.word(stream) + payload
    }

    /// The error code of RST_STREAM and GOAWAY.
    var errorCode: Int {
      let start = type == HTTP2Peer.goAway ? 4 : 0
      guard payload.count >= start + 4 else { return -1 }
      return payload[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    }
  }

  static let data: UInt8 = 0
  static let headers: UInt8 = 1
  static let reset: UInt8 = 3
  static let settings: UInt8 = 4
  static let ping: UInt8 = 6
  static let goAway: UInt8 = 7
  static let windowUpdate: UInt8 = 8
  static let continuation: UInt8 = 9
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  let peer: RawPeer
  /// Frames that came and were not asked for yet.
  private var waiting: [Frame] = []

  init(_ peer: RawPeer) {
    self.peer = peer
  }

  convenience init(_ address: SocketAddress) throws {
    self.init(try RawPeer(address))
    try start()
  }

  /// Sends the preface and settings.
  func start(_ settings: [(UInt16, UInt32)] = []) throws {
    var payload: [UInt8] = []
    for (id, value) in settings {
      payload += [UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id)]
      payload += HTTP2Peer.word(value)
    }
    try peer.send(HTTP2Peer.preface + Frame(type: HTTP2Peer.settings, payload: payload).bytes)
  }

  static func word(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// Fields as literals without indexing (RFC 7541 section 6.2.2).
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { name, value in [0] + string(name) + string(value) }
  }

  private static func string(_ text: String) -> [UInt8] {
    var length: [UInt8] = []
    var rest = text.utf8.count
    if rest < 127 {
      length = [UInt8(rest)]
    } else {
      length = [127]
      rest -= 127
      while rest >= 128 {
        length.append(UInt8(rest & 127 | 128))
        rest >>= 7
      }
      length.append(UInt8(rest))
    }
    return length + Array(text.utf8)
  }

  static func fields(
    _ method: String, _ path: String, _ more: [(String, String)] = []
  ) -> [(String, String)] {
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")] + more
  }

  func send(_ frames: Frame...) throws { try peer.send(frames.flatMap(\.bytes)) }

  func request(
    _ stream: UInt32, _ path: String, method: String = "GET", _ more: [(String, String)] = [],
    body: [UInt8]? = nil
  ) throws {
    var frames = [
      Frame(
        type: HTTP2Peer.headers, flags: body == nil ? 5 : 4, stream: stream,
        payload: HTTP2Peer.block(HTTP2Peer.fields(method, path, more)))
    ]
    if let body {
      frames.append(Frame(type: HTTP2Peer.data, flags: 1, stream: stream, payload: body))
    }
    try peer.send(frames.flatMap(\.bytes))
  }

  /// The next frame; nil when the server has closed the connection.
  func next() throws -> Frame? {
    do {
      let head = try peer.take(9)
      let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      let stream = head[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return Frame(
        type: head[3], flags: head[4], stream: stream, payload: try peer.take(count))
    } catch HarnessError.closed {
      return nil
    }
  }

  /// Takes the first frame that fits and keeps those before it for later calls.
  func first(_ fits: (Frame) -> Bool) throws -> Frame {
    if let index = waiting.firstIndex(where: fits) { return waiting.remove(at: index) }
    while let frame = try next() {
      if fits(frame) { return frame }
      waiting.append(frame)
    }
    throw HarnessError.closed
  }

  func first(_ type: UInt8, stream: UInt32? = nil) throws -> Frame {
    try first { $0.type == type && (stream == nil || $0.stream == stream) }
  }

  /// The answer's body once the stream ends.
  func bytes(of stream: UInt32) throws -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let frame = try first {
        $0.stream == stream
          && [HTTP2Peer.data, HTTP2Peer.headers, HTTP2Peer.reset].contains($0.type)
      }
      if frame.type == HTTP2Peer.data { body += frame.payload }
      if frame.type == HTTP2Peer.reset { throw HarnessError.malformed("reset \(frame.errorCode)") }
      if frame.flags & 1 != 0 { return body }
    }
  }

  func body(of stream: UInt32) throws -> String {
    String(decoding: try bytes(of: stream), as: UTF8.self)
  }
}
