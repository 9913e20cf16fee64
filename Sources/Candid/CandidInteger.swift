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

  public init(_ value: Int64) { storage = .small(value) }
  public init(integerLiteral value: Int64) { storage = .small(value) }

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
  /// In decimal. Quadratic in the number of digits beyond 64 bits.
  public var description: String {
    guard case .large(let isNegative, var limbs) = storage else {
      guard case .small(let value) = storage else { return "" }
      return String(value)
    }
    var groups: [UInt64] = []
    while !limbs.isEmpty {
      var remainder: UInt64 = 0
      for index in limbs.indices.reversed() {
        let dividend = remainder << 32 | UInt64(limbs[index])
        limbs[index] = UInt32(truncatingIfNeeded: dividend / 1_000_000_000)
        remainder = dividend % 1_000_000_000
      }
      while limbs.last == 0 { limbs.removeLast() }
      groups.append(remainder)
    }
    var text = isNegative ? "-" : ""
    for (index, group) in groups.reversed().enumerated() {
      let digits = String(group)
      if index > 0 { text += String(repeating: "0", count: 9 - digits.utf8.count) }
      text += digits
    }
    return text
  }

  /// Reads digits in the radix (10 or 16) after an optional sign. Nil when there is any other
  /// character, no digit, or more digits than `CandidLimits.integerDigits`.
  init?(digits: some Collection<UInt8>, radix: UInt32 = 10) {
    var digits = digits[...]
    var isNegative = false
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      digits = digits.dropFirst()
    }
    guard !digits.isEmpty, digits.count <= CandidLimits.integerDigits else { return nil }
    var small: UInt64 = 0
    var limbs: [UInt32] = []
    for byte in digits {
      guard let digit = Self.digit(byte), digit < radix else { return nil }
      if limbs.isEmpty {
        let (product, overflow) = small.multipliedReportingOverflow(by: UInt64(radix))
        let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
        if !overflow, !carry {
          small = sum
          continue
        }
        limbs = [UInt32(truncatingIfNeeded: small), UInt32(truncatingIfNeeded: small >> 32)]
      }
      var carry = UInt64(digit)
      for index in limbs.indices {
        let product = UInt64(limbs[index]) * UInt64(radix) + carry
        limbs[index] = UInt32(truncatingIfNeeded: product)
        carry = product >> 32
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
    }
    if limbs.isEmpty {
      limbs = [UInt32(truncatingIfNeeded: small), UInt32(truncatingIfNeeded: small >> 32)]
    }
    self.init(isNegative: isNegative, limbs: limbs)
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
