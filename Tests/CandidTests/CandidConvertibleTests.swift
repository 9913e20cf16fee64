import Testing

@testable import Candid

private enum Color: String, CaseIterable, CandidVariant {
  case red, green
}

private struct Wordy: CandidRecord {
  var words: [String]
  static let candidFields = CandidFields(Wordy.init, CandidMember("words", \.words))
}

private struct Sample: Hashable, CandidRecord {
  var bytes: [UInt8] = [0, 255]
  var words: [String] = ["a", "long enough not to be stored inline"]
  var nested: [[UInt16]] = [[1], []]
  var maybe: Int?? = .some(nil)
  var color = Color.green
  var number: CandidInteger = -5
  var principal = Principal.canister(number: 3)
  var float: Float = 1.5
  var signed: Int8 = -128

  static let candidFields = CandidFields(
    Sample.init(bytes:words:nested:maybe:color:number:principal:float:signed:),
    CandidMember("bytes", \.bytes), CandidMember("words", \.words),
    CandidMember("nested", \.nested), CandidMember("maybe", \.maybe),
    CandidMember("color", \.color), CandidMember("number", \.number),
    CandidMember("principal", \.principal), CandidMember("float", \.float),
    CandidMember("signed", \.signed))
}

@Suite("Swift values as Candid")
struct CandidConvertibleTests {
  @Test("a record of every kind of field comes back")
  func record() throws {
    let sample = Sample()
    let message = try CandidArguments.encode(sample)
    #expect(try CandidArguments.decode(message, as: Sample.self) == sample)
    let signature = try CandidArguments.signature(of: Sample.self)
    let json = try CandidJSON.writeArguments(CandidArguments.values(of: sample))
    let values = try CandidJSON.readArguments(json, as: signature)
    #expect(try CandidArguments.convert(values, to: Sample.self) == sample)
  }

  @Test("a missing or wrong field is named in the error")
  func errors() throws {
    let message = try CandidBinary.encode([.record(fields: ["bytes": .blob([])])])
    let error = #expect(throws: CandidError.self) {
      try CandidArguments.decode(message, as: Sample.self)
    }
    #expect(error?.message == "the field float of type float32 is missing")
    let wrong = try CandidBinary.encode([.record(fields: ["words": .vec([.nat8(1)])])])
    let other = #expect(throws: CandidError.self) {
      try CandidArguments.decode(wrong, as: Wordy.self)
    }
    #expect(other?.message == "in the field words: nat8 was sent, text is expected")
    #expect(throws: CandidError.self) { try Color(candidValue: .variant("blue")) }
    #expect(throws: CandidError.self) { try UInt8(candidValue: .nat16(1)) }
  }

  @Test("values without types are sent at their own")
  func inference() throws {
    let values: [CandidValue] = [
      .record(fields: ["a": .opt(.nat8(1)), "b": .vec([.text("x"), .text("y")])]),
      .variant("Ok"), .blob([1]), .opt(nil), .vec([]), .int(-1),
      .function(.management, method: "m"), .service(.anonymous),
    ]
    #expect(try CandidBinary.decode(CandidBinary.encode(values)) == values)
    #expect(throws: CandidError.self) { try CandidBinary.encode([.vec([.nat8(1), .text("")])]) }
  }

  @Test("a value that is not of its type is refused")
  func mismatches() {
    #expect(throws: CandidError.self) { try CandidBinary.encode([.nat(-1)], as: [.nat]) }
    #expect(throws: CandidError.self) { try CandidBinary.encode([.text("")], as: [.nat]) }
    #expect(throws: CandidError.self) { try CandidBinary.encode([], as: [.nat]) }
    #expect(throws: CandidError.self) {
      try CandidBinary.encode([.record([])], as: [.record(fields: ["a": .nat])])
    }
  }
}
