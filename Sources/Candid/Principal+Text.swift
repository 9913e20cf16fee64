/// The text form: base32 (RFC 4648, lower case, no padding) of a CRC-32 and the bytes, in groups of
/// five characters with dashes between them.
extension Principal: CustomStringConvertible, LosslessStringConvertible {
  public var description: String { text }

  /// At most 63 characters, as in `rrkah-fqaaa-aaaaa-aaaaq-cai`.
  public var text: String { String(decoding: textBytes, as: UTF8.self) }

  var textBytes: [UInt8] {
    let bytes = bytes
    let checksum = crc32(bytes)
    var result: [UInt8] = []
    result.reserveCapacity(64)
    var pending: UInt32 = 0
    var pendingBits: UInt32 = 0
    var inGroup = 0
    func put(_ digit: UInt32, into result: inout [UInt8]) {
      if inGroup == 5 {
        result.append(UInt8(ascii: "-"))
        inGroup = 0
      }
      result.append(digit < 26 ? UInt8(97 + digit) : UInt8(24 + digit))
      inGroup += 1
    }
    func take(_ byte: UInt8, into result: inout [UInt8]) {
      pending = (pending & 0xff) << 8 | UInt32(byte)
      pendingBits += 8
      while pendingBits >= 5 {
        pendingBits -= 5
        put(pending >> pendingBits & 31, into: &result)
      }
    }
    for shift in [24, 16, 8, 0] as [UInt32] {
      take(UInt8(truncatingIfNeeded: checksum >> shift), into: &result)
    }
    for byte in bytes { take(byte, into: &result) }
    if pendingBits > 0 { put(pending << (5 - pendingBits) & 31, into: &result) }
    return result
  }

  /// Nil when `init(text:)` would throw.
  public init?(_ description: String) {
    guard let principal = try? Principal(text: description) else { return nil }
    self = principal
  }

  /// - Throws: `invalidPrincipal` unless the text is the canonical form of a principal.
  public init(text: String) throws(CandidError) {
    try self.init(textBytes: Array(text.utf8))
  }

  init(textBytes: [UInt8]) throws(CandidError) {
    var decoded: [UInt8] = []
    var pending: UInt32 = 0
    var pendingBits: UInt32 = 0
    guard textBytes.count <= 63 else {
      throw CandidError(
        .invalidPrincipal,
        "a principal's text has at most 63 characters, this has \(textBytes.count)")
    }
    for (index, byte) in textBytes.enumerated() {
      let digit: UInt32
      switch byte {
      case 97...122: digit = UInt32(byte) - 97
      case 50...55: digit = UInt32(byte) - 24
      case UInt8(ascii: "-") where index % 6 == 5: continue
      default:
        throw CandidError(
          .invalidPrincipal,
          "a principal is written in groups of five of a-z and 2-7 with dashes between them, as in "
            + "rrkah-fqaaa-aaaaa-aaaaq-cai", at: index)
      }
      pending = (pending & 0x7f) << 5 | digit
      pendingBits += 5
      if pendingBits >= 8 {
        pendingBits -= 8
        decoded.append(UInt8(truncatingIfNeeded: pending >> pendingBits))
      }
    }
    guard decoded.count >= 4 else {
      throw CandidError(.invalidPrincipal, "the principal is cut short: its checksum is missing")
    }
    let body = decoded[4...]
    try self.init(body)
    let checksum = decoded[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard checksum == crc32(body) else {
      throw CandidError(
        .invalidPrincipal, "the principal's checksum is wrong: a character was mistyped or lost")
    }
    guard self.textBytes == textBytes else {
      throw CandidError(
        .invalidPrincipal, "the principal is not in canonical form, which is \(self.text)")
    }
  }
}

/// CRC-32 of ISO 3309, bit by bit: a principal's text is written rarely, and has 29 bytes at most.
private func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var crc: UInt32 = 0xffff_ffff
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xedb8_8320 : 0) }
  }
  return ~crc
}
