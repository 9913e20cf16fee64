import ScaledStorage

/// Leaderboards by name. Each lives at one node, where its methods run one after another.
public let leaderboard = {
  var app = CanisterManager<Board>(policy: policy)

  app.update("add_score") { (context, board: String, player: String, points: Int) in
    guard (0...1_000_000).contains(points) else {
      throw CallError.badArguments("points are 0 to 1000000, not \(points)")
    }
    return try context.withUpsertData(board, default: Board()) { $0.add(points, to: player) }
  }

  app.query("top") { (context, board: String, count: Int) in
    try context.withData(board) { Array($0?.entries.prefix(max(0, count)) ?? []) }
  }

  app.query("points") { (context, board: String, player: String) in
    try context.withData(board) { $0?.points(of: player) ?? 0 }
  }

  // Boards live at several nodes: this method awaits them one after another.
  app.query(anywhere: "total") { (context, player: String, boards: [String]) in
    guard boards.count <= 32 else { throw CallError.badArguments("name 32 boards at most") }
    var total = 0
    for board in boards {
      switch try await context.withData(board, { $0?.points(of: player) ?? 0 }) {
      case .result(let points): total += points
      case .nodeID(let owner):
        total += try await context.forwardRequest(
          to: owner, method: "points", arguments: board, player, as: Int.self)
      }
    }
    return total
  }

  return app
}()

/// Grows by bytes, and when players wait.
private let policy = {
  var policy = ScalePolicy(maximumNodes: 16) { load in load.bytes > 64 << 20 }
  policy.isOverloaded = { load in load.latencyP99 > .milliseconds(50) || load.utilisation > 0.8 }
  return policy
}()
