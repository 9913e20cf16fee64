/// Where a value writes its binary form (Candid spec, "Memory").
///
/// A message is first written to memory as large as the last message of its types needed, where
/// writes that find no room only count their bytes. If that was too little, it is written again to
/// memory of exactly its size. A type that writes other bytes the second time is refused.
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

  /// A message: the header, and what the closure writes. It is called once or twice.
  /// - Throws: what the closure throws; `limitExceeded` when its calls write different bytes.
  @inlinable
  static func message(
    of signature: CandidSignature,
    _ write: (inout CandidEncoder) throws(CandidError) -> Void
  ) throws(CandidError) -> [UInt8] {
    let header = signature.header
    let expected = signature.storage.messageSize
    var message: [UInt8] = []
    var failure: CandidError?
    var size = 0
    if expected <= smallSize {
      withUnsafeTemporaryAllocation(byteCount: smallSize, alignment: 16) { scratch in
        size = fill(scratch, header, write, &failure)
        if failure == nil, size <= scratch.count {
          message = [UInt8](UnsafeRawBufferPointer(rebasing: scratch[..<size]))
        }
      }
      if let failure { throw failure }
      guard message.isEmpty else { return message }
    } else {
      size = message.fill(expected, header, write, &failure)
      if let failure { throw failure }
      if size <= expected, size > expected / 2 { return message }
    }
    signature.storage.messageSize = size
    message = []
    let sizeAgain = message.fill(size, header, write, &failure)
    if let failure { throw failure }
    guard sizeAgain == size else { throw .changedWhileEncoded }
    return message
  }

  /// Messages of up to so many bytes are first written to the stack.
  @inlinable static var smallSize: Int { 512 }

  /// How many bytes there are, whether or not they fit.
  @inlinable @inline(__always)
  static func fill(
    _ memory: UnsafeMutableRawBufferPointer, _ header: [UInt8],
    _ write: (inout CandidEncoder) throws(CandidError) -> Void, _ failure: inout CandidError?
  ) -> Int {
    guard let start = memory.baseAddress else { return 0 }
    var encoder = CandidEncoder(memory: start, capacity: memory.count)
    header.withUnsafeBytes { encoder.write($0) }
    do throws(CandidError) { try write(&encoder) } catch { failure = error }
    return encoder.count
  }

  // MARK: - Bytes

  @inlinable @inline(__always)
  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    let start = count
    count &+= bytes.count
    guard count <= capacity, let source = bytes.baseAddress else { return }
    (memory + start).copyMemory(from: source, byteCount: bytes.count)
  }

  @inlinable @inline(__always)
  mutating func write(byte: UInt8) {
    if count < capacity { memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self) }
    count &+= 1
  }

  /// A number of fixed width, little-endian.
  @inlinable @inline(__always)
  public mutating func write<Integer: FixedWidthInteger & BitwiseCopyable>(fixed number: Integer) {
    let start = count
    count &+= MemoryLayout<Integer>.size
    guard count <= capacity else { return }
    memory.storeBytes(of: number.littleEndian, toByteOffset: start, as: Integer.self)
  }

  /// The shortest unsigned LEB128: a `nat`, a count, or the index of a variant's case.
  @inlinable @inline(__always)
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

  /// Writes a `nat`.
  /// - Throws: `typeMismatch` for a negative number.
  public mutating func write(nat number: CandidInteger) throws(CandidError) {
    guard !number.isNegative else {
      throw CandidError(.typeMismatch, "a nat cannot be negative, as \(number) is")
    }
    switch number.storage {
    case .small(let small): write(leb128: UInt64(bitPattern: small))
    case .large: number.unsignedGroups.withUnsafeBytes { write($0) }
    }
  }

  /// Writes an `int`.
  public mutating func write(int number: CandidInteger) {
    switch number.storage {
    case .small(let small): write(sleb128: small)
    case .large: number.signedGroups.withUnsafeBytes { write($0) }
    }
  }

  /// Writes a `bool`.
  @inlinable
  public mutating func write(bool: Bool) { write(byte: bool ? 1 : 0) }

  /// Writes a `text`.
  @inlinable @inline(__always)
  public mutating func write(text: String) {
    let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { utf8 in
      write(blob: UnsafeRawBufferPointer(utf8))
    }
    if isWritten == nil { Self.utf8(text).withUnsafeBytes { write(blob: $0) } }
  }

  /// For a text whose UTF-8 does not lie in one piece: none of Swift's own. It does not see the
  /// encoder, which can so be kept in registers.
  @usableFromInline @inline(never)
  static func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// A text given by its UTF-8, which the caller has checked, or a blob: a count and the bytes.
  @inlinable @inline(__always)
  public mutating func write(blob bytes: UnsafeRawBufferPointer) {
    guard bytes.count < 0x80 else { return write(longBlob: bytes) }
    let start = count
    count &+= 1 &+ bytes.count
    guard count <= capacity else { return }
    let target = memory + start
    target.storeBytes(of: UInt8(truncatingIfNeeded: bytes.count), as: UInt8.self)
    guard let source = bytes.baseAddress else { return }
    Self.copy(source, to: target + 1, byteCount: bytes.count)
  }

  @inlinable @inline(__always)
  mutating func write(longBlob bytes: UnsafeRawBufferPointer) {
    guard bytes.count < 0x4000 else {
      write(leb128: UInt64(bytes.count))
      return write(bytes)
    }
    let start = count
    count &+= 2 &+ bytes.count
    guard count <= capacity, let source = bytes.baseAddress else { return }
    let groups = bytes.count & 0x7f | 0x80 | bytes.count << 1 & 0x7f00
    let target = memory + start
    target.storeBytes(of: UInt16(truncatingIfNeeded: groups).littleEndian, as: UInt16.self)
    (target + 2).copyMemory(from: source, byteCount: bytes.count)
  }

  /// A key or a name is copied in place: calling a function for it takes longer.
  @inlinable @inline(__always)
  static func copy(
    _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, byteCount: Int
  ) {
    guard byteCount >= 16, byteCount <= 32 else {
      return target.copyMemory(from: source, byteCount: byteCount)
    }
    // The two halves overlap unless there are 32 bytes.
    let last = byteCount &- 16
    let first = source.loadUnaligned(as: SIMD16<UInt8>.self)
    let second = source.loadUnaligned(fromByteOffset: last, as: SIMD16<UInt8>.self)
    target.storeBytes(of: first, as: SIMD16<UInt8>.self)
    target.storeBytes(of: second, toByteOffset: last, as: SIMD16<UInt8>.self)
  }

  /// Writes a `principal`.
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

  /// Ends a level of nesting that `enter()` began.
  @inlinable
  public mutating func leave() { depthLeft &+= 1 }
}

extension [UInt8] {
  /// Fills an empty array with a message of at most `capacity` bytes; a longer one leaves it empty.
  /// - Returns: how many bytes the message has.
  @inlinable
  mutating func fill(
    _ capacity: Int, _ header: [UInt8],
    _ write: (inout CandidEncoder) throws(CandidError) -> Void, _ failure: inout CandidError?
  ) -> Int {
    var size = 0
    // Half the time of `init(unsafeUninitializedCapacity:)`, which looks its metadata up.
    append(addingCapacity: capacity) { span in
      span.withUnsafeMutableBufferPointer { buffer, count in
        let memory = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[..<capacity])
        size = CandidEncoder.fill(memory, header, write, &failure)
        if failure == nil, size <= capacity { count = size }
      }
    }
    return size
  }
}

extension CandidError {
  @usableFromInline static let nestedTooDeeply = CandidError(
    .limitExceeded,
    "the value is nested more than \(CandidLimits.standard.depth) deep and cannot be encoded")

  @usableFromInline static let changedWhileEncoded = CandidError(
    .limitExceeded, "the value changed while it was encoded; encode a copy that no one changes")
}
