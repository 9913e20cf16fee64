/// The base of a number's digits; above 2^59, and at most 2^60.
protocol Radix {
  static var base: UInt64 { get }
}

enum BinaryRadix: Radix {
  static let bits = 60
  static var base: UInt64 { 1 << 60 }
}

enum DecimalRadix: Radix {
  static let digits = 18
  static var base: UInt64 { 1_000_000_000_000_000_000 }
}

/// Arithmetic on natural numbers of digits in one base, lowest first, without zeros at the end.
///
/// A number is brought from one base to another by halves (Knuth, TAOCP 2, 4.4, method 1) with
/// products by Karatsuba's method, in O(n^1.59) for n digits.
enum RadixNumber<Base: Radix> {
  /// The number that has these digits in the base `Source`.
  static func converted<Source: Radix>(_ digits: [UInt64], from _: Source.Type) -> [UInt64] {
    var powers = [split(Source.base)]
    while 1 << powers.count < digits.count, let last = powers.last {
      powers.append(product(last[...], last[...]))
    }
    return converted(digits[...], powers[...])
  }

  /// - Parameter powers: the source's base to the 1, 2, 4, …; enough for the digits.
  private static func converted(
    _ digits: ArraySlice<UInt64>, _ powers: ArraySlice<[UInt64]>
  ) -> [UInt64] {
    guard digits.count > 1, let power = powers.last else { return split(digits.first ?? 0) }
    let half = 1 << (powers.count - 1)
    let low = converted(digits.prefix(half), powers.dropLast())
    guard digits.count > half else { return low }
    let high = converted(digits.dropFirst(half), powers.dropLast())
    var result = product(high[...], power[...])
    add(low[...], to: &result, at: 0)
    return result
  }

  private static func split(_ value: UInt64) -> [UInt64] {
    trimmed([value % Base.base, value / Base.base])
  }

  private static func trimmed(_ digits: [UInt64]) -> [UInt64] {
    var digits = digits
    while digits.last == 0 { digits.removeLast() }
    return digits
  }

  /// Up to this many digits the simple method is faster; at most 128, so that no column of products
  /// overflows 128 bits.
  private static var simpleDigits: Int { 100 }

  private static func product(_ a: ArraySlice<UInt64>, _ b: ArraySlice<UInt64>) -> [UInt64] {
    if min(a.count, b.count) <= simpleDigits { return simpleProduct(a, b) }
    let half = (max(a.count, b.count) + 1) / 2
    let (aLow, aHigh) = (a.prefix(half), a.dropFirst(half))
    let (bLow, bHigh) = (b.prefix(half), b.dropFirst(half))
    var result = product(aLow, bLow)
    if aHigh.isEmpty || bHigh.isEmpty {
      add(product(aHigh.isEmpty ? a : aHigh, bHigh.isEmpty ? b : bHigh)[...], to: &result, at: half)
      return result
    }
    let high = product(aHigh, bHigh)
    var (aSum, bSum) = (Array(aLow), Array(bLow))
    add(aHigh, to: &aSum, at: 0)
    add(bHigh, to: &bSum, at: 0)
    var middle = product(aSum[...], bSum[...])
    subtract(result, from: &middle)
    subtract(high, from: &middle)
    add(trimmed(middle)[...], to: &result, at: half)
    add(high[...], to: &result, at: 2 * half)
    return result
  }

  private static func simpleProduct(
    _ a: ArraySlice<UInt64>, _ b: ArraySlice<UInt64>
  ) -> [UInt64] {
    guard !a.isEmpty, !b.isEmpty else { return [] }
    var result: [UInt64] = []
    result.reserveCapacity(a.count + b.count)
    var sum: UInt128 = 0
    for column in 0..<(a.count + b.count - 1) {
      for index in max(0, column - b.count + 1)...min(column, a.count - 1) {
        let other = b[b.startIndex + column - index]
        sum &+= UInt128(a[a.startIndex + index]) &* UInt128(other)
      }
      let (quotient, digit) = sum.quotientAndRemainder(dividingBy: UInt128(Base.base))
      result.append(UInt64(truncatingIfNeeded: digit))
      sum = quotient
    }
    while sum > 0 {
      let (quotient, digit) = sum.quotientAndRemainder(dividingBy: UInt128(Base.base))
      result.append(UInt64(truncatingIfNeeded: digit))
      sum = quotient
    }
    return trimmed(result)
  }

  private static func add(_ value: ArraySlice<UInt64>, to sum: inout [UInt64], at place: Int) {
    var carry: UInt64 = 0
    var index = place
    while sum.count < place { sum.append(0) }
    for digit in value {
      if index == sum.count { sum.append(0) }
      let total = sum[index] + digit + carry
      carry = total >= Base.base ? 1 : 0
      sum[index] = carry == 1 ? total - Base.base : total
      index += 1
    }
    while carry == 1 {
      if index == sum.count { sum.append(0) }
      carry = sum[index] + 1 == Base.base ? 1 : 0
      sum[index] = carry == 1 ? 0 : sum[index] + 1
      index += 1
    }
  }

  /// The value is not above the difference's first value.
  private static func subtract(_ value: [UInt64], from difference: inout [UInt64]) {
    var borrow: UInt64 = 0
    for index in difference.indices {
      let part = (index < value.count ? value[index] : 0) + borrow
      if part == 0, index >= value.count { return }
      borrow = difference[index] < part ? 1 : 0
      difference[index] =
        borrow == 1
        ? difference[index] + Base.base - part
        : difference[index] - part
    }
  }
}
