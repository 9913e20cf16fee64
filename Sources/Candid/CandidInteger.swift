/// An integer of any size: the value of Candid's `nat` and `int`.
///
/// Values of 64 bits need no allocation; what is larger is a sign and a magnitude in 32-bit limbs,
/// lowest first. The form is canonical: a value that fits `Int64` is always stored as one.
public struct CandidInteger: Hashable, Sendable, ExpressibleByIntegerLiteral {
  enum Storage: Hashable, Sendable {
    case small(Int64)
    case large(isNegative: Bool, limbs: [UInt32])
  }

  let storage: Storage

  /// The same number; without allocation.
  public init(_ value: Int64) { storage = .small(value) }
  public init(integerLiteral value: Int64) { storage = .small(value) }

  /// The same number; allocates where it does not fit into 63 bits.
  public init(_ value: UInt64) {
    if let small = Int64(exactly: value) {
      storage = .small(small)
    } else {
      storage = .large(
        isNegative: false,
        limbs: [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)])
    }
  }

  init(isNegative: Bool, limbs: [UInt32]) {
    var limbs = limbs
    while limbs.last == 0 { limbs.removeLast() }
    if limbs.count <= 2 {
      var magnitude: UInt64 = 0
      for (index, limb) in limbs.enumerated() { magnitude |= UInt64(limb) << (32 * UInt64(index)) }
      if isNegative, magnitude <= Int64.min.magnitude {
        storage = .small(Int64(truncatingIfNeeded: 0 &- magnitude))
        return
      }
      if let value = Int64(exactly: magnitude), !isNegative {
        storage = .small(value)
        return
      }
    }
    storage = .large(isNegative: isNegative, limbs: limbs)
  }

  /// Whether it is below 0.
  public var isNegative: Bool {
    switch storage {
    case .small(let value): value < 0
    case .large(let isNegative, _): isNegative
    }
  }

  /// The value, unless it is out of that type's range.
  public func exactly<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer? {
    switch storage {
    case .small(let value):
      return Integer(exactly: value)
    case .large(let isNegative, let limbs):
      guard !isNegative, limbs.count == 2 else { return nil }
      return Integer(exactly: UInt64(limbs[1]) << 32 | UInt64(limbs[0]))
    }
  }
}

extension CandidInteger: Comparable {
  public static func < (left: CandidInteger, right: CandidInteger) -> Bool {
    switch (left.storage, right.storage) {
    case (.small(let left), .small(let right)): return left < right
    case (.small, .large(let isNegative, _)): return !isNegative
    case (.large(let isNegative, _), .small): return isNegative
    case (.large(let leftNegative, let leftLimbs), .large(let rightNegative, let rightLimbs)):
      guard leftNegative == rightNegative else { return leftNegative }
      let (lower, upper) = leftNegative ? (rightLimbs, leftLimbs) : (leftLimbs, rightLimbs)
      guard lower.count == upper.count else { return lower.count < upper.count }
      return lower.reversed().lexicographicallyPrecedes(upper.reversed())
    }
  }
}

extension CandidInteger: CustomStringConvertible {
  /// In decimal. O(n^1.59) in the number of digits beyond 64 bits.
  public var description: String {
    guard case .large(let isNegative, let limbs) = storage else {
      guard case .small(let value) = storage else { return "" }
      return String(value)
    }
    let words = Self.regrouped(limbs.lazy.map { UInt64($0) }, from: 32, to: BinaryRadix.bits)
    let groups = RadixNumber<DecimalRadix>.converted(words, from: BinaryRadix.self)
    var text = isNegative ? "-" : ""
    text.reserveCapacity(groups.count * DecimalRadix.digits + 1)
    for (index, group) in groups.reversed().enumerated() {
      let digits = String(group)
      if index > 0 {
        text += String(repeating: "0", count: DecimalRadix.digits - digits.utf8.count)
      }
      text += digits
    }
    return text
  }

  /// Reads digits in the radix (10 or 16) after an optional sign. Nil when there is any other
  /// character, no digit, or more than `CandidLimits.integerBits`.
  init?(digits: some BidirectionalCollection<UInt8>, radix: UInt32 = 10) {
    var digits = digits[...]
    var isNegative = false
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      digits = digits.dropFirst()
    }
    guard !digits.isEmpty else { return nil }
    digits = digits.drop { $0 == UInt8(ascii: "0") }
    guard digits.count <= CandidLimits.integerDigits else { return nil }
    let (perGroup, isDecimal) = radix == 10 ? (DecimalRadix.digits, true) : (15, false)
    var groups: [UInt64] = []
    groups.reserveCapacity(digits.count / perGroup + 1)
    while !digits.isEmpty {
      var group: UInt64 = 0
      for byte in digits.suffix(perGroup) {
        guard let digit = Self.digit(byte), digit < radix else { return nil }
        group = group * UInt64(radix) + UInt64(digit)
      }
      groups.append(group)
      digits = digits.dropLast(perGroup)
    }
    // 15 hexadecimal digits are 60 bits.
    let words =
      isDecimal
      ? RadixNumber<BinaryRadix>.converted(groups, from: DecimalRadix.self) : groups
    let limbs = Self.regrouped(words, from: BinaryRadix.bits, to: 32)
    self.init(isNegative: isNegative, limbs: limbs.map { UInt32(truncatingIfNeeded: $0) })
    guard bitWidth <= CandidLimits.integerBits else { return nil }
  }

  /// Bits of the magnitude, beyond 64 bits; for a smaller number 64.
  private var bitWidth: Int {
    guard case .large(_, let limbs) = storage, let last = limbs.last else { return 64 }
    return 32 * limbs.count - last.leadingZeroBitCount
  }

  /// The same bits in words of another size, lowest first.
  private static func regrouped(
    _ words: some Sequence<UInt64>, from width: Int, to other: Int
  ) -> [UInt64] {
    var result: [UInt64] = []
    var pending: UInt128 = 0
    var bits = 0
    for word in words {
      pending |= UInt128(word) << UInt128(bits)
      bits += width
      while bits >= other {
        result.append(UInt64(truncatingIfNeeded: pending) & (1 << UInt64(other) - 1))
        pending >>= UInt128(other)
        bits -= other
      }
    }
    if pending > 0 { result.append(UInt64(truncatingIfNeeded: pending)) }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 48...57: UInt32(byte) - 48
    case 97...102: UInt32(byte) - 87
    case 65...70: UInt32(byte) - 55
    default: nil
    }
  }
}
