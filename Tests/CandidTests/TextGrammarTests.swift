import Testing

@testable import Candid

/// Candid spec, "Values" and "Core Grammar".
@Suite("The grammar of values")
struct TextGrammarTests {
  private func read(_ text: String, _ types: String) throws -> [CandidValue] {
    try CandidText.parseArguments("(\(text))", as: CandidText.parseTypes("(\(types))"))
  }

  @Test(
    "numbers have their forms",
    arguments: [
      ("0", .nat(0)), ("007", .nat(7)), ("1_2_3", .nat(123)), ("+5", .nat(5)),
      ("0xAb_cD", .nat(0xabcd)), ("-5", .int(-5)), ("-0", .int(0)), ("0x0", .int(0)),
      ("1", .float64(1)), ("0x10", .float64(16)), ("1.", .float64(1)), ("1_0.2_5", .float64(10.25)),
      ("+1.5e1_0", .float64(1.5e10)), ("2.E-3", .float64(0.002)), ("3e+2", .float64(300)),
      ("0x1.8", .float64(1.5)), ("0x1.8p3", .float64(12)), ("-0xA.P-1", .float64(-5)),
      ("0x1p-1074", .float64(.leastNonzeroMagnitude)), ("-0.0", .float32(-0.0)),
      ("3.4028235e38", .float32(.greatestFiniteMagnitude)), ("inf", .float32(.infinity)),
      ("-inf", .float64(-.infinity)), ("255", .nat8(255)), ("-128", .int8(-128)),
      ("18446744073709551615", .nat64(.max)), ("-9223372036854775808", .int64(.min)),
    ] as [(String, CandidValue)])
  func numbers(_ text: String, _ value: CandidValue) throws {
    let read = try read(text, value.inferredType.description)
    #expect(read == [value])
    if case .float64(let number) = value, case .float64(let other) = read[0] {
      #expect(number.sign == other.sign)
    }
  }

  @Test(
    "what is no number is refused",
    arguments: [
      "1__0", "1_", "_1", "0x", "0x_1", "0xg", "0X10", "1a", "1.5.2", ".5", "1e", "1e+", "1e1.5",
      "1.e_1", "0x1p", "0x1.8pA", "- 5", "--5", "+-5", "-", "+", "1.5f", "-infinity", "-snan",
      "1e999", "-1e999", "0x1p1024",
    ])
  func malformedNumbers(_ text: String) {
    #expect(throws: CandidError.self) { try read(text, "float64") }
  }

  @Test(
    "a number is refused at a type that does not hold it",
    arguments: [
      ("256", "nat8"), ("-1", "nat"), ("-0", "nat"), ("1.0", "int"), ("1e3", "nat"),
      ("128", "int8"), ("18446744073709551616", "nat64"), ("1", "text"), ("nan", "nat"),
      ("1", "bool"), ("1", "opt nat"), ("1e39", "float32"),
    ])
  func range(_ text: String, _ type: String) {
    #expect(throws: CandidError.self) { try read(text, type) }
  }

  @Test(
    "strings have escapes",
    arguments: [
      (#""\n\r\t\\\"\'""#, "\n\r\t\\\"'"), (#""\41\c3\a9""#, "Aé"), (#""\u{1f_600}""#, "😀"),
      (#""\u{0}\u{0000041}\u{10FFFF}""#, "\u{0}A\u{10ffff}"), (#""é☃""#, "é☃"), (#""//""#, "//"),
      (#""/*""#, "/*"), (#""""#, ""),
    ])
  func strings(_ text: String, _ value: String) throws {
    #expect(try read(text, "text") == [.text(value)])
  }

  @Test(
    "what is no string is refused",
    arguments: [
      #""\q""#, #""\u{}""#, #""\u{d800}""#, #""\u{110000}""#, #""\u{_1}""#, #""\u{1_}""#,
      #""\u{1__2}""#, #""\u{12345678901}""#, #""\u1234""#, #""\4""#, #""\ff""#, #""\c3""#, "\"a",
      "\"\n\"", "\"\u{7f}\"", "'a'", "\"\\",
    ])
  func malformedStrings(_ text: String) {
    #expect(throws: CandidError.self) { try read(text, "text") }
  }

  @Test("bytes that are not UTF-8 are refused wherever they are", arguments: [0, 1, 3, 9])
  func encoding(_ offset: Int) throws {
    var source = Array("(\"abc\" /* */)".utf8)
    source.insert(0xff, at: offset)
    let signature = try CandidSignature([.text])
    let error = #expect(throws: CandidError.self) {
      try CandidText.parseArguments(source, as: signature)
    }
    #expect(error?.offset == offset)
    #expect(throws: CandidError.self) { try CandidInterface(parsing: [0x2f, 0x2f, 0xc3]) }
  }

  @Test("a blob is the bytes of a string")
  func blobs() throws {
    #expect(try read(#"blob "\00é\ff""#, "blob") == [.blob([0, 0xc3, 0xa9, 0xff])])
    #expect(try read(#"blob "\u{e9}""#, "vec nat") == [.vec([.nat(0xc3), .nat(0xa9)])])
    #expect(throws: CandidError.self) { try read("\"a\"", "blob") }
  }

  @Test("a number in quotation marks is a name, not an id")
  func quotedNumbers() throws {
    let named = try read(#"record { "5" = 1; 5 = 2 }"#, #"record { "5" : nat; 5 : nat }"#)
    #expect(named == [.record(fields: ["\u{5}": .nat(2), "5": .nat(1)])])
    #expect(CandidLabel("5").id == 53)
    #expect(throws: CandidError.self) {
      try CandidText.parseType(#"record { "5" : nat; 53 : nat }"#)
    }
  }

  @Test(
    "fields are numbered from the one before",
    arguments: [
      ("record { 1; 2 }", "record { 0 = 1; 1 = 2 }"),
      ("record { 1; 7 = 2; 3 }", "record { 0 = 1; 7 = 2; 8 = 3 }"),
      ("record { a = 1; 2 }", "record { 97 = 1; 98 = 2 }"),
      ("record { 5 = 1; 0 = 2; 3; }", "record { 0 = 2; 1 = 3; 5 = 1 }"),
      ("record { 0x10 = 1 }", "record { 16 = 1 }"),
      ("variant { 0x10 }", "variant { 16 = null }"),
      ("variant { a }", "variant { 97 = null }"), ("((1))", "1"), ("opt (1)", "opt 1"),
      ("opt opt null", "opt (opt null)"), ("(1 : nat8)", "1 : nat8"),
    ])
  func shorthands(_ short: String, _ long: String) throws {
    let value = try CandidText.parseArguments("(\(short))")
    #expect(try value == CandidText.parseArguments("(\(long))"))
  }

  @Test(
    "values that the grammar does not have are refused",
    arguments: [
      "", "1,,2", ",", "record { 1, 2 }", "record { 4294967296 = 1 }", "record { -1 = 1 }",
      "record { +1 = 1 }", "record { 1.0 = 1 }", "record { 4294967295 = 1; 2 }",
      "record { a = 1; a = 2 }", "record { a = 1; 97 = 2 }", "record { opt = 1 }", "variant {}",
      "variant { a; b }", "variant { 1 = 2; }", "variant { record }", "opt", "opt 1 : nat : nat",
      "vec 1", "vec { 1, 2 }", "blob 1", "principal aaaaa-aa", "principal \"x\"", "service \"\"",
      "func \"aaaaa-aa\"", "func \"aaaaa-aa\".", "func \"aaaaa-aa\".func", "True", "1 : Missing",
      "\"a\" \"b\"", "1 : opt", "{}", "a = 1", "1;",
    ])
  func malformedValues(_ text: String) {
    if text.isEmpty {
      #expect(throws: CandidError.self) { try CandidText.parseArguments(text) }
    } else {
      #expect(throws: CandidError.self) { try CandidText.parseArguments("(\(text))") }
    }
  }

  @Test(
    "a type behind a value must hold it, and be one of those expected",
    arguments: [
      ("(5 : nat)", "int", "5 : int"), ("1 : nat", "reserved", "null : reserved"),
      ("service \"aaaaa-aa\" : service {}", "principal", "principal \"aaaaa-aa\""),
      (
        "record { a = 1; b = 2 } : record { a : nat; b : nat8 }", "record { a : int }",
        "record { a = 1 : int }"
      ),
      (
        "record { a = 1 } : record { a : nat }", "record { a : nat; b : opt nat }",
        "record { a = 1 : nat; b = null }"
      ),
      ("null : opt nat8", "opt text", "null"), ("opt 1 : opt nat", "opt int", "opt (1 : int)"),
      ("vec {} : vec text", "vec nat", "vec {}"), ("vec { 1 } : vec nat8", "blob", "blob \"\\01\""),
      (
        "variant { a = 1 } : variant { a : nat; b }", "variant { a : int }",
        "variant { a = 1 : int }"
      ),
    ])
  func annotations(_ text: String, _ type: String, _ printed: String) throws {
    let values = try read(text, type)
    #expect(String(decoding: CandidText.printCompact(values), as: UTF8.self) == "(\(printed))")
  }

  @Test(
    "a type behind a value that does not fit is refused",
    arguments: [
      ("1 : text", "nat"), ("1 : text", "reserved"), ("1 : nat8", "nat"), ("1 : int", "nat"),
      ("opt (1 : text)", "reserved"), ("record { x = (1 : bool) }", "record {}"),
      ("1 : nat", "opt nat"), ("record {} : record {}", "record { a : nat }"),
      ("principal \"aaaaa-aa\" : principal", "service {}"), ("-1 : nat", "int"),
      ("variant { b } : variant { a; b }", "variant { a }"), ("1, (2 : text)", "nat"),
    ])
  func wrongAnnotations(_ text: String, _ type: String) {
    #expect(throws: CandidError.self) { try read(text, type) }
  }

  @Test("the words for special floats need no type")
  func words() throws {
    let values = try CandidText.parseArguments("(inf, -inf, nan, NaN, record { nan = 1; inf = 2 })")
    #expect(values.prefix(2) == [.float64(.infinity), .float64(-.infinity)])
    for case .float64(let number) in values[2...3] { #expect(number.isNaN) }
    #expect(values[4] == .record(fields: ["nan": .int(1), "inf": .int(2)]))
  }

  @Test("a type behind a value may use the definitions")
  func namedAnnotations() throws {
    let interface = try CandidInterface(parsing: "type T = record { a : opt T }")
    let text = "(record { a = opt record {} } : T)"
    let signature = try CandidSignature([.named("T")], in: interface.environment)
    let typed = try CandidText.parseArguments(Array(text.utf8), as: signature)
    #expect(try CandidText.parseArguments(text, in: interface.environment) == typed)
  }
}
