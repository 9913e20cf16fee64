import Candid
import Cluster
import ScaledStorage
import ScaledStorageTesting
import Testing

@Suite("Calls of a test's cluster")
struct CallTests {
  @Test("Methods change and read values at whatever node the key lives")
  func updatesAndQueries() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 3)
    for number in 100..<150 {
      let player = "player \(number)"
      #expect(try cluster.call("add_score", player, number, as: Int.self) == number)
      #expect(try cluster.call("add_score", player, 1, as: Int.self) == number + 1)
      #expect(try cluster.query("score", player, as: Int?.self) == number + 1)
    }
    #expect(try cluster.query("score", "nobody", as: Int?.self) == nil)
    #expect(cluster.nodes.count == 3)
    #expect(cluster.nodes.map(\.keys).reduce(0, +) == 50)
    #expect(cluster.nodes.allSatisfy { $0.isRunning && $0.keys > 0 && $0.bytes > 0 })
  }

  @Test("A method without a result is called for its effect")
  func noResult() throws {
    let cluster = try TestCluster(leaderboard())
    try cluster.setValue(Player(points: 7, games: 1), for: "ada")
    try cluster.call("forget", "ada")
    #expect(try cluster.value(of: "ada") == nil)
  }

  @Test("What a method throws reaches its caller, and changes nothing")
  func errors() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 2)
    try cluster.call("add_score", "ada", 5, as: Int.self)
    let refused = #expect(throws: CallError.self) {
      try cluster.call("add_score", "ada", -1, as: Int.self)
    }
    #expect(refused?.code == "bad_arguments")
    #expect(refused?.message == "points are not negative")
    let failed = #expect(throws: CallError.self) {
      try cluster.call("add_score", "ada", 13, as: Int.self)
    }
    #expect(failed?.code == "handler_failed")
    #expect(cluster.log.contains { $0.contains("Unlucky") })
    #expect(try cluster.value(of: "ada") == Player(points: 5, games: 1))
    let unknown = #expect(throws: CallError.self) { try cluster.call("subtract", "ada") }
    #expect(unknown?.code == "unknown_method")
    let noQuery = #expect(throws: CallError.self) {
      try cluster.query("add_score", "ada", 1, as: Int.self)
    }
    #expect(noQuery?.code == "not_a_query")
    let badKey = #expect(throws: CallError.self) {
      try cluster.call("add_score", "", 1, as: Int.self)
    }
    #expect(badKey?.code == "bad_key")
  }

  @Test("A node that does not own the key names the owner")
  func forwardResponse() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 3)
    try cluster.call("add_score", "ada", 5, as: Int.self)
    let owner = try #require(cluster.owner(of: "ada"))
    for node in cluster.nodes {
      let answer = try cluster.ask(node.id, "score", "ada", as: Int?.self)
      switch answer {
      case .nodeID(let named):
        #expect(node.id != owner)
        #expect(named == owner)
      case .result(let score):
        #expect(node.id == owner)
        #expect(score == 5)
      }
    }
  }

  @Test("A method without a key runs at the node that is asked")
  func anywhere() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 3)
    for node in cluster.nodes {
      let answer = try cluster.ask(node.id, "whoami", as: Principal.self)
      guard case .result(let id) = answer else {
        Issue.record("\(answer) is no result")
        continue
      }
      #expect(id == node.id)
    }
  }

  @Test("A method that waits works with the keys of several nodes")
  func asynchronous() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 4, seed: 7)
    for number in 0..<20 {
      try cluster.setValue(Player(points: 10), for: "giver \(number)")
      let left = try cluster.call(
        "give", "giver \(number)", "receiver \(number)", 4, as: Int.self)
      #expect(left == 6)
      #expect(try cluster.value(of: "receiver \(number)")?.points == 4)
    }
    let refused = #expect(throws: CallError.self) {
      try cluster.call("give", "giver 0", "receiver 0", 100, as: Int.self)
    }
    #expect(refused?.code == "conflict")
  }

  @Test("A handler may wait in real time; virtual time stands still meanwhile")
  func realTime() throws {
    var app = leaderboard()
    app.query(anywhere: "rest") { context in
      let before = context.now
      try await Task.sleep(for: .milliseconds(5))
      return before
    }
    let cluster = try TestCluster(app)
    let before = cluster.time
    _ = try cluster.query("rest", as: UInt64.self)
    #expect(cluster.time - before < .milliseconds(5))
  }

  @Test("Middleware sees what calls carry, and may refuse them")
  func middleware() throws {
    var app = leaderboard()
    app.use { request in
      guard request.isSecure, request.bearerToken == "secret" else {
        throw CallError.unauthenticated("say who you are")
      }
      request.caller = Principal.canister(number: 99)
    }
    app.query(anywhere: "caller") { context in context.caller }
    let cluster = try TestCluster(app)
    let refused = #expect(throws: CallError.self) {
      try cluster.call("add_score", "ada", 1, as: Int.self)
    }
    #expect(refused?.status == 401)
    cluster.headers["Authorization"] = "Bearer secret"
    cluster.isSecure = true
    #expect(try cluster.call("add_score", "ada", 1, as: Int.self) == 1)
    #expect(try cluster.query("caller", as: Principal.self) == .canister(number: 99))
  }

  @Test("Nodes are numbered on from the service's own id")
  func ids() throws {
    var app = CanisterManager<String>(id: .canister(number: 70)) { _ in false }
    app.query("get_data") { (context, key: String) in try context.withData(key) { $0 } }
    let cluster = try TestCluster(app, nodes: 2)
    #expect(cluster.nodes.map(\.id) == [.canister(number: 70), .canister(number: 71)])
  }

  @Test("A definition with mistakes is refused with a sentence for each")
  func mistakes() {
    var app = leaderboard()
    app.query("node_info") { (context, key: String) in try context.withData(key) { $0?.points } }
    app.query("score") { (context, key: String) in try context.withData(key) { $0?.points } }
    let error = #expect(throws: CallError.self) { try TestCluster(app) }
    #expect(error?.code == "bad_definition")
    #expect(error?.message.contains("node_info") == true)
    #expect(error?.message.contains("defined twice") == true)
  }
}
