import Testing

@testable import Candid

@Suite("Integers of any size")
struct CandidIntegerTests {
  private func roundTrip(_ digits: String) throws {
    let value = try #require(CandidInteger(digits: digits.utf8))
    #expect(value.description == digits)
    let encoded = try CandidArguments.encode(value).dropFirst(7)
    let signed = try encoded.withUnsafeBytes { bytes in
      var cursor = ByteCursor(bytes)
      return try cursor.integer(isSigned: true)
    }
    #expect(signed == value)
    guard !value.isNegative else { return }
    let natural = try CandidArguments.encode(#require(CandidNatural(value))).dropFirst(7)
    let unsigned = try natural.withUnsafeBytes { bytes in
      var cursor = ByteCursor(bytes)
      return try cursor.integer(isSigned: false)
    }
    #expect(unsigned == value)
  }

  @Test("come back from decimal digits and from LEB128 around every power of two")
  func powers() throws {
    var power = CandidInteger(1)
    for bit in 0..<300 {
      let digits = power.description
      try roundTrip(digits)
      try roundTrip("-" + digits)
      let below = limbs(bit, filled: true)
      try roundTrip(below.description)
      if below != 0 { try roundTrip("-" + below.description) }
      power = limbs(bit + 1, filled: false)
    }
  }

  /// 2^bit, or 2^bit - 1 when filled.
  private func limbs(_ bit: Int, filled: Bool) -> CandidInteger {
    var limbs = [UInt32](repeating: filled ? .max : 0, count: bit / 32)
    limbs.append(filled ? (1 << UInt32(bit % 32)) - 1 : 1 << UInt32(bit % 32))
    return CandidInteger(isNegative: false, limbs: limbs)
  }

  @Test("of thousands of digits are read and printed", arguments: [300, 1_500, 14_000])
  func thousandsOfDigits(_ bits: Int) throws {
    var random = SplitMix64(state: UInt64(bits))
    let limbs = (0..<bits / 32).map { _ in UInt32(truncatingIfNeeded: random.next()) } + [1]
    let value = CandidInteger(isNegative: true, limbs: limbs)
    #expect(CandidInteger(digits: value.description.utf8) == value)
    let hexadecimal = limbs.reversed().map { limb in
      let digits = String(limb, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }
    #expect(CandidInteger(digits: ("-" + hexadecimal.joined()).utf8, radix: 16) == value)
    // Sums that carry through all digits.
    let power = "1" + String(repeating: "0", count: bits / 4)
    let below = String(repeating: "9", count: bits / 4)
    #expect(try #require(CandidInteger(digits: power.utf8)).description == power)
    #expect(try #require(CandidInteger(digits: below.utf8)).description == below)
  }

  @Test("are read up to the largest, and not beyond")
  func largest() throws {
    let digits = CandidLimits.integerBits / 4
    let largest = String(repeating: "f", count: digits)
    #expect(CandidInteger(digits: largest.utf8, radix: 16) != nil)
    #expect(CandidInteger(digits: ("000" + largest).utf8, radix: 16) != nil)
    #expect(CandidInteger(digits: ("1" + largest).utf8, radix: 16) == nil)
    let tooMany = String(repeating: "9", count: CandidLimits.integerDigits + 1)
    #expect(CandidInteger(digits: tooMany.utf8) == nil)
  }

  @Test("are in order")
  func order() {
    let ascending = [
      "-99999999999999999999999", "-9223372036854775809", "-9223372036854775808", "-1", "0", "1",
      "9223372036854775807", "9223372036854775808", "18446744073709551615",
      "18446744073709551616", "99999999999999999999999",
    ].compactMap { CandidInteger(digits: $0.utf8) }
    #expect(ascending.count == 11)
    for (left, right) in zip(ascending, ascending.dropFirst()) {
      #expect(left < right)
      #expect(!(right < left))
    }
    #expect(ascending[8].exactly(UInt64.self) == .max)
    #expect(ascending[9].exactly(UInt64.self) == nil)
    #expect(ascending[2].exactly(Int64.self) == .min)
    #expect(CandidInteger(UInt64.max) == ascending[8])
  }

  @Test("refuse what is no number", arguments: ["", "-", "+", "1a", "--1", "1.0", " 1"])
  func refusals(_ text: String) {
    #expect(CandidInteger(digits: text.utf8) == nil)
  }
}
