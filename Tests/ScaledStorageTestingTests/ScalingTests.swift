import Candid
import Cluster
import ScaledStorage
import ScaledStorageTesting
import Testing

@Suite("A test's cluster that changes")
struct ScalingTests {
  @Test("Values survive growth, retirement, kills and a loss of power")
  func survival() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 3)
    for number in 0..<200 {
      try cluster.call("add_score", "p\(number)", 100 + number, as: Int.self)
    }
    func check() throws {
      for number in 0..<200 {
        #expect(try cluster.value(of: "p\(number)") == Player(points: 100 + number, games: 1))
      }
      #expect(cluster.nodes.map(\.keys).reduce(0, +) == 200)
    }
    try cluster.scale(to: 5)
    #expect(cluster.nodes.count == 5)
    try check()
    try cluster.retire(cluster.nodes[0].id, cluster.nodes[2].id)
    #expect(cluster.nodes.count == 3)
    try check()
    try cluster.crashAll()
    try check()
    cluster.kill(cluster.nodes[1].id)
    try check()
    try cluster.scale(to: 1)
    try check()
  }

  @Test(
    "Calls that race a change of the ring are all done once",
    arguments: 1...8 as ClosedRange<UInt64>)
  func race(seed: UInt64) throws {
    let cluster = try TestCluster(leaderboard(), nodes: 2, seed: seed)
    let calls = try (0..<300).map { number in
      try cluster.begin("add_score", "p\(number % 10)", 1, as: Int.self)
    }
    try cluster.beginScaling(to: 4)
    for call in calls { try call.result() }
    try cluster.settle()
    #expect(cluster.nodes.count == 4)
    for number in 0..<10 {
      #expect(try cluster.value(of: "p\(number)") == Player(points: 30, games: 30))
    }
  }

  @Test("The service's policy makes the cluster grow, and shrink once there is room")
  func policy() throws {
    let policy = ScalePolicy(maximumNodes: 6) { $0.keys > 20 }
    let cluster = try TestCluster(leaderboard(policy: policy))
    for number in 0..<60 { try cluster.call("add_score", "p\(number)", 1, as: Int.self) }
    try cluster.settle()
    #expect(cluster.nodes.count > 2)
    #expect(cluster.nodes.allSatisfy { $0.keys <= 20 } || cluster.nodes.count == 6)
    for number in 0..<60 { try cluster.call("forget", "p\(number)") }
    try cluster.advance(by: .seconds(600))
    #expect(cluster.nodes.count == 1)
  }

  @Test("A policy hears of the load that the test makes up")
  func madeUpLoad() throws {
    let policy = ScalePolicy(
      scaleUpAfter: 5_000, isOverloaded: { $0.latencyP99 > .milliseconds(20) }
    ) { _ in false }
    let cluster = try TestCluster(leaderboard(policy: policy))
    try cluster.advance(by: .seconds(20))
    #expect(cluster.nodes.count == 1)
    cluster.adjustLoad = { node, load in
      if node == .canister(number: 1) { load.latencyP99 = .milliseconds(50) }
    }
    try cluster.advance(by: .seconds(20))
    #expect(cluster.nodes.count > 1)
  }

  @Test("More nodes than the policy allows are refused")
  func tooMany() throws {
    let policy = ScalePolicy(maximumNodes: 3) { _ in false }
    #expect(throws: CallError.self) {
      try TestCluster(leaderboard(policy: policy), nodes: 4)
    }
    let cluster = try TestCluster(leaderboard(policy: policy))
    let error = #expect(throws: CallError.self) { try cluster.scale(to: 4) }
    #expect(error?.message == "the policy allows 3 nodes, not 4")
    #expect(throws: CallError.self) { try cluster.scale(to: 0) }
  }

  @Test("A node that is kept down makes its keys wait, and others go on")
  func keptDown() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 3)
    for number in 0..<30 { try cluster.call("add_score", "p\(number)", 1, as: Int.self) }
    let down = try #require(cluster.owner(of: "p0"))
    cluster.kill(down, isKeptDown: true)
    #expect(cluster.nodes.first { $0.id == down }?.isRunning == false)
    let unreachable = #expect(throws: CallError.self) {
      try cluster.query("score", "p0", as: Int?.self)
    }
    #expect(unreachable?.isRetryable == true)
    let other = try #require((1..<30).first { cluster.owner(of: "p\($0)") != down })
    #expect(try cluster.query("score", "p\(other)", as: Int?.self) == 1)
    let waiting = try cluster.begin("add_score", "p0", 1, as: Int.self)
    try cluster.advance(by: .seconds(3))
    #expect(!waiting.isDone)
    try cluster.restart(down)
    #expect(try waiting.result() == 2)
  }

  @Test("A call whose node ends is done or not; its caller hears that nobody knows")
  func lostAnswer() throws {
    let cluster = try TestCluster(leaderboard(), nodes: 2)
    let owner = try #require(cluster.owner(of: "ada"))
    var outcomes: Set<String> = []
    for step in 0..<40 {
      let call = try cluster.begin("add_score", "ada", 1, as: Int.self)
      try cluster.advance(by: .microseconds(step * 25))
      cluster.kill(owner)
      do throws(CallError) {
        try call.result()
        outcomes.insert("done")
      } catch {
        outcomes.insert(error.code)
      }
      try cluster.settle()
    }
    #expect(outcomes == ["done", "no_answer"])
    let games = try #require(try cluster.value(of: "ada")).games
    #expect((1...40).contains(games))
  }
}
