import Testing

@testable import Candid

private enum Color: String, CaseIterable, CandidConvertible {
  case red, green
}

private struct Sample: Hashable, CandidConvertible {
  var bytes: [UInt8] = [0, 255]
  var words: [String] = ["a", "long enough not to be stored inline"]
  var nested: [[UInt16]] = [[1], []]
  var maybe: Int?? = .some(nil)
  var color = Color.green
  var number: CandidInteger = -5
  var principal = Principal.canister(number: 3)
  var float: Float = 1.5
  var signed: Int8 = -128

  typealias Int = Int64

  static let candidType = CandidType.record(fields: [
    "bytes": .blob, "words": .vec(.text), "nested": .vec(.vec(.nat16)),
    "maybe": .opt(.opt(.int64)), "color": Color.candidType, "number": .int,
    "principal": .principal, "float": .float32, "signed": .int8,
  ])

  var candidValue: CandidValue {
    .record(fields: [
      "bytes": bytes.candidValue, "words": words.candidValue, "nested": nested.candidValue,
      "maybe": maybe.candidValue, "color": color.candidValue, "number": number.candidValue,
      "principal": principal.candidValue, "float": float.candidValue,
      "signed": signed.candidValue,
    ])
  }

  init() {}

  init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    bytes = try record.field("bytes")
    words = try record.field("words")
    nested = try record.field("nested")
    maybe = try record.field("maybe")
    color = try record.field("color")
    number = try record.field("number")
    principal = try record.field("principal")
    float = try record.field("float")
    signed = try record.field("signed")
  }
}

@Suite("Swift values as Candid")
struct CandidConvertibleTests {
  @Test("a record of every kind of field comes back")
  func record() throws {
    let sample = Sample()
    let message = try CandidArguments.encode(sample)
    #expect(try CandidArguments.decode(message, as: Sample.self) == sample)
    let signature = try CandidArguments.signature(of: Sample.self)
    let json = CandidJSON.writeArguments([sample.candidValue])
    let values = try CandidJSON.readArguments(json, as: signature)
    #expect(try CandidArguments.convert(values, to: Sample.self) == sample)
  }

  @Test("a missing or wrong field is named in the error")
  func errors() throws {
    let message = try CandidBinary.encode([.record(fields: ["bytes": .blob([])])])
    let values = try CandidBinary.decode(message)
    let error = #expect(throws: CandidError.self) {
      try CandidArguments.convert(values, to: Sample.self)
    }
    #expect(error?.message == "in the field words: it is missing")
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
