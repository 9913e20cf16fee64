import Candid
import ScaledStorage
import ScaledStorageTesting
import Synchronization
import Testing

@Suite("Time in a test's cluster")
struct TimeTests {
  @Test("Values expire when virtual time has passed")
  func expiry() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 2)
    try cluster.call("visit", "ada", 60)
    try cluster.setValue(Player(points: 1), for: "bob", ttl: .seconds(10))
    try cluster.advance(by: .seconds(9))
    #expect(try cluster.value(of: "bob") != nil)
    try cluster.advance(by: .seconds(2))
    #expect(try cluster.value(of: "bob") == nil)
    #expect(try cluster.value(of: "ada")?.games == 1)
    try cluster.scale(to: 4)
    try cluster.advance(by: .seconds(60))
    #expect(try cluster.value(of: "ada") == nil)
    #expect(cluster.nodes.map(\.keys) == [0, 0, 0, 0])
  }

  @Test("Hooks run at the turns of a node's life, and heartbeats by the clock")
  func hooks() throws {
    let seen = Seen()
    var app = leaderboard()
    app.onInit { context in seen.add("init \(context.node.text)") }
    app.onStart { context in seen.add("start \(context.node.text)") }
    app.onRingChange { context, members in seen.add("ring of \(members.count)") }
    app.onStop { context in seen.add("stop \(context.node.text)") }
    app.heartbeat(every: .seconds(10)) { context in
      _ = try await context.withUpsertData("beats of \(context.node.text)", default: Player()) {
        $0.games += 1
      }
    }
    let cluster = try TestCluster(app)
    let first = Principal.canister(number: 1).text
    let second = Principal.canister(number: 2).text
    #expect(seen.taken() == ["init \(first)", "start \(first)"])
    try cluster.scale(to: 2)
    #expect(Set(seen.taken()) == ["init \(second)", "start \(second)", "ring of 2"])
    cluster.kill(.canister(number: 2))
    try cluster.settle()
    #expect(seen.taken() == ["start \(second)"])
    try cluster.retire(.canister(number: 2))
    #expect(seen.taken().contains("stop \(second)"))
    try cluster.advance(by: .seconds(100))
    let beats = try #require(try cluster.value(of: "beats of \(first)")).games
    #expect((9...11).contains(beats))
  }

  @Test("What a hook throws is in the log")
  func hookThatThrows() throws {
    var app = leaderboard()
    app.onStart { _ in throw Unlucky() }
    let cluster = try TestCluster(app)
    #expect(cluster.log.contains { $0.contains("onStart") && $0.contains("Unlucky") })
  }

  @Test("The same seed does the same, another one something else")
  func determinism() throws {
    func run(seed: UInt64) throws -> [String] {
      let cluster = try TestCluster(leaderboard(), nodes: 2, seed: seed)
      let calls = try (0..<40).map { number in
        try cluster.begin("give", "a\(number % 3)", "b\(number % 5)", 0, as: Int.self)
      }
      try cluster.beginScaling(to: 3)
      for call in calls { try call.result() }
      try cluster.settle()
      return cluster.journal + ["\(cluster.time)"] + cluster.nodes.map { "\($0)" }
    }
    let first = try run(seed: 5)
    #expect(try run(seed: 5) == first)
    #expect(try run(seed: 6) != first)
  }

  @Test("A value that an earlier version has stored is read, and one that is none is not lost")
  func storedForms() throws {
    let cluster = try TestCluster(leaderboard())
    let older = try CandidArguments.encode(OlderPlayer(points: 3))
    try cluster.setStoredBytes(older, for: "ada")
    let error = #expect(throws: CallError.self) { try cluster.value(of: "ada") }
    #expect(error?.code == "bad_value")
    #expect(throws: CallError.self) { try cluster.call("add_score", "ada", 1, as: Int.self) }
    #expect(try cluster.storedBytes(of: "ada") == older)
  }

  @Test("Writes of a test may have conditions")
  func conditions() throws {
    let cluster = try TestCluster(leaderboard())
    let version = try cluster.setValue(Player(), for: "ada", if: .missing)
    #expect(throws: CallError.self) { try cluster.setValue(Player(), for: "ada", if: .missing) }
    #expect(try cluster.entry(of: "ada")?.version == version)
    #expect(try cluster.setValue(Player(), for: "ada", if: .version(version)) > version)
    #expect(try cluster.removeValue(for: "ada"))
    #expect(try !cluster.removeValue(for: "ada"))
  }
}

/// A version of the service's values without the number of games.
struct OlderPlayer: CandidRecord {
  var points: Int

  static let candidFields = CandidFields(OlderPlayer.init, CandidMember("points", \.points))
}

final class Seen: Sendable {
  private let words = Mutex<[String]>([])

  func add(_ word: String) { words.withLock { $0.append(word) } }

  /// What was seen since this was asked last.
  func taken() -> [String] {
    words.withLock { words in
      defer { words = [] }
      return words
    }
  }
}
