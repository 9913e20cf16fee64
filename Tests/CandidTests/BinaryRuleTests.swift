import Testing

@testable import Candid

@Suite("Rules of the binary format")
struct BinaryRuleTests {
  private static let numbers: [BinaryRow] = [
    BinaryRow("nat", "00 01 7d ff 01", "(nat)", "(255)"),
    BinaryRow(
      "nat beyond 64 bits", "00 01 7d 80808080808080808080 01", "(nat)",
      "(1180591620717411303424)"),
    BinaryRow("int below zero", "00 01 7c 80 7f", "(int)", "(-128)"),
    BinaryRow(
      "int beyond 64 bits", "00 01 7c 80808080808080808080 7f", "(int)",
      "(-1180591620717411303424)"),
    BinaryRow("overlong nat", "00 01 7d 85 80 80 00", "(nat)", "(5)"),
    BinaryRow(
      "overlong nat of many bytes", "00 01 7d 85 8080808080808080808080808080 00",
      "(nat)", "(5)"),
    BinaryRow("overlong int", "00 01 7c fb ff ff 7f", "(int)", "(-5)"),
    BinaryRow("overlong length of a text", "00 01 71 81 80 00 61", "(text)", "(\"a\")"),
    BinaryRow(
      "overlong count of a vec", "01 6d 7b 01 00 82 00 01 02", "(blob)",
      "(blob \"\\01\\02\")"),
    BinaryRow(
      "overlong index of a case", "01 6b 02 00 7f 01 7f 01 00 81 00",
      "(variant { 0; 1 })", "(variant { 1 })"),
    BinaryRow("number without its last byte", "00 01 7d 80 80", "(nat)", .malformed),
    BinaryRow("length beyond 64 bits", "00 01 71 ffffffffffffffffff 02", "(text)", .malformed),
    BinaryRow("length of 64 bits", "00 01 71 ffffffffffffffffff 01", "(text)", .malformed),
    BinaryRow("count of 64 bits", "01 6d 7b 01 00 ffffffffffffffffff 01", "(blob)", .malformed),
    BinaryRow(
      "fixed widths", "00 04 7a 79 75 74 0201 04030201 ffffffff 00000000000000 80",
      "(nat16, nat32, int32, int64)", "(258, 16909060, -1, -9223372036854775808)"),
    BinaryRow("float32", "00 01 73 0000c03f", "(float32)", "(1.5)"),
    BinaryRow("float64", "00 01 72 000000000000f83f", "(float64)", "(1.5)"),
  ]

  private static let values: [BinaryRow] = [
    BinaryRow("bool", "00 02 7e 7e 00 01", "(bool, bool)", "(false, true)"),
    BinaryRow("bool of two", "00 01 7e 02", "(bool)", .malformed),
    BinaryRow("opt tag of two", "01 6e 7e 01 00 02 00", "(opt bool)", .malformed),
    BinaryRow("text that is no UTF-8", "00 01 71 01 ff", "(text)", .malformed),
    BinaryRow("surrogate in a text", "00 01 71 03 eda080", "(text)", .malformed),
    BinaryRow("value of type empty", "00 01 6f", "(empty)", .malformed),
    BinaryRow(
      "case that the sender's type lacks", "01 6b 01 00 7f 01 00 01", "(variant { 0 })",
      .malformed),
    BinaryRow("variant without cases", "01 6b 00 01 00 00", "(variant {})", .malformed),
    BinaryRow("principal", "00 01 68 01 01 04", "(principal)", "(principal \"2vxsx-fae\")"),
    BinaryRow("opaque principal", "00 01 68 00", "(principal)", .malformed),
    BinaryRow(
      "principal of 30 bytes", "00 01 68 01 1e" + String(repeating: "00", count: 30),
      "(principal)", .malformed),
    BinaryRow("service", "01 69 00 01 00 01 00", "(service {})", "(service \"aaaaa-aa\")"),
    BinaryRow(
      "func", "01 6a 00 00 00 01 00 01 01 01 04 01 6d", "(func () -> ())",
      "(func \"2vxsx-fae\".m)"),
    BinaryRow("opaque func", "01 6a 00 00 00 01 00 00", "(func () -> ())", .malformed),
    BinaryRow(
      "null and reserved take no bytes", "00 02 7f 70", "(null, reserved)",
      "(null, null)"),
    BinaryRow("bytes behind the last value", "00 01 7e 01 00", "(bool)", .malformed),
    BinaryRow("bytes behind no value", "00 00 00", "()", .malformed),
    BinaryRow("value cut short", "00 01 79 00 00 00", "(nat32)", .malformed),
  ]

  private static let headers: [BinaryRow] = [
    BinaryRow("primitive in the type table", "01 7d 01 00 05", "(nat)", .malformed),
    BinaryRow("principal in the type table", "01 68 00", "()", .malformed),
    BinaryRow("reference past the table", "01 6e 01 01 00 00", "(opt nat)", .malformed),
    BinaryRow("unknown primitive", "00 01 6e 00", "(opt nat)", .malformed),
    BinaryRow("field ids that repeat", "01 6c 02 01 7f 01 7f 01 00", "(record {})", .malformed),
    BinaryRow("field ids that descend", "01 6c 02 02 7f 01 7f 01 00", "(record {})", .malformed),
    BinaryRow("case ids that descend", "01 6b 02 02 7f 01 7f 01 00 00", "(reserved)", .malformed),
    BinaryRow(
      "largest field id", "01 6c 01 ffffffff 0f 7f 01 00", "(record { 4294967295 : null })",
      "(record { 4294967295 = null })"),
    BinaryRow("field id of 33 bits", "01 6c 01 8080808010 7f 01 00", "(record {})", .malformed),
    BinaryRow("methods that descend", "02 69 02 0162 01 0161 01 6a 00 00 00 00", "()", .malformed),
    BinaryRow("methods that repeat", "02 69 02 0161 01 0161 01 6a 00 00 00 00", "()", .malformed),
    BinaryRow(
      "methods ordered by bytes, not by letters",
      "02 69 02 017a 01 02c3a9 01 6a 00 00 00 00", "()", "()"),
    BinaryRow("method name that is no UTF-8", "02 69 01 01ff 01 6a 00 00 00 00", "()", .malformed),
    BinaryRow("method that is no func", "01 69 01 0161 7d 00", "()", .malformed),
    BinaryRow("unknown annotation", "01 6a 00 00 01 04 00", "()", .malformed),
    BinaryRow("more types than bytes", "ff 1f", "()", .malformed),
    BinaryRow("more arguments than bytes", "00 05 7f", "()", .malformed),
    BinaryRow("types that nobody uses", "02 6e 7d 6d 00 00", "()", "()"),
    BinaryRow(
      "types in another order, one twice", "03 6e 7d 6e 7d 6d 01 02 02 00 01 00 01 05",
      "(vec opt nat, opt nat)", "(vec { null }, opt 5)"),
    BinaryRow("record in itself that is not sent", "01 6c 01 00 00 00", "()", "()"),
  ]

  private static let future: [BinaryRow] = [
    BinaryRow(
      "later type, dropped", "01 67 03 010203 02 00 7e 02 00 ffff 01", "(reserved, bool)",
      "(null, true)"),
    BinaryRow(
      "later type at opt", "01 67 00 02 00 7e 00 00 01", "(opt nat, bool)",
      "(null, true)"),
    BinaryRow("later type under an opt", "02 67 00 6e 00 01 01 01 01 00 ff", "(opt nat)", "(null)"),
    BinaryRow("later type at another", "01 67 00 01 00 00 00", "(nat)", .typeMismatch),
    BinaryRow("later type with references", "01 67 00 01 00 00 01", "(reserved)", .malformed),
    BinaryRow("later type cut short", "01 67 00 01 00 05 00 01", "(reserved)", .malformed),
    BinaryRow("later type of more bytes than there are", "01 67 7f 00", "()", .malformed),
  ]

  @Test("numbers", arguments: numbers)
  func number(_ row: BinaryRow) throws { try row.check() }

  @Test("values", arguments: values)
  func value(_ row: BinaryRow) throws { try row.check() }

  @Test("type tables", arguments: headers)
  func header(_ row: BinaryRow) throws { try row.check() }

  @Test("types of a later version", arguments: future)
  func later(_ row: BinaryRow) throws { try row.check() }

  @Test("a message starts with DIDL", arguments: ["", "4449", "4449444d0000", "0000"])
  func magic(_ digits: String) {
    let error = #expect(throws: CandidError.self) {
      try CandidBinary.decode(bytes(digits), as: [])
    }
    #expect(error?.code == .malformed)
  }

  @Test(
    "a value is sent in the shortest form",
    arguments: [
      ("(nat)", "(0)", "00017d00"), ("(nat)", "(128)", "00017d8001"),
      ("(int)", "(64)", "00017cc000"), ("(int)", "(-64)", "00017c40"),
      ("(int)", "(-65)", "00017cbf7f"),
      ("(nat)", "(1180591620717411303424)", "00017d8080808080808080808001"),
      ("(int)", "(-1180591620717411303424)", "00017c808080808080808080807f"),
      ("(opt nat8)", "(opt 1)", "016e7b01000101"),
      ("(record { b : nat8; a : bool })", "(record { a = true; b = 2 })", "016c02617e627b01000102"),
      ("(variant { b : nat8; a })", "(variant { b = 2 })", "016b02617f627b01000102"),
      ("(vec text)", "(vec { \"a\"; \"\" })", "016d71010002016100"),
      ("(func (nat) -> () query)", "(func \"2vxsx-fae\".m)", "016a017d000101010001010104016d"),
      ("(reserved, null)", "(null, null)", "0002707f"),
    ])
  func shortest(_ row: (types: String, values: String, digits: String)) throws {
    let signature = try CandidSignature(CandidText.parseTypes(row.types))
    let values = try CandidText.parseArguments(Array(row.values.utf8), as: signature)
    #expect(try hex(CandidBinary.encode(values, as: signature)) == "4449444c" + row.digits)
  }

  @Test("colliding names, and names declared twice, are refused")
  func collisions() {
    let types: [CandidType] = [
      .record(fields: ["a": .nat, "a": .nat]), .record([CandidField("a", .nat), idOfA]),
      .variant([CandidField("a", .null), idOfA]),
      .service([
        CandidMethod("m", .function(CandidFunction([], []))),
        CandidMethod("m", .function(CandidFunction([], []))),
      ]),
    ]
    for type in types {
      let error = #expect(throws: CandidError.self) { try CandidSignature([type]) }
      #expect(error?.code == .invalidType)
    }
  }

  private var idOfA: CandidField { CandidField(label: CandidLabel(id: 97), type: .text) }

  @Test("a number in quotation marks is a name")
  func quotedNumber() throws {
    let types = try CandidText.parseTypes("(record { \"5\" : nat; 5 : nat })")
    guard case .record(let fields) = types.first else {
      Issue.record("this is no record")
      return
    }
    #expect(fields.map(\.label.id).sorted() == [5, 53])
  }
}
