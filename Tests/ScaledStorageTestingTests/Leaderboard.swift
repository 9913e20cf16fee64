import Cluster
import ScaledStorage

struct Player: CandidRecord, Equatable {
  var points = 0
  var games: UInt32 = 0

  static let candidFields = CandidFields(
    Player.init(points:games:), CandidMember("points", \.points), CandidMember("games", \.games))
}

struct Unlucky: Error {}

/// A service that has a method of every kind.
func leaderboard(
  policy: ScalePolicy = ScalePolicy { _ in false }
) -> CanisterManager<Player> {
  var app = CanisterManager<Player>(policy: policy)
  app.update("add_score") { (context, player: String, points: Int) in
    guard points >= 0 else { throw CallError.badArguments("points are not negative") }
    return try context.withUpsertData(player, default: Player()) { record in
      record.points += points
      record.games += 1
      guard points != 13 else { throw Unlucky() }
      return record.points
    }
  }
  app.query("score") { (context, player: String) in
    try context.withData(player) { $0?.points }
  }
  app.update("forget") { (context, player: String) in
    _ = try context.withUpsertData(player) { $0 = nil }
  }
  app.update("visit") { (context, player: String, seconds: Int) in
    try context.withUpsertData(
      player, default: Player(), expiry: .after(.seconds(seconds))
    ) { $0.games += 1 }
  }
  app.update("give") { (context, giver: String, receiver: String, points: Int) in
    let taken = try await context.withUpsertData(giver, default: Player()) { record in
      guard record.points >= points else { throw CallError.conflict("too few points") }
      record.points -= points
      return record.points
    }
    let left = try taken.orForward()
    switch try await context.withUpsertData(receiver, default: Player(), { $0.points += points }) {
    case .result: break
    case .nodeID(let owner):
      let _: Int = try await context.forwardRequest(
        to: owner, method: "add_score", arguments: receiver, points)
    }
    return left
  }
  app.query(anywhere: "whoami") { context in context.node }
  return app
}
