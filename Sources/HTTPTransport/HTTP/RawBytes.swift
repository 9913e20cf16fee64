import Glibc

extension UnsafeRawBufferPointer {
  /// Byte-wise equality with a literal.
  func equals(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    guard let base = baseAddress else { return true }
    return memcmp(base, literal.utf8Start, count) == 0
  }

  /// Equality that ignores the case of ASCII letters; `literal` is lower-case.
  func equalsIgnoringCase(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    let start = literal.utf8Start
    for index in 0..<count where lowercased(self[index]) != start[index] { return false }
    return true
  }
}

/// The lower-case form of an ASCII letter; other bytes stay.
func lowercased(_ byte: UInt8) -> UInt8 {
  byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}

/// Whether a byte may stand in a method or a field's name (RFC 9110 section 5.6.2).
func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E,
    0x5E...0x60, 0x7C, 0x7E:
    true
  default: false
  }
}
