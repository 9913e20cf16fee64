import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// The program of the README's service, as a user runs it.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ServiceEndToEnd {
    private static let players = (0..<120).map { "player-\($0)" }

    /// Calls again while nodes start: an update is refused then, not half done.
    private func call(_ user: HTTPUser, _ method: String, _ arguments: String) throws -> String {
      let candid = [(name: "content-type", value: "text/candid")]
      while true {
        let answer = try user.send(.post, "/" + method, body: arguments, headers: candid)
        if answer.status == 200 { return String(answer.text.prefix { $0 != "\n" }) }
        guard answer.status == 503 else {
          throw ClusterFailure(
            "\(method)\(arguments) was answered \(answer.status): \(answer.text)")
        }
        usleep(10_000)
      }
    }

    @Test("A service of one's own scales by its own rule, and its values survive kill -9")
    func ownService() throws {
      let cluster = try RunningCluster(program: "scores")
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      for player in Self.players {
        #expect(try call(user, "add_score", "(\"\(player)\", 5)") == "(5 : int64)")
      }
      _ = try user.settledRing(members: 3)
      #expect(cluster.nodeProcesses.count >= 3)
      for player in Self.players {
        #expect(try call(user, "add_score", "(\"\(player)\", 2)") == "(7 : int64)")
      }

      cluster.killNodes()
      cluster.killGateway()
      try cluster.start()
      let survivor = try HTTPUser(cluster.address)
      _ = try survivor.settledRing(members: 3)
      for player in Self.players {
        #expect(try call(survivor, "score", "(\"\(player)\")") == "(opt (7 : int64))")
      }
      let value = try survivor.send(
        .get, "/kv/player-1", headers: [(name: "accept", value: "application/json")])
      let player = try #require(
        try JSONSerialization.jsonObject(with: Data(value.body)) as? [String: Int])
      #expect(player == ["points": 7, "games": 2])
      #expect(cluster.stop() == 0)
      #expect(cluster.nodeProcesses.isEmpty)
    }

    @Test("Settings take the place of the service's own rule")
    func settings() throws {
      let cluster = try RunningCluster(
        ["--scale-up-at", "1000000", "--min-nodes", "2"], program: "scores")
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      _ = try user.settledRing(members: 2)
      for player in Self.players {
        _ = try call(user, "add_score", "(\"\(player)\", 1)")
      }
      let ring = try user.settledRing(members: 2)
      #expect((ring["members"] as? [Any])?.count == 2)
    }

    @Test("The program tells its interface as its nodes and gateway do, and what it refuses")
    func interface() throws {
      let cluster = try RunningCluster(program: "scores")
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      let printed = try cluster.run(["interface"], atURL: false)
      #expect(printed.status == 0)
      #expect(printed.output.contains("add_score : (text, int64) -> (int64)"))
      #expect(try user.send(.get, "/service.did").text == printed.output)
      let document = try cluster.run(["interface", "--openapi"], atURL: false)
      #expect(document.output.contains("\"title\":\"scores\""))
      #expect(try user.send(.get, "/openapi.json").text == document.output)
      let refused = try user.send(
        .post, "/add_score", body: "(\"ada\", -1)",
        headers: [(name: "content-type", value: "text/candid")])
      #expect(refused.status == 400)
      #expect(refused.text.contains("points are 0 to 1000"))
      #expect(try user.send(.get, "/kv/ada").status == 404)
      #expect(try cluster.run(["up", "--scale-up-at", "0"], atURL: false).status == 64)
    }
  }
}
