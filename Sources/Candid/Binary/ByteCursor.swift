internal import Glibc

/// A position in a message's bytes. Each read checks that the bytes are there.
@usableFromInline
struct ByteCursor {
  @usableFromInline let bytes: UnsafeRawBufferPointer
  @usableFromInline private(set) var position = 0

  /// The bytes must outlive the cursor.
  @usableFromInline
  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  @inlinable var remaining: Int { bytes.count &- position }

  mutating func rewind(to earlier: Int) { position = min(position, earlier) }

  /// Whether these bytes are next; then they are behind.
  @usableFromInline
  mutating func skipPrefix(_ prefix: [UInt8]) -> Bool {
    guard remaining >= prefix.count, let start = bytes.baseAddress else { return false }
    let isNext = prefix.withUnsafeBytes { prefix in
      guard let other = prefix.baseAddress else { return true }
      return memcmp(start + position, other, prefix.count) == 0
    }
    if isNext { position &+= prefix.count }
    return isNext
  }

  mutating func byte() throws(CandidError) -> UInt8 {
    guard position < bytes.count else { throw cutShort(1) }
    defer { position &+= 1 }
    return bytes[position]
  }

  mutating func take(_ count: UInt64) throws(CandidError) -> UnsafeRawBufferPointer {
    guard count <= UInt64(truncatingIfNeeded: remaining) else { throw cutShort(count) }
    let taken = Int(truncatingIfNeeded: count)
    defer { position &+= taken }
    return UnsafeRawBufferPointer(start: bytes.baseAddress.map { $0 + position }, count: taken)
  }

  /// The bytes between an earlier position and this one.
  func read(from start: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[min(start, position)..<position])
  }

  /// A little-endian number.
  mutating func fixed<Integer: FixedWidthInteger & BitwiseCopyable>(
    _: Integer.Type = Integer.self
  ) throws(CandidError) -> Integer {
    let width = MemoryLayout<Integer>.size
    guard remaining >= width else { throw cutShort(UInt64(width)) }
    defer { position &+= width }
    return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Integer.self))
  }

  /// Overlong forms are accepted, as the specification asks, up to ten bytes.
  mutating func leb128() throws(CandidError) -> UInt64 {
    guard position < bytes.count else { return try longLEB128() }
    let first = bytes[position]
    if first < 0x80 {
      position &+= 1
      return UInt64(first)
    }
    guard position &+ 1 < bytes.count, bytes[position &+ 1] < 0x80 else {
      return try longLEB128()
    }
    let second = bytes[position &+ 1]
    position &+= 2
    return UInt64(first & 0x7f) | UInt64(second) &<< 7
  }

  @inline(never)
  private mutating func longLEB128() throws(CandidError) -> UInt64 {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      guard shift < 63 || byte <= 1 else {
        throw CandidError(.malformed, "the number exceeds 64 bits", at: position - 1)
      }
      result |= UInt64(byte & 0x7f) &<< shift
      guard byte >= 0x80 else { return result }
      shift += 7
    }
  }

  mutating func sleb128() throws(CandidError) -> Int64 {
    var result: Int64 = 0
    var shift: Int64 = 0
    while true {
      let byte = try byte()
      guard shift < 63 || byte == 0 || byte == 0x7f else {
        throw CandidError(.malformed, "the number exceeds 64 bits", at: position - 1)
      }
      result |= Int64(byte & 0x7f) &<< shift
      shift += 7
      if byte < 0x80 {
        if shift < 64, byte & 0x40 != 0 { result |= -1 &<< shift }
        return result
      }
    }
  }

  /// The bytes of a `nat` or `int`, up to the last, which lacks the high bit.
  mutating func groups() throws(CandidError) -> UnsafeRawBufferPointer {
    let start = position
    var end = start
    while end < bytes.count, bytes[end] >= 0x80 { end &+= 1 }
    guard end < bytes.count else {
      position = bytes.count
      throw cutShort(1)
    }
    let count = end - start + 1
    guard count <= CandidLimits.integerBytes else {
      throw CandidError(
        .limitExceeded,
        "the number has \(count) bytes, at most \(CandidLimits.integerBytes) are read",
        at: start)
    }
    position = end + 1
    return UnsafeRawBufferPointer(rebasing: bytes[start...end])
  }

  /// A `nat` or `int` of any size.
  mutating func integer(isSigned: Bool) throws(CandidError) -> CandidInteger {
    let start = position
    let groups = try groups()
    guard groups.count <= 9 else { return CandidInteger(groups: groups, isSigned: isSigned) }
    position = start
    return CandidInteger(isSigned ? try sleb128() : Int64(bitPattern: try leb128()))
  }

  mutating func bool() throws(CandidError) -> Bool {
    let byte = try byte()
    guard byte <= 1 else {
      throw CandidError(.malformed, "a bool is 0 or 1, not \(byte)", at: position - 1)
    }
    return byte == 1
  }

  /// Whether an opt has a value.
  mutating func optTag() throws(CandidError) -> Bool {
    let tag = try byte()
    guard tag <= 1 else {
      throw CandidError(.malformed, "an opt starts with 0 or 1, not \(tag)", at: position - 1)
    }
    return tag == 1
  }

  /// The index of a variant's case.
  mutating func caseIndex(below count: Int) throws(CandidError) -> Int {
    let start = position
    let index = try leb128()
    guard index < UInt64(count) else {
      throw CandidError(
        .malformed, "the variant has \(count) cases, none numbered \(index)", at: start)
    }
    return Int(index)
  }

  /// The bytes of a text, which are UTF-8.
  mutating func utf8() throws(CandidError) -> UnsafeRawBufferPointer {
    let count = try leb128()
    let start = position
    let utf8 = try take(count)
    guard utf8.isUTF8 else { throw notUTF8(start) }
    return utf8
  }

  mutating func text() throws(CandidError) -> String {
    let count = try leb128()
    let start = position
    guard let text = String(utf8: try take(count)) else { throw notUTF8(start) }
    return text
  }

  private func notUTF8(_ start: Int) -> CandidError {
    CandidError(.malformed, "the text is not UTF-8", at: start)
  }

  /// A principal, service or the service of a function, behind its reference flag.
  mutating func principal() throws(CandidError) -> Principal {
    let start = position
    guard try byte() == 1 else {
      throw CandidError(.malformed, "a reference must start with the byte 1", at: start)
    }
    let count = try leb128()
    guard count <= UInt64(Principal.maximumByteCount) else {
      throw CandidError(
        .malformed, "a principal has at most \(Principal.maximumByteCount) bytes, not \(count)",
        at: start)
    }
    return Principal(unchecked: try take(count))
  }

  /// The principal of a function reference, behind the flag of the function and its own.
  mutating func functionPrincipal() throws(CandidError) -> Principal {
    let start = position
    guard try byte() == 1 else {
      throw CandidError(.malformed, "a func reference must start with the byte 1", at: start)
    }
    return try principal()
  }

  @inline(never)
  private func cutShort(_ count: UInt64) -> CandidError {
    CandidError(
      .malformed, "the message is cut short: \(count) more bytes expected, \(remaining) left",
      at: position)
  }
}
