import ScaledStorage
import ScaledStorageService

/// What is stored under each player's name.
struct Player: Codable {
  var points = 0
  var games = 0
}

// A node that holds more than 50 players calls for other nodes.
var app = CanisterManager<Player>(shouldScaleUp: { size in size > 50 })

app.update("add_score") { (context, name: String, points: Int) in
  guard (0...1_000).contains(points) else { throw CallError.badArguments("points are 0 to 1000") }
  return try context.withUpsertData(name, default: Player()) { player in
    player.points += points
    player.games += 1
    return player.points
  }
}

app.query("score") { (context, name: String) in
  try context.withData(name) { player in player?.points }
}

app.run()
