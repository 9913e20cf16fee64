import Testing

@testable import Candid

/// Candid spec, "Core Grammar", "Type Definitions" and "Interfaces".
@Suite("Interfaces in .did files")
struct InterfaceTests {
  @Test(
    "that follow the grammar are read, and come back from what is printed",
    arguments: [
      "", "// nothing\n", "type A = nat", "type A = nat;", "type A = nat; service : {}",
      "type A = nat service : {}", "service : {};", "service name : { a : () -> () }",
      "service nat : {}", "type S = service { a : F }; type F = func () -> (); service : S",
      "type S = T; type T = service {}; service : (nat, x : text) -> S;", "service : () -> {}",
      "type a = record { nat; text; 7 : b; blob }; type b = opt a",
      "type v = variant { a; b : nat; 5; 0x6; \"\"; \"x y\" : record {}; text; nat8 : nat8 }",
      "type f = func (nat, a : text, \"b c\" : opt f) -> (a : nat, f) query",
      "type f = func (nat) -> () oneway; type g = func () -> () composite_query query",
      "type s = service { \"a b\" : () -> (); query_ : f; \"query\" : (s) -> (s) query }; "
        + "type f = g; type g = func () -> ()",
      "type list = opt record { head : nat; tail : list }",
      "type A = vec A; type B = A; type C = B",
      "type A = record { \"5\" : nat; 5 : nat };/* /* */ */ type/**/B//\n=nat8;",
      "type A = record { text : text; nat : nat; bool : opt bool; true : nat };",
      "type return = record { a : nat; };type T = variant { Err : record { text; nat } ; Ok };",
      "type L = record { first_long_name : text; second_long_name : opt vec record { text; nat }; "
        + "third_long_name : func (first_long_name : text) -> (vec vec vec text) query };",
    ])
  func good(_ source: String) throws {
    let interface = try CandidInterface(parsing: source)
    let printed = interface.description
    let again = try CandidInterface(parsing: printed)
    #expect(again.environment.definitions == interface.environment.definitions)
    #expect(again.service == interface.service)
    #expect(again.initArguments == interface.initArguments)
    #expect(again.description == printed)
    #expect(printed.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test(
    "that do not are refused with the place of the mistake",
    arguments: [
      ("type A = A;", 5), ("type A = nat; type B = C; type C = B;", 19),
      ("type A = opt Missing;", 13), ("type A = nat; type A = int;", 19),
      ("type nat = int", 5), ("type \"a\" = nat", 5), ("type opt = nat", 5), ("type A nat", 7),
      ("type A = nat type B = nat;", 13), ("type A = \"B\"; type B = nat", 9), ("nonsense", 0),
      ("type A = record { a : nat; a : int }", 27),
      ("type A = record { ab : nat; 21729 : nat };", 28),
      ("type A = record { a : nat, b : nat }", 25), ("type A = record { 4294967296 : nat }", 18),
      ("type A = record { 4294967295 : nat; nat }", 36), ("type A = record { opt : nat }", 18),
      ("type A = variant { a; a }", 22), ("type A = variant { nat; text : nat; text }", 36),
      ("type A = variant { opt nat }", 19), ("type A = record { null : nat }", 18),
      ("type A = func (a : nat, a : nat) -> ()", 24), ("type A = func (nat) -> (nat) oneway", 23),
      ("service : { a : () -> (); b : bool }", 30), ("type A = service { m : nat }", 23),
      ("type A = func () -> () query query", 29), ("type A = func () -> () fast", 23),
      ("type A = func () nat", 17), ("type A = service { f : nat }", 23),
      ("type A = service { f : B }; type B = nat", 23),
      ("service : { a : () -> (); a : () -> () }", 26),
      ("service : nat", 10), ("type A = nat; service : A", 24), ("service : Missing", 10),
      ("service opt : {}", 8), ("service : { a : () -> () } type A = nat", 27),
      ("service : (Missing) -> {}", 11), ("service {}", 8), ("import \"x.did\";", 7),
      ("import x", 7), ("type A = nat;;", 13), ("type A = opt", 12), ("type A = import", 9),
    ])
  func bad(_ source: String, _ offset: Int) throws {
    let error = #expect(throws: CandidError.self) { try CandidInterface(parsing: source) }
    #expect(error?.offset == offset, "\(String(describing: error))")
  }

  @Test("have different methods for names that only look the same")
  func equivalentNames() throws {
    let names = ["\u{e9}", "e\u{301}"]
    let interface = try CandidInterface(
      parsing: "service : { \"\(names[0])\" : () -> (nat); \"\(names[1])\" : () -> (text) }")
    #expect(interface.method(names[0])?.results == [.nat])
    #expect(interface.method(names[1])?.results == [.text])
  }

  @Test("are printed one statement after the other, methods on their own lines")
  func layout() throws {
    let source = """
      service : (opt A) -> {
        get : (text) -> (opt A) query;
        put : (
          record { key : text; value : blob; expected_version : opt nat64 },
        ) -> ();
      }
      """
    let interface = try CandidInterface(parsing: "type A = record { text; nat };\n" + source)
    #expect(interface.description == "type A = record { text; nat };\n" + source + "\n")
  }

  /// Files in memory, named by their paths.
  private func read(_ files: [String: String]) throws(CandidError) -> CandidInterface {
    let main = CandidSource(name: "main", bytes: Array((files["main"] ?? "").utf8))
    return try CandidInterface(parsing: main) { (path, importer) throws(CandidError) in
      guard let text = files[path] else { throw CandidError(.syntax, "there is no \(path)") }
      return CandidSource(name: path, bytes: Array(text.utf8))
    }
  }

  @Test("import definitions, and services when that is said")
  func imports() throws {
    let interface = try read([
      "main":
        "type M = A; import \"a\"; import service \"b\"; import \"b\"; service : { m : () -> (M) }",
      "a": "import \"b\"; type A = B; service : { a : () -> () }",
      "b": "type B = nat; service : { b : () -> (B) }",
    ])
    #expect(interface.environment.definitions == ["M": .named("A"), "A": .named("B"), "B": .nat])
    #expect(interface.methods?.map(\.name) == ["b", "m"])
    let alone = try read(["main": "import service \"b\"", "b": "service b : { b : () -> () }"])
    #expect(alone.methods?.map(\.name) == ["b"])
    #expect(try read(["main": "import \"b\"", "b": "service : {}"]).service == nil)
  }

  @Test(
    "that import what they must not are refused at the import",
    arguments: [
      (["main": "import \"missing\""], 7), (["main": "import \"main\""], 7),
      (["main": "import \"a\"", "a": "import \"b\"", "b": "import \"a\""], 7),
      (["main": "import service \"a\"", "a": "type A = nat"], 15),
      (["main": "import service \"a\"", "a": "service : () -> {}"], 15),
      (
        [
          "main": "import service \"a\"; service : { m : () -> () }",
          "a": "service : { m : () -> () }",
        ], 15
      ),
      (["main": "import \"a\"; type M = nat", "a": "type A = M"], 7),
      (["main": "import \"a\"; type A = nat", "a": "type A = nat"], 17),
    ])
  func wrongImports(_ files: [String: String], _ offset: Int) {
    let error = #expect(throws: CandidError.self) { try read(files) }
    #expect(error?.offset == offset)
  }

  @Test("an error in an imported file is told with its place there")
  func innerPlace() {
    let files = ["main": "import \"a\"", "a": "import \"b\"", "b": "\n  type A = Missing"]
    let error = #expect(throws: CandidError.self) { try read(files) }
    #expect(error?.message == "a:1:8: b:2:12: the type Missing is not defined")
  }

  @Test("too many imports are refused, whether beside or in one another")
  func importLimits() throws {
    let beside = (0..<300).map { "import \"\($0)\";" }.joined()
    let flat = #expect(throws: CandidError.self) {
      try read(
        Dictionary(uniqueKeysWithValues: (0..<300).map { ("\($0)", "") } + [("main", beside)]))
    }
    #expect(flat?.code == .limitExceeded)
    let chain = (0..<100).map { ("\($0)", "import \"\($0 + 1)\"") } + [("main", "import \"0\"")]
    let deep = #expect(throws: CandidError.self) {
      try read(Dictionary(uniqueKeysWithValues: chain))
    }
    #expect(deep?.code == .limitExceeded)
  }

  @Test(
    "may replace those whose clients can go on, and tell else what is in the way",
    arguments: [
      ("{ get : (R) -> (R) query; put : () -> () }", []),
      ("{}", ["method get is missing"]),
      ("{ get : (R) -> (R) }", ["method get: it has no annotation, and had query"]),
      (
        "{ get : (nat) -> (R) query }",
        ["method get: parameter 1: R is not a subtype of nat"]
      ),
      (
        "{ get : (R, nat) -> (R) query }", ["method get: parameter 2 of type nat is not given"]
      ),
      (
        "{ get : (R) -> () query }", ["method get: result 1 of type R is not given"]
      ),
      (
        "{ get : (R) -> (record { a : text }) query }",
        ["method get: result 1: field a: text is not a subtype of nat"]
      ),
      ("{ get : (R) -> (record {}) query }", ["method get: result 1: field a is missing"]),
      ("{ get : (R, opt text) -> (record { a : nat; c : text }, nat) query }", []),
      (
        "{ get : (record { a : nat; v : variant { x } }) -> (R) query }",
        ["method get: parameter 1: field v is missing"]
      ),
    ])
  func upgrades(_ service: String, _ problems: [String]) throws {
    let types = "type R = record { a : nat }; service : "
    let old = try CandidInterface(parsing: types + "{ get : (R) -> (R) query }")
    let new = try CandidInterface(parsing: types + service)
    #expect(try new.upgradeProblems(from: old) == problems)
  }

  @Test("compare names by what they mean in each of the two")
  func upgradeOfNames() throws {
    let old = try CandidInterface(
      parsing: "type T = nat; type L = opt record { T; L }; service : { a : () -> (T, L) }")
    let new = try CandidInterface(
      parsing: "type T = text; type L = opt record { nat; L }; service : { a : () -> (T, L) }")
    #expect(
      try new.upgradeProblems(from: old) == ["method a: result 1: T is not a subtype of T"])
    #expect(throws: CandidError.self) {
      try new.upgradeProblems(from: CandidInterface(parsing: "type T = nat"))
    }
  }
}
