/// LEB128 as Candid writes it: seven bits a byte, lowest first, always in the shortest form.
extension [UInt8] {
  mutating func appendLEB128(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func appendSLEB128(_ value: Int64) {
    var rest = value
    while rest < -64 || rest > 63 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest) & 0x7f)
  }
}

extension CandidInteger {
  /// The magnitude of a large number in unsigned LEB128; empty for a small one.
  var unsignedGroups: [UInt8] {
    guard case .large(_, let limbs) = storage else { return [] }
    return Self.groups((Self.bitCount(limbs) + 6) / 7, of: limbs, extendedBy: 0)
  }

  /// A large number in signed LEB128; empty for a small one.
  var signedGroups: [UInt8] {
    guard case .large(let isNegative, let limbs) = storage else { return [] }
    guard isNegative else {
      return Self.groups(Self.bitCount(limbs) / 7 + 1, of: limbs, extendedBy: 0)
    }
    let complement = twosComplement(limbs)
    let significant = Self.bitCount(complement.map { ~$0 })
    return Self.groups(significant / 7 + 1, of: complement, extendedBy: .max)
  }

  private static func groups(
    _ count: Int, of limbs: [UInt32], extendedBy fill: UInt32
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for group in 0..<count {
      let bit = group * 7
      let low = bit / 32 < limbs.count ? limbs[bit / 32] : fill
      let high = bit / 32 + 1 < limbs.count ? limbs[bit / 32 + 1] : fill
      let bits = (UInt64(high) << 32 | UInt64(low)) >> UInt64(bit % 32)
      bytes.append(UInt8(truncatingIfNeeded: bits) & 0x7f | (group == count - 1 ? 0 : 0x80))
    }
    return bytes
  }

  private static func bitCount(_ limbs: [UInt32]) -> Int {
    guard let top = limbs.lastIndex(where: { $0 != 0 }) else { return 0 }
    return top * 32 + 32 - limbs[top].leadingZeroBitCount
  }
}

/// The negation of a number in limbs, of as many limbs.
func twosComplement(_ limbs: [UInt32]) -> [UInt32] {
  var carry = true
  return limbs.map { limb in
    let (sum, overflow) = (~limb).addingReportingOverflow(carry ? 1 : 0)
    carry = overflow
    return sum
  }
}

extension CandidInteger {
  /// Joins the seven-bit groups of a LEB128 number of any length.
  init(groups: UnsafeRawBufferPointer, isSigned: Bool) {
    let isNegative = isSigned && (groups.last ?? 0) & 0x40 != 0
    let fill: UInt32 = isNegative ? .max : 0
    var limbs = [UInt32](repeating: fill, count: groups.count * 7 / 32 + 1)
    for (index, byte) in groups.enumerated() {
      let bit = index * 7
      let mask = UInt64(0x7f) << UInt64(bit % 32)
      let group = UInt64(byte & 0x7f) << UInt64(bit % 32)
      limbs[bit / 32] =
        limbs[bit / 32] & ~UInt32(truncatingIfNeeded: mask) | UInt32(truncatingIfNeeded: group)
      if bit / 32 + 1 < limbs.count {
        limbs[bit / 32 + 1] =
          limbs[bit / 32 + 1] & ~UInt32(truncatingIfNeeded: mask >> 32)
          | UInt32(truncatingIfNeeded: group >> 32)
      }
    }
    self.init(isNegative: isNegative, limbs: isNegative ? twosComplement(limbs) : limbs)
  }
}
