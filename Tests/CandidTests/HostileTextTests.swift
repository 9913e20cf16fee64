import Testing

@testable import Candid

/// Each of these would take minutes, or gigabytes, or the stack, if something were not bounded or
/// not linear.
@Suite("Hostile text")
struct HostileTextTests {
  private static let size = 1 << 20

  @Test(
    "that never closes what it opens is refused",
    arguments: ["(", "opt ", "/*", "record {", "vec {", "variant {a=", "\"", "func (", "\\", "-"])
  func unclosed(_ piece: String) {
    let text = String(repeating: piece, count: Self.size / piece.utf8.count)
    #expect(throws: CandidError.self) { try CandidText.parseArguments("(" + text) }
    #expect(throws: CandidError.self) { try CandidText.parseType(text) }
    #expect(throws: CandidError.self) { try CandidInterface(parsing: "type A = " + text) }
    #expect(throws: CandidError.self) { try CandidInterface(parsing: "service : (" + text) }
  }

  @Test("with a name or string of a mebibyte is read, or refused in few words")
  func longNames() throws {
    let name = String(repeating: "a", count: Self.size)
    #expect(try CandidInterface(parsing: "type \(name) = nat").environment[name] == .nat)
    #expect(try CandidText.parseArguments("(record { \(name) = \"\(name)\" })").count == 1)
    for source in ["type A = \(name)", "type \(name) = nat; type \(name) = nat", name] {
      let error = #expect(throws: CandidError.self) { try CandidInterface(parsing: source) }
      #expect(error?.message.utf8.count ?? .max < 200)
    }
    for value in [name, "1 : \(name)", "record { \(name) = 1; \(name) = 2 }", "func \(name)"] {
      let error = #expect(throws: CandidError.self) { try CandidText.parseArguments("(\(value))") }
      #expect(error?.message.utf8.count ?? .max < 200)
    }
  }

  @Test("with numbers of absurd size is refused, and zero is zero")
  func numbers() throws {
    let digits = String(repeating: "9", count: Self.size / 4)
    let zeros = String(repeating: "0", count: Self.size)
    for number in [
      digits, "-" + digits, "0x" + digits, "1e" + digits, digits + ".5", "1e999999999",
    ] {
      for type in [CandidType.nat, .int, .float32, .float64, .nat64] {
        #expect(throws: CandidError.self) {
          try CandidText.parseArguments("(\(number))", as: [type])
        }
      }
    }
    #expect(try CandidText.parseArguments("(0.\(zeros))", as: [.float64]) == [.float64(0)])
    #expect(try CandidText.parseArguments("(\(zeros))", as: [.nat]) == [.nat(0)])
    #expect(try CandidText.parseArguments("(0x\(zeros)1)", as: [.int]) == [.int(1)])
    #expect(throws: CandidError.self) { try CandidText.parseType("record { \(digits) : nat }") }
  }

  @Test("with 100,000 definitions is read, however they refer to each other")
  func definitions() throws {
    let count = 100_000
    func source(_ type: (Int) -> String) -> String {
      (0..<count).map { "type T\($0) = \(type($0));" }.joined() + "type T\(count) = nat;"
    }
    let chain = try CandidInterface(parsing: source { "T\($0 + 1)" })
    #expect(try chain.environment.resolve(.named("T0")) == .nat)
    let nested = try CandidInterface(parsing: source { "opt T\($0 + 1)" })
    let signature = try CandidSignature([.named("T0")], in: nested.environment)
    #expect(signature.table.entries.count == count)
    #expect(
      try CandidBinary.decode(CandidBinary.encode([.opt(nil)], as: signature), as: signature) == [
        .opt(nil)
      ])
    _ = try CandidInterface(parsing: source { "record { a : T\(($0 * 7 + 1) % count) }" })
    #expect(throws: CandidError.self) {
      try CandidInterface(parsing: source { "T\(($0 + 1) % count)" })
    }
  }

  @Test("with 30,000 fields, cases, methods or parameters is read and printed")
  func wideTypes() throws {
    let count = 30_000
    func list(_ item: (Int) -> String, _ separator: String) -> String {
      (0..<count).map(item).joined(separator: separator)
    }
    let interface = try CandidInterface(
      parsing: """
        type R = record {\(list({ "f\($0) : nat" }, ";"))};
        type V = variant {\(list({ "c\($0)" }, ";"))};
        service : {
          a : (\(list({ "p\($0) : nat" }, ","))) -> ();
          \(list({ "m\($0) : () -> ()" }, ";"))
        }
        """)
    let again = try CandidInterface(parsing: interface.description)
    #expect(again.service == interface.service)
  }

  @Test("with 30,000 elements is printed on many lines and read again")
  func wideValues() throws {
    let elements = (0..<30_000).map { CandidValue.record(fields: ["a": .nat32($0), "b": .null]) }
    let text = CandidText.print([.vec(elements)])
    #expect(try CandidText.parseArguments(text) == [.vec(elements)])
  }

  @Test("that stands for far more values than it has bytes is refused")
  func defaults() throws {
    let fields = (0..<2_000).map { "f\($0) : opt nat" }.joined(separator: ";")
    let text = "(vec {" + String(repeating: "record {};", count: 2_000) + "})"
    let error = #expect(throws: CandidError.self) {
      try CandidText.parseArguments(
        text, as: CandidText.parseTypes("(vec record {\(fields)})"))
    }
    #expect(error?.code == .limitExceeded)
  }

  @Test("that is damaged is read or refused, and what is read can be printed and read again")
  func damaged() throws {
    var random = SplitMix64(state: 0xd1d_f11e)
    let sources = [
      seedInterface,
      """
      import "a"; type T = record { "a\\u{41}" : opt T; 0x2a : vec blob; func (T) -> () oneway };
      /* /* */ */ type V = variant { a; 5; "x y" : nat8 }; // end
      service s : (T, x : V) -> { "é" : F; put : (V, record { T; T }) -> (text, int) query };
      type F = func (principal) -> (service { f : F }) composite_query;
      """,
    ].map { Array($0.utf8) }
    let values = Array(
      """
      (record { 1; "a\\u{41}" = opt -0x1_f; 7 = vec { 1 : nat8; 2 }; blob "\\00é" }, 1.5e-3,
      variant { x = func "aaaaa-aa"."m n" }, (opt "" : opt T), /* /* */ */ true : bool, inf) // end
      """.utf8)
    let environment = CandidTypeEnvironment(["T": .text])
    for round in 0..<6_000 {
      var source = sources[round % 2]
      var text = values
      for _ in 0...random.next() % 4 {
        random.damage(&source)
        random.damage(&text)
      }
      if let interface = try? CandidInterface(parsing: source) {
        let again = try CandidInterface(parsing: interface.description)
        #expect(again.description == interface.description)
      }
      let damaged = String(decoding: text, as: UTF8.self)
      let read = try? CandidText.parseArguments(damaged, in: environment)
      guard let read else { continue }
      let printed = CandidText.print(read)
      #expect(try CandidText.print(CandidText.parseArguments(printed)) == printed)
    }
  }
}
