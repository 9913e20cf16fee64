import Candid
import Foundation
import Testing

@testable import Commands

struct CandidToolTests {
  private struct Answer: Decodable {
    var ok: Bool
    var error: String?
    var offset: Int?
    var hex: String?
    var text: String?
    var subtype: Bool?
    var hash: UInt32?
  }

  private struct Question: Encodable {
    var op: String
    var defs: String?
    var type: String?
    var value: String?
    var hex: String?
    var a: String?
    var b: String?
  }

  private func ask(_ line: [UInt8]) throws -> Answer {
    let bytes = CandidBatch.answer(line)
    #expect(bytes.filter { $0 == UInt8(ascii: "\n") }.count == 1)
    return try JSONDecoder().decode(Answer.self, from: Data(bytes))
  }

  private func ask(_ question: Question) throws -> Answer {
    try ask(Array(JSONEncoder().encode(question)))
  }

  private struct Encoding: Decodable {
    var defs: String
    var type: String
    var value: String
    var hex: String
  }

  private struct Decoding: Decodable {
    var defs: String
    var type: String
    var hex: String
    var rejected: Bool
  }

  private struct Subtyping: Decodable {
    var defs: String
    var a: String
    var b: String
    var subtype: Bool
  }

  private func vectors<Row: Decodable>(_ name: String, of _: Row.Type) throws -> [Row] {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(contentsOf: tests.appendingPathComponent("CandidTests/Vectors/\(name)"))
    return try JSONDecoder().decode([Row].self, from: data)
  }

  @Test func `values are encoded and decoded as the reference does`() throws {
    for row in try vectors("vectors.json", of: Encoding.self).prefix(200) {
      let encoded = try ask(
        Question(op: "encode", defs: row.defs, type: row.type, value: row.value))
      #expect(encoded.hex == row.hex, "\(row.type) \(row.value)")
      let decoded = try ask(Question(op: "decode", defs: row.defs, type: row.type, hex: row.hex))
      let again = try ask(
        Question(op: "encode", defs: row.defs, type: row.type, value: decoded.text))
      #expect(again.hex == row.hex, "\(decoded.text ?? "")")
    }
  }

  @Test(arguments: ["coerce.json", "malformed.json"])
  func `messages are taken or refused as the reference does`(file: String) throws {
    for row in try vectors(file, of: Decoding.self).prefix(200) {
      let answer = try ask(Question(op: "decode", defs: row.defs, type: row.type, hex: row.hex))
      #expect(answer.ok != row.rejected, "\(row.type) \(row.hex)")
      #expect((answer.text != nil) == answer.ok)
    }
  }

  @Test func `types are compared as the reference does`() throws {
    for row in try vectors("subtype.json", of: Subtyping.self).prefix(200) {
      let answer = try ask(Question(op: "subtype", defs: row.defs, a: row.a, b: row.b))
      #expect(answer.subtype == row.subtype, "\(row.a) <: \(row.b)")
    }
  }

  @Test func `lists of types are compared as arguments`() throws {
    #expect(try ask(Question(op: "subtype", a: "(nat, text)", b: "(int)")).subtype == true)
    #expect(try ask(Question(op: "subtype", a: "()", b: " (opt nat)")).subtype == true)
    #expect(try ask(Question(op: "subtype", a: "()", b: "(nat)")).subtype == false)
  }

  @Test func `values without types have those they suggest`() throws {
    let encoded = try ask(Question(op: "encode", value: "(\"a\")"))
    #expect(encoded.hex == "4449444c0001710161")
    #expect(try ask(Question(op: "decode", hex: encoded.hex)).text?.contains("\"a\"") == true)
  }

  @Test func `a name hashes to its number`() throws {
    #expect(try ask(Question(op: "hash", value: "")).hash == 0)
    #expect(try ask(Question(op: "hash", value: "id")).hash == 23_515)
  }

  @Test func `check reads everything that it is given`() throws {
    #expect(try ask(Question(op: "check", defs: "type T = vec T;")).ok)
    #expect(try ask(Question(op: "check", type: "(nat8)", value: "(255)")).ok)
    #expect(try !ask(Question(op: "check", type: "(nat8)", value: "(256)")).ok)
    #expect(try !ask(Question(op: "check", defs: "type T = U;")).ok)
    #expect(try !ask(Question(op: "check", type: "(nat8)", hex: "4449444c0001")).ok)
  }

  @Test func `an error tells the input and the place in it`() throws {
    let type = try ask(Question(op: "encode", type: "(natural)", value: "(1)"))
    #expect(!type.ok)
    #expect(type.error?.hasPrefix("type: ") == true)
    let value = try ask(Question(op: "encode", type: "(nat8)", value: "(256)"))
    #expect(value.error?.hasPrefix("value: ") == true)
    #expect(value.offset == 1)
    let message = try ask(Question(op: "decode", hex: "4449"))
    #expect(message.error?.hasPrefix("hex: ") == true)
    #expect(message.offset != nil)
  }

  @Test(arguments: [
    "", "nonsense", "[]", "{}", #"{"op":"x"}"#, #"{"op":"encode"}"#, #"{"op":"decode","hex":"4"}"#,
    #"{"op":"subtype","a":"nat"}"#, #"{"op":"hash"}"#, #"{"op":1}"#,
  ])
  func `wrong input is answered with what is wrong`(line: String) throws {
    let answer = try ask(Array(line.utf8))
    #expect(!answer.ok)
    #expect(answer.error?.isEmpty == false)
  }

  @Test func `an interface may replace one whose clients can go on`() throws {
    let old = try CandidInterface(
      parsing: "type R = record { a : nat }; service : { get : (text) -> (R) query; };")
    func new(_ source: String) throws -> Bool {
      try CandidTool(definitions: source, types: nil).upgradeProblems(from: old).isEmpty
    }
    #expect(
      try new(
        """
        type R = record { a : nat; b : text };
        service : { get : (text) -> (R) query; put : () -> () };
        """))
    #expect(try !new("type R = record { b : text }; service : { get : (text) -> (R) query; };"))
    #expect(try !new("service : { put : () -> () };"))
    #expect(throws: CandidFailure.self) { try new("type R = nat;") }
  }
}
