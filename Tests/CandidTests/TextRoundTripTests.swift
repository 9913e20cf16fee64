import Testing

@testable import Candid

@Suite("What is printed is read as the same")
struct TextRoundTripTests {
  private func expectRoundTrip(_ value: CandidValue, untyped: Bool = true) throws {
    for text in [
      CandidText.print([value]), String(decoding: CandidText.printCompact([value]), as: UTF8.self),
    ] {
      #expect(try CandidText.parseArguments(text, as: [value.inferredType]) == [value])
      if untyped { #expect(try CandidText.parseArguments(text) == [value]) }
    }
  }

  @Test("floats of every exponent")
  func floats() throws {
    var random = SplitMix64(state: 0xf10a_75)
    for exponent in UInt64(0)..<0x7ff {
      for mantissa in [0, 1, random.next() >> 12] {
        let number = Double(bitPattern: exponent << 52 | mantissa)
        try expectRoundTrip(.vec([.float64(number), .float64(-number)]))
      }
    }
    for exponent in UInt32(0)..<0xff {
      for mantissa in [0, 1, UInt32(truncatingIfNeeded: random.next()) >> 9] {
        let number = Float(bitPattern: exponent << 23 | mantissa)
        try expectRoundTrip(.vec([.float32(number), .float32(-number)]))
      }
    }
  }

  @Test("zeros with their sign, infinities, and what is no number")
  func specialFloats() throws {
    try expectRoundTrip(.vec([.float64(.infinity), .float64(-.infinity)]))
    try expectRoundTrip(.vec([.float32(.infinity), .float32(-.infinity)]))
    let zero = CandidText.print([.float64(-0.0), .float32(-0.0)])
    #expect(zero == "(-0.0 : float64, -0.0 : float32)")
    guard case .float64(let read) = try CandidText.parseArguments(zero)[0] else { return }
    #expect(read.sign == .minus)
    for nan in [Double.nan, .signalingNaN, -.nan, .init(nan: 5, signaling: false)] {
      let text = CandidText.print([.float64(nan), .float32(Float(nan))])
      #expect(text == "(NaN : float64, NaN : float32)")
      guard case .float64(let read) = try CandidText.parseArguments(text)[0] else { return }
      #expect(read.isNaN)
    }
  }

  @Test("every character of Unicode")
  func characters() throws {
    let signature = try CandidSignature([.text])
    var text = String.UnicodeScalarView()
    for code in UInt32(0)...0x10ffff {
      if let scalar = Unicode.Scalar(code) { text.append(scalar) }
      guard code % 4_096 == 4_095 else { continue }
      let printed = CandidText.printCompact([.text(String(text))])
      let read = try CandidText.parseArguments(printed, as: signature)
      // Strings are equal when they look the same; their characters may differ even so.
      guard case .text(let same) = read.first else { return }
      #expect(same.unicodeScalars.elementsEqual(text))
      text = String.UnicodeScalarView()
    }
    for code in UInt32(0)..<0x300 {
      guard let name = Unicode.Scalar(code).map(String.init) else { continue }
      try expectRoundTrip(.record(fields: [name: .text(name), "bb": .variant(name)]))
      try expectRoundTrip(.function(.management, method: name))
    }
  }

  @Test("blobs of every byte, and of none")
  func blobs() throws {
    for byte in UInt8.min...UInt8.max {
      try expectRoundTrip(.blob([byte]))
      try expectRoundTrip(.blob([byte, UInt8(ascii: "a")]))
    }
    try expectRoundTrip(.blob([]))
  }

  @Test("names that are keywords, numbers or empty")
  func names() throws {
    for name in [
      "import", "service", "func", "type", "opt", "vec", "record", "variant", "blob", "principal",
      "nat", "int8", "float64", "bool", "text", "null", "reserved", "empty", "oneway", "query",
      "composite_query", "true", "false", "nan", "inf", "5", "", "_", "a b", "a-b", "é", "a\"b",
    ] {
      try expectRoundTrip(.record(fields: [name: .bool(true), "zz": .null]))
      try expectRoundTrip(.variant(name))
      let type = CandidType.record(fields: [name: .variant(cases: [name: .null]), "zz": .null])
      #expect(try CandidText.parseType(type.description) == type)
    }
  }

  /// A value whose type its text tells; depth bounds the nesting.
  private func value(_ random: inout SplitMix64, depth: Int) -> CandidValue {
    let bits = random.next()
    let integer = CandidInteger(Int64(truncatingIfNeeded: bits) >> Int64(bits % 64))
    switch random.next() % (depth > 0 ? 20 : 15) {
    case 0: return .null
    case 1: return .bool(bits % 2 == 0)
    case 2: return .nat(CandidInteger(bits))
    case 3: return .int(integer)
    case 4: return .nat8(UInt8(truncatingIfNeeded: bits))
    case 5: return .nat16(UInt16(truncatingIfNeeded: bits))
    case 6: return .nat32(UInt32(truncatingIfNeeded: bits))
    case 7: return .nat64(bits)
    case 8: return .int16(Int16(truncatingIfNeeded: bits))
    case 9: return .int64(Int64(truncatingIfNeeded: bits))
    case 10: return .float64(Double(truncatingIfNeeded: bits))
    case 11: return .text(String(bits, radix: 36))
    case 12: return .principal(.canister(number: bits))
    case 13: return .reserved
    case 14: return .service(.canister(number: bits))
    case 15: return .opt(value(&random, depth: depth - 1))
    case 16: return .variant(String(bits % 50), value(&random, depth: depth - 1))
    case 17:
      let element = value(&random, depth: depth - 1)
      if case .nat8(let byte) = element { return .blob([byte, byte]) }
      return .vec([element, element])
    case 18:
      let isTuple = bits % 2 == 0
      let fields = (0..<UInt32(bits % 8)).map { index in
        let label = CandidLabel(id: isTuple ? index : index * 0x1234_5678)
        return CandidFieldValue(label: label, value: value(&random, depth: depth - 1))
      }
      return .record(fields.sorted { $0.label < $1.label })
    default: return .opt(.opt(value(&random, depth: depth - 1)))
    }
  }

  @Test("values of every kind, nested")
  func nested() throws {
    var random = SplitMix64(state: 0xca0d_1d)
    for _ in 0..<1_000 { try expectRoundTrip(value(&random, depth: 6)) }
  }

  @Test("absent values, at their type")
  func absent() throws {
    try expectRoundTrip(.opt(nil), untyped: false)
    let types: [CandidType] = [
      .opt(.opt(.nat)), .vec(.opt(.text)), .variant(cases: ["a": .opt(.nat)]),
    ]
    let values: [CandidValue] = [
      .opt(.opt(nil)), .vec([.opt(nil), .opt(.text(""))]), .variant("a", .opt(nil)),
    ]
    #expect(try CandidText.parseArguments(CandidText.print(values), as: types) == values)
  }
}

extension Double {
  /// A finite number of these bits.
  fileprivate init(truncatingIfNeeded bits: UInt64) {
    let number = Double(bitPattern: bits)
    self = number.isFinite ? number : 0
  }
}
