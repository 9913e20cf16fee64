/// The part of the write buffer that one flush has filled.
struct OutputCursor {
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ buffer: UnsafeMutableRawBufferPointer) {
    self.buffer = buffer
  }

  var remaining: Int { buffer.count - count }

  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }

  /// Copies as much of `source` as fits and returns how much that was.
  mutating func append(_ source: UnsafeRawBufferPointer) -> Int {
    let amount = min(source.count, remaining)
    guard amount > 0, let from = source.baseAddress else { return 0 }
    buffer.baseAddress?.advanced(by: count).copyMemory(from: from, byteCount: amount)
    count += amount
    return amount
  }
}
