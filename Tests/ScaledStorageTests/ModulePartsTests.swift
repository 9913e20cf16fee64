import Candid
import HTTPTransport
import Testing
import WasmRuntime
import WireProtocol

@testable import ScaledStorage

@Suite struct ModulePartsTests {
  // MARK: - Where the key is

  private func interface(_ functions: String, candid: String? = nil) throws -> ModuleInterface {
    let module = try ModuleNode.module("(module \(functions))", candid: candid)
    return try ModuleInterface(ModuleImage(module.bytes))
  }

  private func method(_ name: String) -> String { "(func (export \"canister_update \(name)\"))" }

  @Test(
    "The key is the first argument, or the one that is called key",
    arguments: [
      ("(text) -> ()", 0), ("(blob, nat) -> ()", 0), ("(nat, text) -> ()", nil),
      ("(amount : nat, key : text) -> ()", 1), ("(key : vec nat8) -> ()", 0), ("() -> ()", nil),
      ("(a : text, key : text) -> ()", 1), ("(opt text) -> ()", nil),
    ] as [(String, Int?)])
  func keys(_ type: String, _ key: Int?) throws {
    let interface = try interface(method("m"), candid: "service : { m : \(type) }")
    let method = try #require(interface.method(named: "m"))
    #expect(method.keyArgument == key)
    #expect(method.isKeyless == (key == nil))
  }

  @Test("An export names the key's place, with types and without")
  func exportedKey() throws {
    let export = "(func (export \"scaled_key m 1\"))"
    #expect(try interface(method("m") + export).method(named: "m")?.keyArgument == 1)
    let typed = try interface(
      method("m") + export, candid: "service : { m : (key : text, text) -> () }")
    #expect(typed.method(named: "m")?.keyArgument == 1)
  }

  @Test(
    "A module that cannot be called is refused, with the reason",
    arguments: [
      ("(func (export \"canister_query node_info\"))", nil, "node_info"),
      ("(func (export \"canister_update a b\"))", nil, "a b"),
      ("(func (export \"canister_update a\") (export \"canister_query a\"))", nil, "both"),
      ("(func (export \"scaled_key m 0\"))", nil, "scaled_key"),
      ("(func (export \"canister_update m\"))", "service : { m : (key : nat) -> () }", "key"),
      ("(func (export \"canister_update m\"))", "service : { m : (", "Candid"),
    ] as [(String, String?, String)])
  func refused(_ functions: String, _ candid: String?, _ words: String) throws {
    let module = try ModuleNode.module("(module \(functions))", candid: candid)
    let loader = ModuleLoader(loop: try EventLoop())
    do throws(Problem) {
      _ = try loader.loadNow(module)
      Issue.record("the module was taken")
    } catch {
      #expect(error.status == 422 && error.code == "bad_module")
      #expect(error.detail.contains(words), "\(error.detail)")
    }
  }

  @Test("What is embedded in a module is read from it, also when it was compressed")
  func embedding() throws {
    let plain = try ModuleNode.module("(module \(method("m")))")
    let embedded = try plain.embedding(
      candid: "service : { m : (text) -> () }", stubsImports: true, limit: 1 << 20)
    let image = try ModuleImage(embedded.bytes)
    #expect(image.stubsImports && image.candid == "service : { m : (text) -> () }")
    #expect(embedded.digest != plain.digest)
    #expect(try plain.embedding(candid: nil, stubsImports: false, limit: 9).digest == plain.digest)
  }

  @Test("What was compressed is compressed again, and refused when nodes would not take it")
  func embeddingCompressed() throws {
    let candid = "service : { m : (text) -> () }"
    let padding = String(repeating: "(func)", count: 1_000)
    let plain = try ModuleNode.module("(module \(method("m")) \(padding))")
    let gzip = Module(try #require(Deflate.compressed(plain.bytes, format: .gzip)))
    let embedded = try gzip.embedding(candid: candid, stubsImports: false, limit: 1 << 20)
    #expect(embedded.isCompressed && embedded.bytes.count < plain.bytes.count)
    let image = try ModuleImage(embedded.expanded(limit: 1 << 20))
    #expect(image.candid == candid)
    var limits = WasmLimits()
    for module in [plain, gzip] {
      limits.moduleBytes = module.bytes.count
      let loader = ModuleLoader(loop: try EventLoop(), limits: limits)
      #expect(
        try module.embedding(candid: nil, stubsImports: false, for: loader).digest == module.digest)
      let problem = #expect(throws: Problem.self) {
        try module.embedding(candid: candid, stubsImports: false, for: loader)
      }
      #expect(problem?.status == 413 && problem?.code == "module_too_large")
    }
  }

  // MARK: - Upgrades

  @Test(
    "A key that moves needs force",
    arguments: [
      ("(a : text, b : text) -> ()", "(a : text, b : text) -> ()", nil),
      (
        "(a : text, b : text) -> ()", "(a : text, key : text) -> ()",
        ("its argument 1", "its argument 2")
      ),
      ("(a : nat, b : text) -> ()", "(a : nat, key : text) -> ()", ("none", "its argument 2")),
      ("(a : nat, key : text) -> ()", "(a : nat, b : text) -> ()", ("its argument 2", "none")),
    ] as [(String, String, (String, String)?)])
  func movedKey(_ old: String, _ new: String, _ moved: (String, String)?) throws {
    let before = try interface(method("m"), candid: "service : { m : \(old) }")
    let after = try interface(method("m"), candid: "service : { m : \(new) }")
    let problems = moved.map { ["the key of \"m\" was \($0.0) and is \($0.1)"] } ?? []
    #expect(after.upgradeProblems(from: before) == problems)
  }

  @Test("Without types the first argument is the key, if it can be one")
  func untypedKey() throws {
    let untyped = try interface(method("m"))
    let typed = try interface(method("m"), candid: "service : { m : (text, text) -> () }")
    #expect(typed.upgradeProblems(from: untyped).isEmpty)
    let second = try interface(method("m") + "(func (export \"scaled_key m 1\"))")
    #expect(
      second.upgradeProblems(from: untyped)
        == ["the key of \"m\" was its argument 1 and is its argument 2"])
  }

  @Test("An update that becomes a query needs force, and a query that becomes an update")
  func changedKind() throws {
    let update = try interface(method("m"))
    let query = try interface("(func (export \"canister_query m\"))")
    #expect(query.upgradeProblems(from: update) == ["the update \"m\" has become a query"])
    #expect(update.upgradeProblems(from: query) == ["the query \"m\" has become an update"])
  }

  // MARK: - Reading the key of a plain call

  private func found(_ message: [UInt8]) -> [UInt8]? {
    message.withUnsafeBytes { CallScanner.key(of: $0).map { Array($0) } }
  }

  @Test(
    "The key of a call is found in whatever surrounds it",
    arguments: [
      "(\"key\")", "(blob \"key\")", "(\"key\", 1 : nat)", "(\"key\", blob \"x\", opt \"y\")",
      "(blob \"key\", record { a = 1 : nat8; b = vec { \"z\" } })",
      "(\"key\", variant { a = 5 : nat })",
    ])
  func scanned(_ arguments: String) throws {
    let message = try CandidBinary.encode(CandidText.parseArguments(arguments))
    #expect(found(message) == Array("key".utf8))
    for count in 0..<message.count { _ = found(Array(message.prefix(count))) }
  }

  @Test(
    "What is no plain key is left to others",
    arguments: ["()", "(1 : nat)", "(\"\")", "(\"süß\")", "(opt \"key\")", "(true, \"key\")"])
  func notScanned(_ arguments: String) throws {
    #expect(found(try CandidBinary.encode(CandidText.parseArguments(arguments))) == nil)
  }

  @Test("Messages at random are never read beyond their end", arguments: 0..<20)
  func random(_ seed: UInt64) throws {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    let sound = try CandidBinary.encode(
      CandidText.parseArguments("(\"key\", record { a = 1 : nat8 }, blob \"x\")"))
    for _ in 0..<500 {
      var message = sound
      for _ in 0..<Int(next() % 4 + 1) {
        message[Int(next() % UInt64(message.count))] = UInt8(truncatingIfNeeded: next())
      }
      guard let key = found(message) else { continue }
      // What is found is what a full reader finds, wherever that reads the message at all.
      guard let values = try? CandidBinary.decode(message), let first = values.first else {
        continue
      }
      switch first {
      case .text(let text): #expect(Array(text.utf8) == key)
      case .blob(let blob): #expect(blob == key)
      default: Issue.record("the key is neither text nor blob")
      }
    }
  }

  // MARK: - Fuel

  @Test("Fuel that was spent comes back with time, up to a second's worth")
  func budget() throws {
    let loop = try EventLoop()
    let budget = FuelBudget(perSecond: 1_000_000_000, loop: loop)
    #expect(budget.remaining == 1_000_000_000 && budget.secondsToWait == nil)
    budget.spend(3_000_000_000)
    #expect(budget.remaining == 0)
    #expect(budget.secondsToWait == 3)
    budget.spend(.max)
    budget.spend(.max)
    #expect(budget.remaining == 0)
    #expect(budget.secondsToWait ?? 0 > 1_000_000)
  }

  @Test("A budget of less than one unit a turn is refilled all the same")
  func smallBudget() throws {
    let loop = try EventLoop()
    let budget = FuelBudget(perSecond: 1_000, loop: loop)
    budget.spend(1_020)
    var turns = 0
    // Each turn adds a fraction of what one unit takes.
    func look() {
      turns += 1
      if budget.secondsToWait == nil { return loop.stop() }
      loop.schedule(after: .zero, look)
    }
    look()
    loop.run()
    #expect(budget.secondsToWait == nil && turns > 1)
  }

  @Test("A key is found only where it has the type that it is to have")
  func kinds() throws {
    let text = try CandidBinary.encode([.text("key")])
    let blob = try CandidBinary.encode([.blob([1, 2])])
    func found(_ message: [UInt8], _ kind: CallScanner.Kind) -> Bool {
      message.withUnsafeBytes { CallScanner.key(of: $0, kind) != nil }
    }
    #expect(found(text, .text) && found(text, .either) && !found(text, .blob))
    #expect(found(blob, .blob) && found(blob, .either) && !found(blob, .text))
  }
}
