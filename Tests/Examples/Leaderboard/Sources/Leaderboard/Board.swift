import ScaledStorage

/// One line of a leaderboard.
public struct Entry: Hashable, CandidRecord {
  public var player: String
  public var points: Int
  public var games: Int

  public init(player: String, points: Int, games: Int) {
    self.player = player
    self.points = points
    self.games = games
  }

  public static let candidFields = CandidFields(
    Entry.init(player:points:games:), CandidMember("player", \.player),
    CandidMember("points", \.points), CandidMember("games", \.games))
}

/// The best players of a game, best first: the value under the board's name.
public struct Board: Hashable, CandidRecord {
  public var entries: [Entry]

  public init(entries: [Entry] = []) {
    self.entries = entries
  }

  public static let candidFields = CandidFields(
    Board.init(entries:), CandidMember("entries", \.entries))

  /// Further players are not listed.
  static let capacity = 100

  /// Adds the points of one game and returns the player's rank, from 1; nil for one who is not
  /// among the best.
  mutating func add(_ points: Int, to player: String) -> Int? {
    var entry = Entry(player: player, points: 0, games: 0)
    if let index = entries.firstIndex(where: { $0.player == player }) {
      entry = entries.remove(at: index)
    }
    entry.points += points
    entry.games += 1
    let place = entries.firstIndex { $0.points < entry.points } ?? entries.count
    guard place < Board.capacity else { return nil }
    entries.insert(entry, at: place)
    entries = Array(entries.prefix(Board.capacity))
    return place + 1
  }

  /// The player's points; 0 for one who is not listed.
  func points(of player: String) -> Int {
    entries.first { $0.player == player }?.points ?? 0
  }
}
