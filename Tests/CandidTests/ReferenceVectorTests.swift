import Testing

@testable import Candid

@Suite("Vectors of the reference implementation")
struct ReferenceVectorTests {
  private func signature(_ defs: String, _ types: String) throws -> CandidSignature {
    let environment = try CandidInterface(parsing: defs).environment
    return try CandidSignature(CandidText.parseTypes(types), in: environment)
  }

  @Test("each written value encodes to exactly the reference's bytes, and decodes back")
  func encoding() throws {
    let rows = try Vectors.load("vectors.json", of: Vectors.Encoding.self)
    #expect(rows.count == 400)
    for row in rows {
      let signature = try signature(row.defs, row.type)
      let values = try CandidText.parseArguments(Array(row.value.utf8), as: signature)
      let message = try CandidBinary.encode(values, as: signature)
      #expect(hex(message) == row.hex, "\(row.type) \(row.value)")
      let decoded = try CandidBinary.decode(message, as: signature)
      #expect(decoded == values, "\(row.type) \(row.value)")
      #expect(try CandidBinary.encode(decoded, as: signature) == message)
      let untyped = try CandidBinary.decode(message)
      #expect(untyped.count == values.count)
    }
  }

  @Test("each decoded value prints as the reference prints it")
  func printing() throws {
    let rows = try Vectors.load("vectors.json", of: Vectors.Encoding.self)
    for row in rows {
      let signature = try signature(row.defs, row.type)
      let values = try CandidBinary.decode(bytes(row.hex), as: signature)
      #expect(CandidText.print(values) == readable(row.rust_text), "\(row.type)")
      let compact = CandidText.printCompact(values)
      #expect(try CandidText.parseArguments(compact, as: signature) == values, "\(row.type)")
    }
  }

  @Test(
    "each message coerces to the reference's value, or is refused",
    arguments: ["coerce.json", "malformed.json"])
  func decoding(_ file: String) throws {
    let rows = try Vectors.load(file, of: Vectors.Decoding.self)
    #expect(rows.count == 400)
    for row in rows {
      let signature = try signature(row.defs, row.type)
      let outcome = Result { () throws(CandidError) in
        try CandidBinary.decode(bytes(row.hex), as: signature)
      }
      switch outcome {
      case .success(let values):
        #expect(!row.rejected, "\(row.type) \(row.hex) was read as \(values)")
        guard let rust = row.rust else { continue }
        let expected = try? CandidText.parseArguments(Array(readable(rust).utf8), as: signature)
        guard let expected else {
          Issue.record("cannot parse \(rust) as \(row.type)")
          continue
        }
        #expect(values == expected, "\(row.type) \(row.hex) rust \(rust)")
      case .failure(let error):
        #expect(row.rejected, "\(row.type) \(row.hex): \(error) instead of \(row.rust ?? "")")
      }
    }
  }

  @Test("each pair of types is a subtype or not, as for the reference")
  func subtyping() throws {
    let rows = try Vectors.load("subtype.json", of: Vectors.Subtyping.self)
    #expect(rows.count == 400)
    for row in rows {
      let environment = try CandidInterface(parsing: row.defs).environment
      let a = try CandidText.parseType(row.a)
      let b = try CandidText.parseType(row.b)
      #expect(try a.isSubtype(of: b, in: environment) == row.subtype, "\(row.a) <: \(row.b)")
      #expect(
        try a.isSubtype(of: b, in: environment, optRule: .onlyWhatFits)
          == row.without_special_opt_rule, "\(row.a) <: \(row.b)")
    }
  }
}
