/// An input read as what a peer does: pieces of bytes, and what happens after each.
struct Script {
  enum Event {
    case nothing
    /// The loop takes a turn.
    case turn
    /// A turn in which the peer reads nothing.
    case stall
    /// Requests that wait are answered.
    case answer
    /// Every time limit passes.
    case timeout
    /// The peer ends its output.
    case halfClose
    /// The server starts to end its connections.
    case drain
  }

  private var rest: ArraySlice<UInt8>
  /// What the first byte chooses.
  let choice: UInt8

  init(_ input: [UInt8]) {
    choice = input.first ?? 0
    rest = input.dropFirst()
  }

  /// Whether records are frames, whose lengths and streams are then always right.
  var isFramed: Bool { choice & 1 != 0 }
  var hasTightLimits: Bool { choice & 2 != 0 }

  mutating func next() -> (bytes: [UInt8], event: Event)? {
    guard let first = rest.popFirst() else { return nil }
    return (isFramed ? frame() : piece(), Script.event(first))
  }

  /// Two bytes of length, and that many bytes.
  private mutating func piece() -> [UInt8] {
    let length = Int(rest.popFirst() ?? 0) | Int(rest.popFirst() ?? 0) << 8
    return take(length)
  }

  /// Type, flags, stream, length, payload. A length above 250 stands for so many 16-byte runs.
  private mutating func frame() -> [UInt8] {
    let type = rest.popFirst() ?? 0
    let flags = rest.popFirst() ?? 0
    let stream = rest.popFirst() ?? 0
    let length = Int(rest.popFirst() ?? 0)
    var payload = take(length)
    if length > 250 { payload = [[UInt8]](repeating: payload, count: 16).flatMap { $0 } }
    let count = payload.count
    return [
      UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8),
      UInt8(truncatingIfNeeded: count), type, flags, 0, 0, 0, stream,
    ] + payload
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return Array(taken)
  }

  private static func event(_ byte: UInt8) -> Event {
    switch byte & 15 {
    case 0..<4: .nothing
    case 4..<9: .turn
    case 9, 10: .stall
    case 11, 12: .answer
    case 13: .timeout
    case 14: .halfClose
    default: .drain
    }
  }
}

/// Ends the process, which is how a fuzzer learns that an input is worth keeping.
func violated(_ property: String, _ details: @autoclosure () -> String = "") -> Never {
  fatalError("violated: \(property)\n\(details())")
}

/// The bytes of one input. They live as long as the call that they were given to.
func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: start, count: count))
}
