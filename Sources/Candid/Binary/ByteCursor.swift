internal import Glibc

/// A position in a message's bytes. Each read checks that the bytes are there.
struct ByteCursor {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  /// The bytes must outlive the cursor.
  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var remaining: Int { bytes.count &- position }

  mutating func rewind(to earlier: Int) { position = min(position, earlier) }

  func starts(with prefix: [UInt8]) -> Bool {
    guard remaining >= prefix.count else { return false }
    guard let start = bytes.baseAddress else { return prefix.isEmpty }
    return prefix.withUnsafeBytes { prefix in
      guard let other = prefix.baseAddress else { return true }
      return memcmp(start + position, other, prefix.count) == 0
    }
  }

  mutating func byte() throws(CandidError) -> UInt8 {
    guard position < bytes.count else { throw cutShort(1) }
    defer { position &+= 1 }
    return bytes[position]
  }

  mutating func take(_ count: UInt64) throws(CandidError) -> UnsafeRawBufferPointer {
    guard count <= UInt64(remaining) else { throw cutShort(count) }
    let start = position
    position += Int(count)
    return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
  }

  /// A little-endian number.
  mutating func fixed<Integer: FixedWidthInteger>(
    _: Integer.Type = Integer.self
  ) throws(CandidError) -> Integer {
    let width = MemoryLayout<Integer>.size
    guard remaining >= width else { throw cutShort(UInt64(width)) }
    defer { position &+= width }
    return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Integer.self))
  }

  /// Overlong forms are accepted, as the specification asks, up to ten bytes.
  mutating func leb128() throws(CandidError) -> UInt64 {
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

  /// A `nat` or `int` of any size.
  mutating func integer(isSigned: Bool) throws(CandidError) -> CandidInteger {
    let start = position
    var end = start
    while end < bytes.count, bytes[end] >= 0x80 { end += 1 }
    guard end < bytes.count else {
      position = bytes.count
      throw cutShort(1)
    }
    let count = end - start + 1
    if count <= 9 {
      return CandidInteger(isSigned ? try sleb128() : Int64(bitPattern: try leb128()))
    }
    guard count <= CandidLimits.integerBytes else {
      throw CandidError(
        .limitExceeded,
        "the number has \(count) bytes, at most \(CandidLimits.integerBytes) are read",
        at: start)
    }
    position = end + 1
    return CandidInteger(
      groups: UnsafeRawBufferPointer(rebasing: bytes[start...end]), isSigned: isSigned)
  }

  mutating func text() throws(CandidError) -> String {
    let count = try leb128()
    let start = position
    let utf8 = try take(count)
    guard let text = String(utf8: utf8) else {
      throw CandidError(.malformed, "the text is not UTF-8", at: start)
    }
    return text
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

  private func cutShort(_ count: UInt64) -> CandidError {
    CandidError(
      .malformed, "the message is cut short: \(count) more bytes expected, \(remaining) left",
      at: position)
  }
}
