import Glibc

/// A growing run of plain values whose storage is reused.
///
/// Its state lies behind a pointer, so that a class keeps it as a constant: appending needs neither
/// exclusivity checks nor reference counts. Pointers into it hold until the next append.
struct PlainList<Element: BitwiseCopyable>: ~Copyable {
  private struct State {
    var base: UnsafeMutablePointer<Element>
    var count: Int
    var capacity: Int
  }

  private let state: UnsafeMutablePointer<State>

  init(capacity: Int) {
    state = .allocate(capacity: 1)
    state.initialize(to: State(base: .allocate(capacity: capacity), count: 0, capacity: capacity))
  }

  deinit {
    state.pointee.base.deallocate()
    state.deallocate()
  }

  var count: Int { state.pointee.count }

  var isEmpty: Bool { count == 0 }

  var elements: UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: state.pointee.base, count: state.pointee.count)
  }

  subscript(index: Int) -> Element {
    get { elements[index] }
    nonmutating set {
      guard index >= 0, index < count else { return }
      state.pointee.base[index] = newValue
    }
  }

  func append(_ element: Element) {
    reserve(1)
    state.pointee.base.advanced(by: count).initialize(to: element)
    state.pointee.count += 1
  }

  /// Appends `source`, which must not lie in this list.
  func append(contentsOf source: UnsafeBufferPointer<Element>) {
    guard let from = source.baseAddress, source.count > 0 else { return }
    reserve(source.count)
    state.pointee.base.advanced(by: count).initialize(from: from, count: source.count)
    state.pointee.count += source.count
  }

  /// Drops the first `amount` elements.
  func removeFirst(_ amount: Int) {
    guard amount > 0 else { return }
    let rest = max(count - amount, 0)
    if rest > 0 {
      state.pointee.base.update(from: state.pointee.base.advanced(by: amount), count: rest)
    }
    state.pointee.count = rest
  }

  /// Forgets the elements and keeps storage for up to `limit` of them.
  func reset(keeping limit: Int) {
    state.pointee.count = 0
    guard state.pointee.capacity > limit else { return }
    state.pointee.base.deallocate()
    state.pointee.capacity = min(limit, 64)
    state.pointee.base = .allocate(capacity: state.pointee.capacity)
  }

  private func reserve(_ additional: Int) {
    let needed = state.pointee.count + additional
    guard needed > state.pointee.capacity else { return }
    let size = max(needed, state.pointee.capacity * 2)
    let grown = UnsafeMutablePointer<Element>.allocate(capacity: size)
    grown.initialize(from: state.pointee.base, count: state.pointee.count)
    state.pointee.base.deallocate()
    state.pointee.base = grown
    state.pointee.capacity = size
  }
}

/// A growing run of bytes. Pointers into it hold until the next append.
struct ByteArena: ~Copyable {
  private let list = PlainList<UInt8>(capacity: 256)

  var count: Int { list.count }

  var isEmpty: Bool { list.isEmpty }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(list.elements) }

  subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// Appends `source` and returns where it starts. `source` must not lie in this arena.
  @discardableResult
  func append(_ source: UnsafeRawBufferPointer) -> Int {
    let start = count
    source.withMemoryRebound(to: UInt8.self) { list.append(contentsOf: $0) }
    return start
  }

  @discardableResult
  func append(_ literal: StaticString) -> Int {
    append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  func append(_ byte: UInt8) { list.append(byte) }

  /// Appends a count in decimal and returns where it starts.
  @discardableResult
  func append(decimal value: Int) -> Int { append(decimal: UInt64(value.magnitude)) }

  /// Appends a number in decimal and returns where it starts.
  @discardableResult
  func append(decimal value: UInt64) -> Int {
    let start = count
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    withUnsafeMutableBytes(of: &digits) { digits in
      var rest = value
      var index = digits.count
      repeat {
        index -= 1
        digits[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
        rest /= 10
      } while rest > 0
      append(UnsafeRawBufferPointer(rebasing: digits[index...]))
    }
    return start
  }

  /// Overwrites a byte that was appended.
  func replace(at index: Int, with byte: UInt8) { list[index] = byte }

  /// Drops the first `amount` bytes.
  func removeFirst(_ amount: Int) { list.removeFirst(amount) }

  /// Forgets the bytes and keeps storage of up to `limit` bytes.
  func reset(keeping limit: Int = 4_096) { list.reset(keeping: limit) }
}
