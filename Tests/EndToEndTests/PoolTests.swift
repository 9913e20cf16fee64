import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// Nodes that something else runs, with the real program.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct PoolEndToEnd {
    /// Looks until the condition holds; so often at most.
    private func waitFor(_ looks: Int, _ condition: () throws -> Bool) throws {
      for _ in 0..<looks {
        if try condition() { return }
        usleep(50_000)
      }
      Issue.record("what was waited for has not come")
    }

    @Test("Nodes of others join, leave, come back blank, and nothing is lost by kill -9 meanwhile")
    func lifeOfAPool() throws {
      let pool = try RunningPool(3)
      defer { pool.remove() }
      var user = try HTTPUser(pool.address)
      let keys = (0..<200).map { "key-\($0)" }
      for key in keys {
        #expect(try user.send(.put, "/kv/\(key)", body: "of \(key)").status == 201)
      }

      // The gateway ends amid a join and goes on with it, or has undone it.
      #expect(try pool.run(["scale", "up"]) == 0)
      pool.killGateway()
      try pool.startGateway()
      user = try HTTPUser(pool.address)
      try waitFor(1000) {
        guard try user.members() < 2 else { return true }
        _ = try? pool.run(["scale", "to", "2"])
        return false
      }
      _ = try user.settledRing(members: 2)

      // A node ends amid a join.
      #expect(try pool.run(["scale", "up"]) == 0)
      pool.killNode(1)
      try pool.startNode(1)
      try waitFor(1000) {
        guard try user.members() < 3 else { return true }
        _ = try? pool.run(["scale", "to", "3"])
        return false
      }
      _ = try user.settledRing(members: 3)

      // The first leaves: the same process is a blank node then, and can join again.
      let first = "rrkah-fqaaa-aaaaa-aaaaq-cai"
      let place = try #require(
        try (0..<3).first { try user.node(at: pool.address(of: $0)) == first })
      // The gateway may see only now that the other was away, and refuse it until then.
      try waitFor(1000) { try pool.run(["drain", first]) == 0 }
      _ = try user.settledRing(members: 2)
      try waitFor(200) { try user.node(at: pool.address(of: place)) == nil }
      #expect(pool.isRunning(place))
      #expect(try pool.run(["scale", "up"]) == 0)
      _ = try user.settledRing(members: 3)

      // All of it ends at once.
      pool.killGateway()
      for index in 0..<3 { pool.killNode(index) }
      for index in 0..<3 { try pool.startNode(index) }
      try pool.startGateway()
      user = try HTTPUser(pool.address)
      _ = try user.settledRing(members: 3)
      for key in keys { #expect(try user.send(.get, "/kv/\(key)").text == "of \(key)") }
      #expect(try user.sizes().reduce(0, +) == keys.count)
    }
  }
}

extension HTTPUser {
  fileprivate func members() throws -> Int {
    let ring = try json("/ring") as? [String: Any]
    return (ring?["members"] as? [[String: Any]])?.count ?? 0
  }

  /// The node that the instance at an address holds; nil when it is blank, or starts again.
  fileprivate func node(at address: SocketAddress) throws -> String? {
    guard let answer = try? send(.get, "/node_info", at: address) else { return "starting" }
    let info = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any]
    return info?["node_id"] as? String
  }
}
