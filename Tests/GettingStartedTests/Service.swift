import ScaledStorage

/// What is kept for each player.
struct Player: CandidRecord {
  var points: Int
  var games: Int

  static let candidFields = CandidFields(
    Player.init, CandidMember("points", \.points), CandidMember("games", \.games))
}

func scoreboard() -> CanisterManager<Player> {
  var app = CanisterManager<Player>(shouldScaleUp: { size in size > 50 })

  app.update("add_score") { (context, name: String, points: Int) in
    guard (1...1_000).contains(points) else {
      throw CallError.badArguments("points are 1 to 1000")
    }
    return try context.withUpsertData(name, default: Player(points: 0, games: 0)) { player in
      player.points += points
      player.games += 1
      return player.points
    }
  }

  app.query("score") { (context, name: String) in
    try context.withData(name) { player in player }
  }

  app.update("forget") { (context, name: String) in
    _ = try context.withUpsertData(name) { player in player = nil }
  }

  return app
}
