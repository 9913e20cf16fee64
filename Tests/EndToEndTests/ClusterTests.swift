import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// What a user does, with the real program: each test has a cluster of its own.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ClusterEndToEnd {
    @Test(
      "Defect 14 of the original: values are written, forwarded, read, and found after a restart")
    func valuesAreWrittenForwardedReadAndFoundAfterARestart() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)

      let forward = try user.send(.put, "/kv/greeting", body: "hello", following: false)
      #expect(forward.status == 307)
      #expect(forward.text.contains("{\"NodeId\":\"rrkah-fqaaa-aaaaa-aaaaq-cai\"}"))
      #expect(forward.header("location")?.hasSuffix("/kv/greeting") == true)

      #expect(try user.send(.put, "/kv/greeting", body: "hello").status == 201)
      #expect(try user.send(.put, "/kv/greeting", body: "hello again").status == 200)
      let form = [(name: "content-type", value: "application/x-www-form-urlencoded")]
      let data = try user.send(.post, "/get_data", body: "(\"greeting\")", headers: form)
      #expect(data.status == 200)
      #expect(data.text.contains("data = \"hello again\""))

      #expect(!cluster.nodeProcesses.isEmpty)
      #expect(cluster.stop() == 0)
      #expect(cluster.nodeProcesses.isEmpty)

      try cluster.start()
      let found = try HTTPUser(cluster.address).send(.get, "/kv/greeting")
      #expect(found.status == 200)
      #expect(found.text == "hello again")
    }

    @Test func aClusterGrowsAndKeepsEachKeyOnce() throws {
      let cluster = try RunningCluster(["--scale-up-at", "40", "--max-nodes", "8"])
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      let keys = (0..<160).map { "key-\($0)" }
      for key in keys {
        #expect(try user.send(.put, "/kv/\(key)", body: "value of \(key)").status == 201)
      }
      var ring = try user.settledRing(members: 5)
      // Keys spread by chance: a node that still has too many brings another one.
      while try user.sizes().contains(where: { $0 > 40 }) {
        ring = try user.settledRing(members: 5)
      }
      let members = ring["members"] as? [[String: Any]] ?? []
      let addresses = try members.compactMap { $0["address"] as? String }.map {
        try SocketAddress($0)
      }
      for key in keys {
        let response = try user.send(.get, "/kv/\(key)", at: addresses.randomElement())
        #expect(response.text == "value of \(key)")
      }
      #expect(try user.sizes().reduce(0, +) == keys.count)
    }

    @Test func aSecondInterruptLeavesNoNodeBehind() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      #expect(try user.send(.put, "/kv/kept", body: "value").status == 201)
      #expect(cluster.nodeProcesses.count == 1)
      // The gateway waits for this body, so that the second signal comes amid the first one's work.
      let stalled = try StalledUpload(to: cluster.address)
      #expect(stalled.answer.hasPrefix("HTTP/1.1 100 "))
      #expect(cluster.stop(twice: true) == 1)
      #expect(cluster.nodeProcesses.isEmpty)

      try cluster.start()
      #expect(try HTTPUser(cluster.address).send(.get, "/kv/kept").text == "value")
    }

    @Test func theGatewayNamesTheMethodsThatAPathHasAndTheSchemeOfACredential() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      let method = try user.send(.post, "/kv/key", body: "v", following: false)
      #expect(method.status == 405)
      #expect(method.header("allow") == "GET, HEAD, PUT, DELETE")
      #expect(try user.send(.get, "/get_data", following: false).header("allow") == "POST")
      let secret = try user.send(.post, "/scale", body: "()")
      #expect(secret.status == 401)
      #expect(secret.header("www-authenticate") == "Bearer")
    }

    @Test func clientsErrorsAreToldClearly() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      let candid = [(name: "content-type", value: "text/candid")]
      let cases: [(HTTPMethod, String, String, [(name: String, value: String)], Int)] = [
        (.get, "/kv/", "", [], 400), (.get, "/kv/%zz", "", [], 400),
        (.get, "/kv/" + String(repeating: "k", count: 1_025), "", [], 400),
        (.get, "/kv/absent", "", [], 404), (.delete, "/kv/absent", "", [], 404),
        (.put, "/kv/key?ttl=0", "v", [], 400), (.post, "/kv/key", "v", [], 405),
        (.put, "/kv/key", "v", [(name: "if-match", value: "\"1\"")], 412),
        (.post, "/get_data", "(\"unclosed", candid, 400), (.post, "/get_data", "(1)", candid, 400),
        (.post, "/get_data", "x", [(name: "content-type", value: "image/png")], 415),
        (.get, "/no_such_method", "", [], 404), (.post, "/handle_event", "()", candid, 401),
        (.post, "/init_wasm", "()", [(name: "authorization", value: "Bearer wrong")], 403),
      ]
      let nodes = try user.json("/nodes") as? [[String: Any]]
      let text = try #require(nodes?.first?["address"] as? String)
      let node = try SocketAddress(text)
      for (method, target, body, headers, status) in cases {
        let response = try user.send(method, target, body: body, headers: headers, at: node)
        #expect(response.status == status, "\(method) \(target): \(response.text)")
        #expect(response.text.contains("code"))
      }
      #expect(try user.send(.get, "/node_info", at: node).status == 200)
    }
  }
}
