import Leaderboard
import ScaledStorage
import ScaledStorageTesting
import Testing

@Suite struct LeaderboardTests {
  private func players(_ entries: [Entry]) -> [String] { entries.map(\.player) }

  @Test("Points add up, and the best come first")
  func ranks() throws {
    let cluster = try TestCluster(leaderboard, nodes: 2)
    #expect(try cluster.call("add_score", "chess", "ada", 5, as: Int?.self) == 1)
    #expect(try cluster.call("add_score", "chess", "bob", 7, as: Int?.self) == 1)
    #expect(try cluster.call("add_score", "chess", "ada", 4, as: Int?.self) == 1)
    let top = try cluster.query("top", "chess", 10, as: [Entry].self)
    #expect(top.map(\.player) == ["ada", "bob"])
    #expect(top.map(\.points) == [9, 7])
    #expect(top.map(\.games) == [2, 1])
    #expect(try cluster.query("top", "chess", 1, as: [Entry].self).count == 1)
    #expect(try cluster.query("top", "go", 10, as: [Entry].self).isEmpty)
  }

  @Test("A board has a hundred players; who is behind them has no rank")
  func capacity() throws {
    let cluster = try TestCluster(leaderboard)
    for number in 1...100 {
      _ = try cluster.call("add_score", "chess", "player \(number)", number, as: Int?.self)
    }
    #expect(try cluster.call("add_score", "chess", "late", 1, as: Int?.self) == nil)
    #expect(try cluster.call("add_score", "chess", "better", 50, as: Int?.self) != nil)
    let board = try #require(try cluster.value(of: "chess"))
    #expect(board.entries.count == 100)
    #expect(!players(board.entries).contains("player 1"))
  }

  @Test("Points that cannot be are refused and change nothing")
  func refusal() throws {
    let cluster = try TestCluster(leaderboard)
    let error = #expect(throws: CallError.self) {
      try cluster.call("add_score", "chess", "ada", -1, as: Int?.self)
    }
    #expect(error?.code == "bad_arguments")
    #expect(try cluster.value(of: "chess") == nil)
  }

  @Test("The total counts boards of all nodes")
  func total() throws {
    let cluster = try TestCluster(leaderboard, nodes: 4)
    let boards = (0..<20).map { "board \($0)" }
    for board in boards {
      _ = try cluster.call("add_score", board, "ada", 3, as: Int?.self)
    }
    #expect(Set(boards.map { cluster.owner(of: $0) }).count > 1)
    #expect(try cluster.query("total", "ada", boards, as: Int.self) == 60)
  }

  @Test("No score is lost or counted twice while nodes join")
  func scoresWhileGrowing() throws {
    let cluster = try TestCluster(leaderboard, nodes: 2)
    let boards = (0..<16).map { "board \($0)" }
    let calls = try (0..<320).map { number in
      try cluster.begin("add_score", boards[number % 16], "ada", 1, as: Int?.self)
    }
    try cluster.beginScaling(to: 6)
    for call in calls { #expect(try call.result() == 1) }
    try cluster.settle()
    #expect(cluster.nodes.count == 6)
    #expect(try cluster.query("total", "ada", boards, as: Int.self) == 320)
  }

  @Test("Players who wait bring nodes")
  func latency() throws {
    let cluster = try TestCluster(leaderboard)
    _ = try cluster.call("add_score", "chess", "ada", 5, as: Int?.self)
    cluster.adjustLoad = { _, load in
      load.utilisation = 0.5
      load.latencyP99 = .milliseconds(80)
    }
    try cluster.advance(by: .seconds(15))
    cluster.adjustLoad = { _, _ in }
    try cluster.settle()
    #expect(cluster.nodes.count > 1)
  }
}
