import Candid
import HTTPTransport
import ScaledStorage
import Storage
import Testing
import WireProtocol

@Suite("A service of one's own type")
struct ServiceTests {
  struct Player: CandidRecord, Equatable {
    var points = 0
    var games = 0
    static let candidFields = CandidFields(
      Player.init(points:games:), CandidMember("points", \.points), CandidMember("games", \.games))
  }

  private struct Mistake: Error {}

  private static var players: CanisterManager<Player> {
    var app = CanisterManager<Player>(shouldScaleUp: { size in size > 50 })
    app.update("add_score") { (context, player: String, points: Int) in
      try context.withUpsertData(player, default: Player()) { record in
        record.games += 1
        guard points > 0 else { throw CallError.badArguments("points must be more than 0") }
        record.points += points
        return record.points
      }
    }
    app.query("score") { (context, player: String) in
      try context.withData(player) { $0?.points }
    }
    app.update("leave") { (context, player: String) in
      try context.withUpsertData(player) { $0 = nil }
    }
    app.update("retry") { (context, player: String) in
      try context.withUpsertData(player, default: Player()) { $0.points += 1 }
      // What fails undoes itself only.
      let undone = try? context.withUpsertData(player, default: Player()) { record in
        record.points += 100
        if record.points > 100 { throw Mistake() }
        return record.points
      }
      #expect(undone == nil)
      return try context.withUpsertData(player, default: Player()) { $0.points }
    }
    app.update("fail") { (context, player: String) -> Void in
      try context.withUpsertData(player, default: Player()) { $0.points = -1 }
      throw Mistake()
    }
    app.update("steal") { (context, player: String, victim: String) in
      try context.withUpsertData(victim) { $0 = nil }
    }
    return app
  }

  @Test("An update changes the value in place and answers what its closure returns")
  func update() throws {
    let node = try ServiceNode(Self.players)
    #expect(try node.call("add_score", #"("ada", 5)"#) == (200, "(5 : int64)"))
    #expect(try node.call("add_score", #"("ada", 2)"#) == (200, "(7 : int64)"))
    #expect(try node.call("score", #"("ada")"#) == (200, "(opt (7 : int64))"))
    #expect(try node.call("score", #"("bob")"#) == (200, "(null)"))
    #expect(try node.call("leave", #"("ada")"#) == (200, "()"))
    #expect(try node.call("score", #"("ada")"#) == (200, "(null)"))
  }

  @Test("Arguments and results travel as JSON and as binary Candid too")
  func representations() throws {
    let node = try ServiceNode(Self.players)
    let json = try node.send(
      .post, "/add_score", #"["ada", 5]"#, [("content-type", "application/json")])
    #expect(json.status == 200)
    #expect(json.text == "5")
    #expect(json.header("content-type") == "application/json")
    let body = try CandidArguments.encode("ada", 4)
    let request = ClientRequest(
      method: .post, target: "/add_score", headers: [("content-type", "application/candid")],
      body: body)
    let binary = try node.client.sendAndWait(
      request, to: node.address, deadline: .seconds(60))
    #expect(try CandidArguments.decode(binary.body, as: Int.self) == 9)
    #expect(binary.header("etag") != nil)
  }

  @Test("What throws changes nothing, and says why")
  func throwing() throws {
    let node = try ServiceNode(Self.players)
    _ = try node.call("add_score", #"("ada", 5)"#)
    let refused = try node.call("add_score", #"("ada", -5)"#, [("accept", "application/json")])
    #expect(refused.status == 400)
    #expect(refused.text.contains("points must be more than 0"))
    let failed = try node.send(.post, "/fail", #"("ada")"#, [("accept", "application/json")])
    #expect(failed.status == 500)
    #expect(failed.header("ss-error") == "handler_failed")
    #expect(!failed.text.contains("ServiceTests"))
    #expect(try node.call("score", #"("ada")"#) == (200, "(opt (5 : int64))"))
    #expect(
      try node.send(.get, "/kv/ada").text == #"{"games":1,"points":5}"#)
    let stolen = try node.send(.post, "/steal", #"("ada", "bob")"#)
    #expect(stolen.header("ss-error") == "other_key")
  }

  @Test("A change that fails within a method leaves the changes before it")
  func partialFailure() throws {
    let node = try ServiceNode(Self.players)
    #expect(try node.call("retry", #"("ada")"#) == (200, "(1 : int64)"))
    #expect(try node.call("score", #"("ada")"#) == (200, "(opt (1 : int64))"))
  }

  @Test("Values are read and written by their key, in each representation, and checked")
  func values() throws {
    let node = try ServiceNode(Self.players)
    let json = [("content-type", "application/json")]
    #expect(try node.send(.put, "/kv/ada", #"{"points": 3, "games": 1}"#, json).status == 201)
    #expect(try node.send(.put, "/kv/bob", "(record { points = 4; games = 2 })").status == 201)
    #expect(try node.call("add_score", #"("ada", 1)"#) == (200, "(4 : int64)"))
    #expect(
      try node.send(.get, "/kv/bob", "", [("accept", "text/candid")]).text
        == "(record { games = 2 : int64; points = 4 : int64 })")
    let binary = try node.send(.get, "/kv/bob", "", [("accept", "application/candid")])
    #expect(
      try CandidArguments.decode(binary.body, as: Player.self) == Player(points: 4, games: 2))
    let refused = try node.send(.put, "/kv/bob", #"{"points": "x", "games": 1}"#, json)
    #expect(refused.status == 400)
    #expect(refused.header("ss-error") == "bad_value")
    #expect(try node.send(.get, "/kv/bob").text == #"{"games":2,"points":4}"#)
    #expect(try node.send(.delete, "/kv/bob").status == 204)
    #expect(try node.send(.get, "/kv/bob").status == 404)
  }

  @Test("Conditions of the request hold for methods")
  func conditions() throws {
    let node = try ServiceNode(Self.players)
    let first = try node.send(.post, "/add_score", #"("ada", 5)"#, [("if-none-match", "*")])
    let tag = try #require(first.header("etag"))
    #expect(
      try node.call("add_score", #"("ada", 5)"#, [("if-none-match", "*")]).status == 412)
    #expect(try node.call("add_score", #"("ada", 5)"#, [("if-match", tag)]).status == 200)
    #expect(try node.call("add_score", #"("ada", 5)"#, [("if-match", tag)]).status == 412)
    #expect(try node.call("score", #"("ada")"#).text == "(opt (10 : int64))")
  }

  @Test("Values that were stored before the type had a field are read")
  func olderValues() throws {
    struct Team: CandidRecord {
      var points = 0
      var motto: String?
      static let candidFields = CandidFields(
        Team.init(points:motto:), CandidMember("points", \.points), CandidMember("motto", \.motto))
    }
    let store = MemoryEngine()
    let before = try ServiceNode(Self.players, store: store)
    _ = try before.call("add_score", #"("reds", 5)"#)
    before.stop()
    var app = CanisterManager<Team>(shouldScaleUp: { _ in false })
    app.update("name") { (context, team: String, motto: String) in
      try context.withUpsertData(team, default: Team()) { $0.motto = motto }
    }
    let after = try ServiceNode(app, store: store)
    #expect(try after.call("name", #"("reds", "on")"#).status == 200)
    #expect(try after.send(.get, "/kv/reds").text == #"{"motto":"on","points":5}"#)
  }

  @Test("Texts are stored as they are")
  func texts() throws {
    var app = CanisterManager<String>(shouldScaleUp: { size in size > 50 })
    app.update("append") { (context, key: String, more: String) in
      try context.withUpsertData(key, default: "") { $0 += more }
    }
    let node = try ServiceNode(app)
    #expect(try node.send(.put, "/kv/a", "hello").status == 201)
    #expect(try node.call("append", #"("a", " world")"#).status == 200)
    #expect(try node.send(.get, "/kv/a").text == "hello world")
    let request = ClientRequest(method: .put, target: "/kv/a", body: [0xff])
    let refused = try node.client.sendAndWait(request, to: node.address, deadline: .seconds(60))
    #expect(refused.header("ss-error") == "bad_value")
  }

  @Test("A type that was Codable first, or is from now on, reads what was stored before")
  func changedForm() throws {
    struct Pair: CandidRecord, Codable, Equatable {
      var left = 0
      var right: String?
      static let candidFields = CandidFields(
        Pair.init(left:right:), CandidMember("left", \.left), CandidMember("right", \.right))
    }
    struct CodablePair: Codable {
      var left = 0
      var right: String?
    }
    var candid = CanisterManager<Pair>(shouldScaleUp: { _ in false })
    candid.update("add") { (context, key: String) in
      try context.withUpsertData(key, default: Pair(left: 1)) { pair in
        pair.left += 1
        return pair.left
      }
    }
    var codable = CanisterManager<CodablePair>(shouldScaleUp: { _ in false })
    codable.update("add") { (context, key: String) in
      try context.withUpsertData(key, default: CodablePair(left: 1)) { pair in
        pair.left += 1
        return pair.left
      }
    }
    let store = MemoryEngine()
    for (number, isCodable) in [true, false, true, false].enumerated() {
      let node =
        isCodable ? try ServiceNode(codable, store: store) : try ServiceNode(candid, store: store)
      let shown = try? node.send(.get, "/kv/a", "", [("accept", "application/json")]).text
      if number > 0 { #expect(shown?.contains("\"left\":\(number + 1)") == true) }
      #expect(try node.call("add", #"("a")"#) == (200, "(\(number + 2) : int64)"))
      node.stop()
    }
  }

  enum Shape: Codable, Equatable, Sendable {
    case circle(Double)
    case point
    case line(from: Int, to: Int)
  }

  struct Drawing: Codable, Equatable, Sendable {
    var title = ""
    var shapes: [Shape] = []
    var note: String?
    var sizes: [String: Int] = [:]
    var raw: [UInt8] = []
    var big = UInt64.max
    var ratio = 0.1
  }

  @Test("Codable values keep all that they have, enumerations with values too")
  func codable() throws {
    var app = CanisterManager<Drawing>(shouldScaleUp: { size in size > 50 })
    app.update("draw") { (context, key: String, title: String) in
      try context.withUpsertData(key, default: Drawing()) { drawing in
        if !drawing.title.isEmpty { #expect(drawing == Self.drawing(drawing.title)) }
        drawing = Self.drawing(title)
      }
    }
    app.query("title") { (context, key: String) in
      try context.withData(key) { drawing in
        #expect(drawing == Self.drawing(drawing?.title ?? ""))
        return drawing?.title
      }
    }
    let node = try ServiceNode(app)
    for title in ["one", "two \"quoted\" \n", "drei ü"] {
      #expect(try node.call("draw", "(\"a\", \(title.debugDescription))").status == 200)
    }
    #expect(try node.call("title", #"("a")"#) == (200, #"(opt "drei ü")"#))
    let shown = try node.send(.get, "/kv/a").text
    #expect(shown.contains(#""title":"drei ü""#))
    let text = try node.send(.get, "/kv/a", "", [("accept", "text/candid")]).text
    #expect(try node.send(.put, "/kv/b", text).status == 201)
    #expect(try node.call("title", #"("b")"#) == (200, #"(opt "drei ü")"#))
    #expect(try node.send(.put, "/kv/b", "(record { title = 1 })").status == 400)
  }

  private static func drawing(_ title: String) -> Drawing {
    Drawing(
      title: title, shapes: [.circle(1.5), .point, .line(from: -1, to: 2)], note: nil,
      sizes: ["a": 1, "b": -2], raw: [0, 255], big: .max, ratio: 0.1)
  }
}
