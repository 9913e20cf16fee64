/// Where a value writes its binary form (Candid spec, "Memory").
///
/// A message is written in two passes over its values: the first counts the bytes, so that the
/// second fills memory of exactly that size. Both run the same code, for a write that finds no room
/// only counts. A type whose passes differ is refused, never written out of bounds.
public struct CandidEncoder: ~Copyable {
  @usableFromInline let memory: UnsafeMutableRawPointer
  @usableFromInline let capacity: Int
  /// How many bytes have been written, or would have been.
  @usableFromInline var count = 0
  /// How many more levels a value may nest.
  @usableFromInline var depthLeft = CandidLimits.standard.depth

  @inlinable
  init(memory: UnsafeMutableRawPointer, capacity: Int) {
    self.memory = memory
    self.capacity = capacity
  }

  /// A message: the header, and what the closure writes. It is called twice.
  /// - Throws: what the closure throws; `limitExceeded` when its calls write different bytes.
  @inlinable
  static func message(
    _ header: [UInt8], _ write: (inout CandidEncoder) throws(CandidError) -> Void
  ) throws(CandidError) -> [UInt8] {
    var nothing: UInt8 = 0
    var size = header.count
    var failure: CandidError?
    withUnsafeMutableBytes(of: &nothing) { nothing in
      guard let memory = nothing.baseAddress else { return }
      var counter = CandidEncoder(memory: memory, capacity: 0)
      do throws(CandidError) { try write(&counter) } catch { failure = error }
      size &+= counter.count
    }
    if let failure { throw failure }
    var message: [UInt8] = []
    // Half the time of `init(unsafeUninitializedCapacity:)`, which looks its metadata up.
    message.append(addingCapacity: size) { span in
      span.withUnsafeMutableBufferPointer { buffer, count in
        guard let memory = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
        var encoder = CandidEncoder(memory: memory, capacity: size)
        header.withUnsafeBytes { encoder.write($0) }
        do throws(CandidError) { try write(&encoder) } catch { failure = error }
        if encoder.count == size { count = size } else { failure = failure ?? .changedWhileEncoded }
      }
    }
    if let failure { throw failure }
    return message
  }

  // MARK: - Bytes

  @inlinable
  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    let start = count
    count &+= bytes.count
    guard count <= capacity, let source = bytes.baseAddress else { return }
    (memory + start).copyMemory(from: source, byteCount: bytes.count)
  }

  @inlinable
  mutating func write(byte: UInt8) {
    if count < capacity { memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self) }
    count &+= 1
  }

  /// A number of fixed width, little-endian.
  @inlinable
  public mutating func write<Integer: FixedWidthInteger>(fixed number: Integer) {
    let start = count
    count &+= MemoryLayout<Integer>.size
    guard count <= capacity else { return }
    memory.storeBytes(of: number.littleEndian, toByteOffset: start, as: Integer.self)
  }

  /// The shortest unsigned LEB128: a `nat`, a count, or the index of a variant's case.
  @inlinable
  public mutating func write(leb128 number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      write(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    write(byte: UInt8(truncatingIfNeeded: rest))
  }

  /// The shortest signed LEB128: an `int`.
  @inlinable
  public mutating func write(sleb128 number: Int64) {
    var rest = number
    while rest < -64 || rest > 63 {
      write(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    write(byte: UInt8(truncatingIfNeeded: rest) & 0x7f)
  }

  // MARK: - Values

  public mutating func write(nat number: CandidInteger) throws(CandidError) {
    guard !number.isNegative else {
      throw CandidError(.typeMismatch, "a nat cannot be negative, as \(number) is")
    }
    switch number.storage {
    case .small(let small): write(leb128: UInt64(bitPattern: small))
    case .large: number.unsignedGroups.withUnsafeBytes { write($0) }
    }
  }

  public mutating func write(int number: CandidInteger) {
    switch number.storage {
    case .small(let small): write(sleb128: small)
    case .large: number.signedGroups.withUnsafeBytes { write($0) }
    }
  }

  @inlinable
  public mutating func write(bool: Bool) { write(byte: bool ? 1 : 0) }

  @inlinable
  public mutating func write(text: String) {
    let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { utf8 in
      write(leb128: UInt64(truncatingIfNeeded: utf8.count))
      write(UnsafeRawBufferPointer(utf8))
    }
    if isWritten == nil { write(scattered: text) }
  }

  /// A text whose UTF-8 does not lie in one piece: none of Swift's own.
  @usableFromInline
  mutating func write(scattered text: String) {
    Array(text.utf8).withUnsafeBytes { utf8 in
      write(leb128: UInt64(utf8.count))
      write(utf8)
    }
  }

  /// A text given by its UTF-8, which the caller has checked, or a blob: a count and the bytes.
  @inlinable
  public mutating func write(blob bytes: UnsafeRawBufferPointer) {
    write(leb128: UInt64(truncatingIfNeeded: bytes.count))
    write(bytes)
  }

  public mutating func write(principal: Principal) {
    write(byte: 1)
    write(byte: UInt8(truncatingIfNeeded: principal.count))
    principal.withUnsafeBytes { write($0) }
  }

  /// A reference to a function: a method of a service.
  public mutating func write(function principal: Principal, method: String) {
    write(byte: 1)
    write(principal: principal)
    write(text: method)
  }

  /// Whether an opt has a value, which then follows.
  @inlinable
  public mutating func write(isPresent: Bool) { write(byte: isPresent ? 1 : 0) }

  // MARK: - Nesting

  /// Counts a level of nesting: to be called by types that may contain themselves, with `leave()`
  /// behind the value.
  /// - Throws: `limitExceeded` when the value nests too deeply.
  @inlinable
  public mutating func enter() throws(CandidError) {
    depthLeft &-= 1
    guard depthLeft > 0 else { throw .nestedTooDeeply }
  }

  @inlinable
  public mutating func leave() { depthLeft &+= 1 }
}

extension CandidError {
  @usableFromInline static let nestedTooDeeply = CandidError(
    .limitExceeded,
    "the value is nested more than \(CandidLimits.standard.depth) deep and cannot be encoded")

  @usableFromInline static let changedWhileEncoded = CandidError(
    .limitExceeded, "the value changed while it was encoded; encode a copy that no one changes")
}
