import Candid
import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Testing

@Suite("A service of one's own on several nodes")
struct ServiceClusterTests {
  private static var counters: CanisterManager<Int> {
    var app = CanisterManager<Int>(
      id: .canister(number: 100), shouldScaleUp: { size in size > 10 })
    app.use(passing: ["x-tenant"]) { request in
      guard request.header("x-tenant") == "blue" else {
        throw CallError.unauthenticated("send x-tenant")
      }
    }
    app.update("add") { (context, key: String, amount: Int) in
      try context.withUpsertData(key, default: 0) { value in
        value += amount
        return value
      }
    }
    app.update("slow_add") { (context, key: String, amount: Int) in
      try await context.withUpsertData(key, default: 0) { value in
        value += amount
        return value
      }
    }
    app.query(anywhere: "total") { (context, keys: [String]) in
      var total = 0
      for key in keys {
        switch try await context.withData(key, { $0 ?? 0 }) {
        case .result(let value): total += value
        case .nodeID(let owner):
          total += try await context.forwardRequest(
            to: owner, method: "total", arguments: [key], as: Int.self)
        }
      }
      return total
    }
    return app
  }

  private static let headers = [("x-tenant", "blue"), ("content-type", "application/json")]

  @Test(
    "Calls are forwarded or proxied to the key's owner, with what middleware reads",
    arguments: [ForwardMode.return, .proxy])
  func grows(forward: ForwardMode) throws {
    let app = Self.counters
    let cluster = try InProcessCluster(
      app.application, policy: try #require(app.application.policy), forward: forward)
    cluster.settle(1)
    #expect(cluster.coordinator.map.members == [.canister(number: 100)])
    let keys = (0..<40).map { "k\($0)" }
    for (index, key) in keys.enumerated() {
      let method = index.isMultiple(of: 2) ? "add" : "slow_add"
      let answer = try cluster.send(
        .post, "/" + method, Array("[\"\(key)\", 1]".utf8), headers: Self.headers)
      #expect(answer.status == 200)
    }
    cluster.loop.run(until: "the cluster has grown") {
      cluster.coordinator.machine.isSettled && cluster.coordinator.map.members.count > 2
    }
    #expect(cluster.coordinator.map.members.contains(.canister(number: 101)))
    let list = "[" + keys.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    let total = try cluster.send(
      .post, "/total", Array("[\(list)]".utf8), headers: Self.headers)
    #expect(String(decoding: total.body, as: UTF8.self) == "40\n")
    for method in ["add", "slow_add"] {
      let refused = try cluster.send(
        .post, "/" + method, Array("[\"k0\", 1]".utf8),
        headers: [("content-type", "application/json")])
      #expect(refused.status == 401)
    }
    let did = try cluster.send(.get, "/service.did")
    #expect(String(decoding: did.body, as: UTF8.self).contains("slow_add : (text, int64)"))
  }
}
