/// Cuts a gRPC body into messages: each has a byte that tells of compression and its length in
/// four bytes, most significant first (gRPC over HTTP/2, "Length-Prefixed-Message").
struct GRPCMessages {
  static let prefix = 5
  private let limit: Int
  private var buffer: [UInt8] = []
  private var offset = 0

  /// - Parameter limit: bytes of one message.
  init(limit: Int) {
    self.limit = limit
  }

  mutating func append(_ bytes: [UInt8]) {
    if offset > 0, offset == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.count <= 1 << 16)
      offset = 0
    } else if offset > 1 << 20 {
      buffer.removeSubrange(..<offset)
      offset = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// Whether a part of a message is left over.
  var hasRest: Bool { offset < buffer.count }

  /// The next whole message; nil until more bytes come.
  /// - Throws: `.protocolViolation` or `.tooLarge`; nothing more can be read then.
  mutating func next() throws(EtcdError) -> ArraySlice<UInt8>? {
    guard buffer.count - offset >= Self.prefix else { return nil }
    guard buffer[offset] == 0 else {
      throw EtcdError(.protocolViolation, "the answer is compressed, which was not asked for")
    }
    var length = 0
    for byte in buffer[offset + 1..<offset + Self.prefix] { length = length << 8 | Int(byte) }
    guard length <= limit else {
      throw EtcdError(.tooLarge, "an answer of \(length) bytes exceeds the limit of \(limit)")
    }
    let start = offset + Self.prefix
    guard buffer.count - start >= length else { return nil }
    offset = start + length
    return buffer[start..<offset]
  }

  /// A message with its prefix. It must have less than 4 GiB.
  static func frame(_ message: [UInt8]) -> [UInt8] {
    let count = UInt32(truncatingIfNeeded: message.count)
    var framed: [UInt8] = [0]
    framed.reserveCapacity(prefix + message.count)
    for shift in [24, 16, 8, 0] as [UInt32] {
      framed.append(UInt8(truncatingIfNeeded: count >> shift))
    }
    return framed + message
  }
}
