import Candid
import HTTPTransport
import ScaledStorage
import Storage
import Synchronization
import Testing
import WireProtocol

@Suite("Methods that wait, middleware and hooks")
struct ServiceTaskTests {
  private static var accounts: CanisterManager<Int> {
    var app = CanisterManager<Int>(shouldScaleUp: { size in size > 50 })
    app.update("deposit") { (context, account: String, amount: Int) in
      try context.withUpsertData(account, default: 0) { balance in
        balance += amount
        return balance
      }
    }
    app.update("transfer") { (context, from: String, to: String, amount: Int) in
      try await context.withUpsertData(from) { balance in
        guard let before = balance, before >= amount else {
          throw CallError.conflict("\(from) has less than \(amount)")
        }
        balance = before - amount
      }.orForward()
      return try await context.withUpsertData(to, default: 0) { balance in
        balance += amount
        return balance
      }
    }
    app.update("swap") { (context, key: String, expected: UInt64, value: Int) in
      try await context.withUpsertData(key, if: .version(expected)) { $0 = value }.orForward()
    }
    app.update("give_up") { (context, key: String, changes: Bool) -> Void in
      if changes { try await context.withUpsertData(key, default: 0) { $0 += 1 }.orForward() }
      throw CallError.unavailable("not now")
    }
    app.query("entry") { (context, key: String) in
      let entry = try await context.entry(key).orForward()
      return entry.map { CandidPair($0.value, $0.version) }
    }
    app.query("balance") { (context, key: String) in
      try await context.withData(key) { $0 ?? 0 }
    }
    app.query("sneak") { (context, key: String) in
      try await context.forwardRequest(
        to: context.node, method: "deposit", arguments: key, 1, as: Int.self)
    }
    app.update(anywhere: "around") { (context, hops: Int) in
      try await context.forwardRequest(
        to: context.node, method: "around", arguments: hops + 1, as: Int.self)
    }
    app.query(anywhere: "whoami") { context in context.caller }
    app.query(anywhere: "sum") { (context, keys: [String]) in
      var sum = 0
      for key in keys { sum += try await context.withData(key) { $0 ?? 0 }.orForward() }
      return sum
    }
    return app
  }

  @Test("A method that waits changes several keys")
  func transfer() throws {
    let node = try ServiceNode(Self.accounts)
    _ = try node.call("deposit", #"("a", 10)"#)
    #expect(try node.call("transfer", #"("a", "b", 4)"#) == (200, "(4 : int64)"))
    let refused = try node.call("transfer", #"("a", "b", 7)"#, [("accept", "application/json")])
    #expect(refused.status == 409)
    #expect(refused.text.contains("a has less than 7"))
    #expect(try node.call("sum", #"(vec { "a"; "b"; "c" })"#) == (200, "(10 : int64)"))
  }

  @Test("A change on a condition acts at the expected version only")
  func compareAndSwap() throws {
    let node = try ServiceNode(Self.accounts)
    _ = try node.call("deposit", #"("a", 10)"#)
    let entry = try node.send(.post, "/entry", #"["a"]"#, [("content-type", "application/json")])
    let version = try #require(entry.text.split(separator: ":").last?.dropLast())
    #expect(try node.call("swap", "(\"a\", \(version), 11)").status == 200)
    #expect(try node.call("swap", "(\"a\", \(version), 12)").status == 412)
    #expect(try node.call("sum", #"(vec { "a" })"#) == (200, "(11 : int64)"))
    // What may use several keys has no version of its own to compare.
    let refused = try node.send(.post, "/swap", "(\"a\", \(version), 12)", [("if-match", "*")])
    #expect(refused.header("ss-error") == "bad_condition")
  }

  @Test("Who has changed values does not ask to be called again")
  func partlyDone() throws {
    let node = try ServiceNode(Self.accounts)
    let json = [("accept", "application/json")]
    let before = try node.send(.post, "/give_up", #"("a", false)"#, json)
    #expect(before.status == 503)
    #expect(before.header("retry-after") == "1")
    #expect(before.text.contains(#""retryable":true"#))
    let after = try node.send(.post, "/give_up", #"("a", true)"#, json)
    #expect(after.status == 503)
    #expect(after.header("retry-after") == nil)
    #expect(after.text.contains(#""retryable":false"#))
    #expect(try node.call("sum", #"(vec { "a" })"#) == (200, "(1 : int64)"))
  }

  @Test("A query that waits gives what is in its result, and cannot call an update")
  func queries() throws {
    let node = try ServiceNode(Self.accounts)
    _ = try node.call("deposit", #"("a", 10)"#)
    #expect(try node.call("balance", #"("a")"#) == (200, "(10 : int64)"))
    let refused = try node.send(.post, "/sneak", #"("a")"#)
    #expect(refused.header("ss-error") == "not_a_query")
    #expect(try node.call("balance", #"("a")"#) == (200, "(10 : int64)"))
  }

  @Test("A method that calls itself ends after four hops")
  func hops() throws {
    let node = try ServiceNode(Self.accounts)
    let answer = try node.send(.post, "/around", "(0)", [("accept", "application/json")])
    #expect(answer.status == 508)
    #expect(answer.text.contains(#""retryable":false"#))
  }

  @Test("A query without arguments is asked by GET")
  func keyless() throws {
    let node = try ServiceNode(Self.accounts)
    let answer = try node.send(.get, "/whoami")
    #expect(answer.status == 200)
    #expect(answer.text == "\"2vxsx-fae\"")
    #expect(try node.call("whoami", "()") == (200, #"(principal "2vxsx-fae")"#))
    #expect(try node.send(.get, "/sum").status == 405)
  }

  @Test("Middleware tells who calls, or refuses; values and methods pass it, health does not")
  func middleware() throws {
    var app = Self.accounts
    app.use { request in
      guard let token = request.bearerToken else {
        throw CallError.unauthenticated("send authorization: Bearer TOKEN")
      }
      guard let caller = Principal(token) else { throw CallError.forbidden("the token is unknown") }
      request.caller = caller
    }
    app.use(passing: ["x-tenant"]) { request in
      if request.isUpdate, request.header("X-Tenant") != "blue" {
        throw CallError.forbidden("writes need a tenant")
      }
    }
    let node = try ServiceNode(app)
    let known = ("authorization", "Bearer rrkah-fqaaa-aaaaa-aaaaq-cai")
    #expect(try node.send(.get, "/node_info").status == 200)
    let missing = try node.send(.get, "/whoami")
    #expect(missing.status == 401)
    #expect(missing.header("www-authenticate") == "Bearer")
    #expect(try node.send(.get, "/whoami", "", [("authorization", "bearer nobody")]).status == 403)
    #expect(
      try node.send(.get, "/whoami", "", [known]).text == "\"rrkah-fqaaa-aaaaa-aaaaq-cai\"")
    #expect(try node.send(.get, "/kv/a").status == 401)
    #expect(try node.send(.put, "/kv/a", "(1)", [known]).status == 403)
    #expect(try node.send(.put, "/kv/a", "(1)", [known, ("x-tenant", "blue")]).status == 201)
    #expect(try node.call("deposit", #"("a", 1)"#, [known]).status == 403)
    #expect(
      try node.call("deposit", #"("a", 1)"#, [known, ("x-tenant", "blue")])
        == (200, "(2 : int64)"))
  }

  @Test("Hooks run at the turns of a node's life")
  func hooks() throws {
    let events = Events()
    var app = Self.accounts
    app.onInit { context in
      _ = try await context.withUpsertData("inits", default: 0) { $0 += 1 }
      events.add("init")
    }
    app.onStart { context in events.add("start \(context.node)") }
    app.heartbeat(every: .milliseconds(1)) { context in
      _ = try await context.withUpsertData("beats", default: 0) { $0 += 1 }
      events.add("beat")
    }
    app.onStop { context in
      let inits = try await context.withData("inits") { $0 ?? 0 }.orForward()
      events.add("stop after \(inits) inits")
    }
    let store = MemoryEngine()
    for _ in 0..<2 {
      let node = try ServiceNode(app, store: store)
      let before = events.count(of: "beat")
      while events.count(of: "beat") < before + 2 {
        #expect(try node.send(.get, "/node_info").status == 200)
      }
      node.stop()
    }
    #expect(events.count(of: "init") == 1)
    #expect(events.count(of: "start rrkah-fqaaa-aaaaa-aaaaq-cai") == 2)
    #expect(events.count(of: "stop after 1 inits") == 2)
  }

  private final class Events: Sendable {
    private let list = Mutex<[String]>([])
    func add(_ event: String) { list.withLock { $0.append(event) } }
    func count(of event: String) -> Int { list.withLock { $0.count { $0 == event } } }
  }

  @Test("The interface is told in Candid and as OpenAPI")
  func interface() throws {
    let node = try ServiceNode(Self.accounts)
    let did = try node.send(.get, "/service.did")
    #expect(
      did.text == """
        service : {
          around : (int64) -> (int64);
          balance : (text) -> (int64) query;
          deposit : (text, int64) -> (int64);
          entry : (text) -> (opt record { int64; nat64 }) query;
          give_up : (text, bool) -> ();
          sneak : (text) -> (int64) query;
          sum : (vec text) -> (int64) query;
          swap : (text, nat64, int64) -> ();
          transfer : (text, text, int64) -> (int64);
          whoami : () -> (principal) query;
        }
        """)
    #expect(try CandidInterface(parsing: did.text).method("sum") != nil)
    let document = try node.send(.get, "/openapi.json")
    #expect(document.header("content-type") == "application/json")
    #expect(document.text.contains(#""/transfer":{"post""#))
    #expect(try node.send(.post, "/openapi.json").status == 405)
  }

  @Test("Mistakes in a definition are told in words")
  func mistakes() {
    var app = CanisterManager<Int>(id: .anonymous, shouldScaleUp: { _ in false })
    app.query(anywhere: "node_info") { _ in 1 }
    app.query(anywhere: "a b") { _ in 1 }
    app.query(anywhere: "twice") { _ in 1 }
    app.query(anywhere: "twice") { _ in 1 }
    app.use(passing: ["X-Tenant", "ss-hops"]) { _ in }
    let mistakes = app.application.mistakes
    #expect(mistakes.count == 6)
    for word in ["2vxsx-fae", "node_info", "a b", "twice", "X-Tenant", "ss-hops"] {
      #expect(mistakes.contains { $0.contains(word) })
    }
    #expect(Self.accounts.application.mistakes.isEmpty)
  }
}
