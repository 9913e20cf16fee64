import Testing

@testable import Candid

@Suite("Candid's text format")
struct CandidTextTests {
  private func read(_ text: String, _ types: String) throws -> String {
    let values = try CandidText.parseArguments(text, as: CandidText.parseTypes(types))
    return String(decoding: CandidText.printCompact(values), as: UTF8.self)
  }

  @Test(
    "is read at the expected types",
    arguments: [
      ("(\"key\", 42 : nat,)", "(text, int)", "(\"key\", 42 : int)"),
      ("( 1_000 , 0xFF, -0x10)", "(nat, nat8, int8)", "(1_000 : nat, 255 : nat8, -16 : int8)"),
      ("(1e3, -1.5, .5e1)", "(float64, float32)", ""),
      (
        "(1e3, -1.5, 2.)", "(float64, float32, float64)",
        "(1000.0 : float64, -1.5 : float32, 2.0 : float64)"
      ),
      (
        "(nan, -inf, inf)", "(float64, float32, float64)",
        "(NaN : float64, -inf : float32, inf : float64)"
      ),
      ("(/* a /* b */ c */ true // end\n)", "(bool)", "(true)"),
      ("(record { 1; \"x\" })", "(record { nat; text })", "(record { 1 : nat; \"x\" })"),
      ("(record { b = 1; a = 2 })", "(record { a : nat })", "(record { a = 2 : nat })"),
      ("(vec { 1; 2; 255 })", "(blob)", "(blob \"\\01\\02\\ff\")"),
      ("(\"\\u{1F_600}\\41\\'\")", "(text)", "(\"😀A\\'\")"),
      ("(opt opt 1)", "(opt opt nat8)", "(opt opt (1 : nat8))"),
      ("()", "(opt nat, reserved)", "(null, null : reserved)"),
      ("(1, 2, 3)", "(nat)", "(1 : nat)"),
    ])
  func typed(_ text: String, _ types: String, _ printed: String) throws {
    guard !printed.isEmpty else {
      #expect(throws: CandidError.self) { try read(text, types) }
      return
    }
    #expect(try read(text, types) == printed)
  }

  @Test("suggests types where none are given")
  func untyped() throws {
    let values = try CandidText.parseArguments("(1, -2.5, \"a\", 3 : nat8, vec { 1 : nat8 })")
    #expect(values == [.int(1), .float64(-2.5), .text("a"), .nat8(3), .blob([1])])
  }

  @Test(
    "is refused with the place of the mistake",
    arguments: [
      ("(key)", "(text)", 1), ("(\"a\"", "(text)", 4), ("(\"a)", "(text)", 1),
      ("(1) 2", "(nat)", 4), ("(256)", "(nat8)", 1), ("(1.5)", "(nat)", 1),
      ("(\"\\q\")", "(text)", 2), ("(principal \"aaaaa\")", "(principal)", 11),
      ("(record { a = 1; a = 2 })", "(record { a : nat })", 17), ("(\"a\")", "(text, text)", 5),
      ("(variant { No })", "(variant { Ok })", 1), ("(/* x)", "(text)", 1),
      ("(1 : int)", "(nat)", 1),
      ("(\"\\ff\")", "(text)", 1), ("(#)", "(text)", 1),
    ])
  func refusals(_ text: String, _ types: String, _ offset: Int) throws {
    let error = #expect(throws: CandidError.self) { try read(text, types) }
    #expect(error?.offset == offset, "\(text): \(String(describing: error))")
  }

  @Test(
    "types come back from their description",
    arguments: [
      "record { a : opt nat; \"b c\" : blob }", "variant { Err : text; Ok }",
      "func (nat, text) -> (opt bool) query", "service { get : (text) -> () query; put : F }",
      "vec record { 0 : int; 1 : F }", "func () -> () oneway",
    ])
  func types(_ text: String) throws {
    let type = try CandidText.parseType(text)
    #expect(try CandidText.parseType(type.description) == type)
  }

  @Test(
    "definitions that mean nothing are refused",
    arguments: [
      "type A = A;", "type A = B; type B = A;", "type A = opt Missing;",
      "type A = nat; type A = int;",
      "type A = record { a : nat; a : int };", "import \"x.did\";", "service : { a : nat }",
      "type A = nat type B = nat;", "type A = record { ab : nat; 21729 : nat };",
    ])
  func definitions(_ source: String) {
    #expect(throws: CandidError.self) { try CandidInterface(parsing: source) }
  }
}
