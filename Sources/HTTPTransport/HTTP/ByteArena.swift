import Glibc

/// A growing run of bytes whose storage is reused. Pointers into it hold until the next append.
struct ByteArena: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer?
  private(set) var count = 0
  private var capacity = 0

  deinit { free(base) }

  var isEmpty: Bool { count == 0 }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// Appends `source` and returns where it starts. `source` must not lie in this arena.
  @discardableResult
  mutating func append(_ source: UnsafeRawBufferPointer) -> Int {
    let start = count
    guard let from = source.baseAddress, source.count > 0 else { return start }
    reserve(source.count)
    base?.advanced(by: count).copyMemory(from: from, byteCount: source.count)
    count += source.count
    return start
  }

  @discardableResult
  mutating func append(_ literal: StaticString) -> Int {
    append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  mutating func append(_ byte: UInt8) {
    reserve(1)
    base?.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// Appends a number in decimal and returns where it starts.
  @discardableResult
  mutating func append(decimal value: Int) -> Int {
    let start = count
    reserve(20)
    var rest = value.magnitude
    var digits = 1
    while rest >= 10 {
      rest /= 10
      digits += 1
    }
    rest = value.magnitude
    for index in stride(from: start + digits - 1, through: start, by: -1) {
      base?.storeBytes(
        of: UInt8(truncatingIfNeeded: 0x30 + rest % 10), toByteOffset: index, as: UInt8.self)
      rest /= 10
    }
    count = start + digits
    return start
  }

  /// Overwrites a byte that was appended.
  mutating func replace(at index: Int, with byte: UInt8) {
    guard index >= 0, index < count else { return }
    base?.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
  }

  /// Drops the first `amount` bytes.
  mutating func removeFirst(_ amount: Int) {
    guard amount > 0 else { return }
    guard amount < count, let base else {
      count = 0
      return
    }
    memmove(base, base.advanced(by: amount), count - amount)
    count -= amount
  }

  /// Forgets the bytes and keeps storage of up to `limit` bytes.
  mutating func reset(keeping limit: Int = 65_536) {
    count = 0
    guard capacity > limit else { return }
    free(base)
    base = nil
    capacity = 0
  }

  private mutating func reserve(_ additional: Int) {
    let needed = count + additional
    guard needed > capacity else { return }
    let size = max(needed, capacity * 2, 256)
    // The system overcommits and stops the program when it cannot keep the promise; a null pointer
    // here would mean that even address space is gone, and nothing could be served.
    guard let grown = realloc(base, size) else { abort() }
    base = grown
    capacity = size
  }
}
