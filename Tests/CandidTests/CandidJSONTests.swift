import Testing

@testable import Candid

@Suite("Candid as JSON")
struct CandidJSONTests {
  private func read(_ json: String, _ types: String) throws -> String {
    let signature = try CandidSignature(CandidText.parseTypes(types))
    let values = try CandidJSON.readArguments(Array(json.utf8), as: signature)
    return String(decoding: CandidText.printCompact(values), as: UTF8.self)
  }

  @Test(
    "arguments are a list, or a single one by itself",
    arguments: [
      ("[\"a\", \"b\"]", "(text, text)", "(\"a\", \"b\")"),
      ("\"a\"", "(text)", "(\"a\")"),
      ("[\"a\"]", "(text)", "(\"a\")"),
      ("[]", "()", "()"),
      ("null", "()", "()"),
      ("[]", "(opt nat)", "(null)"),
      ("null", "(opt nat)", "(null)"),
      ("[[\"a\"]]", "(vec text)", "(vec { \"a\" })"),
      ("[\"a\"]", "(vec text)", "(vec { \"a\" })"),
      ("[\"a\", \"b\"]", "(vec text)", "(vec { \"a\"; \"b\" })"),
      ("[\"aGk=\"]", "(blob)", "(blob \"hi\")"),
      ("[104, 105]", "(blob)", "(blob \"hi\")"),
      ("[[104, 105]]", "(blob)", "(blob \"hi\")"),
      ("[[]]", "(vec text)", "(vec {})"),
      ("{\"a\": 1}", "(record { a : nat }, opt text)", "(record { a = 1 : nat }, null)"),
    ])
  func arguments(_ json: String, _ types: String, _ text: String) throws {
    #expect(try read(json, types) == text)
  }

  @Test(
    "each type has its form",
    arguments: [
      ("[9007199254740991]", "(nat)", "(9_007_199_254_740_991 : nat)"),
      ("[\"9007199254740992\"]", "(nat64)", "(9_007_199_254_740_992 : nat64)"),
      ("[\"-9007199254740992\"]", "(int)", "(-9_007_199_254_740_992 : int)"),
      ("[1.5]", "(float64)", "(1.5 : float64)"),
      ("[2]", "(float32)", "(2.0 : float32)"),
      ("[\"-Infinity\"]", "(float32)", "(-inf : float32)"),
      ("[{\"Ok\":7}]", "(variant { Ok : nat8 })", "(variant { Ok = 7 : nat8 })"),
      ("[\"Ok\"]", "(variant { Ok })", "(variant { Ok })"),
      ("[{\"Ok\":null}]", "(variant { Ok })", "(variant { Ok })"),
      ("[{\"3\":true}]", "(record { 3 : bool })", "(record { 3 = true })"),
      ("[{\"x\":1}]", "(record { y : opt nat })", "(record { y = null })"),
      ("[[null]]", "(opt opt nat)", "(opt null)"),
      ("[null]", "(opt opt nat)", "(null)"),
      ("[[[5]]]", "(opt opt opt nat)", "(opt opt opt (5 : nat))"),
      ("[5]", "(opt nat)", "(opt (5 : nat))"),
      ("[\"aaaaa-aa\"]", "(principal)", "(principal \"aaaaa-aa\")"),
      (
        "[{\"service\":\"aaaaa-aa\",\"method\":\"m\"}]", "(func () -> ())",
        "(func \"aaaaa-aa\".m)"
      ),
      ("[\"\\ud83d\\ude00\\n\"]", "(text)", "(\"😀\\n\")"),
    ])
  func forms(_ json: String, _ types: String, _ text: String) throws {
    #expect(try read(json, types) == text)
    let signature = try CandidSignature(CandidText.parseTypes(types))
    let values = try CandidJSON.readArguments(Array(json.utf8), as: signature)
    let written = CandidJSON.writeArguments(values)
    #expect(try CandidJSON.readArguments(written, as: signature) == values)
  }

  @Test("results are bare, null, or an array")
  func results() throws {
    func write(_ values: [CandidValue]) -> String {
      String(decoding: CandidJSON.writeResults(values), as: UTF8.self)
    }
    #expect(write([]) == "null")
    #expect(write([.text("a\"\u{1}")]) == "\"a\\\"\\u0001\"")
    #expect(write([.nat(1), .blob([104, 105])]) == "[1,\"aGk=\"]")
    #expect(write([.nat64(.max)]) == "\"18446744073709551615\"")
    #expect(write([.variant("Ok")]) == "{\"Ok\":null}")
    #expect(write([.float64(.nan)]) == "\"NaN\"")
    #expect(
      write([.record(fields: ["b": .null, "a": .opt(.bool(true))])]) == "{\"a\":true,\"b\":null}")
  }

  @Test("a whole number may be written with a fraction of nothing", arguments: ["1.0", "1.000"])
  func wholeNumbers(_ number: String) throws {
    let signature = try CandidSignature(CandidText.parseTypes("(nat8, int64, nat)"))
    let values = try CandidJSON.readArguments(
      Array("[\(number), -\(number), \(number)]".utf8), as: signature)
    #expect(values == [.nat8(1), .int64(-1), .nat(1)])
  }

  @Test(
    "what is no JSON or has another type is refused with its place",
    arguments: [
      ("", "(text)", 0), ("[\"a\"", "(text)", 4), ("[1,]", "(nat)", 3), ("[01]", "(nat)", 2),
      ("[1] x", "(nat)", 4), ("{\"a\":1,\"a\":2}", "(record { a : nat })", 7),
      ("[\"\\ud800\"]", "(text)", 8), ("[256]", "(nat8)", 1), ("[-1]", "(nat)", 1),
      ("[1.5]", "(nat)", 1), ("[\"a\", \"b\"]", "(text)", 6), ("[\"a\"]", "(text, text)", 5),
      ("{}", "(record { a : nat })", 0), ("[\"No\"]", "(variant { Ok })", 1),
      ("[\"aGk\"]", "(blob)", 1), ("[1e999]", "(float64)", 1), ("[nul]", "(opt nat)", 1),
      ("[\"\u{1}\"]", "(text)", 2),
    ])
  func refusals(_ json: String, _ types: String, _ offset: Int) throws {
    let signature = try CandidSignature(CandidText.parseTypes(types))
    let error = #expect(throws: CandidError.self) {
      try CandidJSON.readArguments(Array(json.utf8), as: signature)
    }
    #expect(error?.offset == offset, "\(json): \(String(describing: error))")
  }
}
