import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

/// Several gateways that share the coordinator's log: one leads, any routes.
@Suite(.timeLimit(.minutes(2)))
struct SharedGatewayTests {
  private let keys = (0..<60).map { "key-\($0)" }

  private func fill(_ cluster: SharedCluster) throws {
    for (index, key) in keys.enumerated() {
      let response = try cluster.send(
        .put, "/kv/\(key)", Array(key.utf8), to: index % cluster.gateways.count)
      try #require(response.status == 201)
    }
  }

  /// Every key is there, at one node, by whichever gateway it is asked for.
  private func check(_ cluster: SharedCluster) throws {
    for gateway in cluster.gateways.indices {
      for key in keys {
        #expect(try cluster.send(.get, "/kv/\(key)", to: gateway).body == Array(key.utf8))
      }
    }
    let sizes = cluster.shared.state.map.members.map {
      cluster.launcher.runtime($0)?.nodeInfo.size ?? 0
    }
    #expect(sizes.reduce(0, +) == UInt64(keys.count))
  }

  @Test("any gateway routes and tells how the cluster is")
  func anyGatewayServes() throws {
    let cluster = try SharedCluster(3)
    cluster.settle(1)
    try fill(cluster)
    for gateway in cluster.gateways {
      cluster.loop.run(until: "it says that the cluster serves") {
        ClusterSummary.info(of: gateway.coordinator).status.isServing
      }
    }
    for gateway in 0..<3 {
      #expect(try cluster.send(.get, "/node_info", to: gateway).status == 200)
    }
    _ = try cluster.leading.addNodes(2, reason: "the test")
    cluster.settle(3)
    try check(cluster)
    let rings = try (0..<3).map { try cluster.send(.get, "/ring", to: $0).body }
    #expect(Set(rings).count == 1)
    let metrics = try (0..<3).map {
      String(decoding: try cluster.send(.get, "/metrics", to: $0).body, as: UTF8.self)
    }
    #expect(metrics.count { $0.contains("\nscaled_storage_gateway_leads 1\n") } == 1)
    #expect(metrics.allSatisfy { $0.contains("\nscaled_storage_gateway_knows_leader 1\n") })
    cluster.shared.elect(nil)
    let leaderless = try (0..<3).map {
      String(decoding: try cluster.send(.get, "/metrics", to: $0).body, as: UTF8.self)
    }
    #expect(leaderless.allSatisfy { $0.contains("\nscaled_storage_gateway_knows_leader 0\n") })
  }

  @Test("what changes the cluster is passed on to the gateway that leads")
  func controlIsPassedOn() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    let refused = try cluster.send(
      .post, "/scale", Array("(record { action = variant { Up } })".utf8),
      headers: [("content-type", "text/candid")], to: 1)
    #expect(refused.status == 401)
    let up = try cluster.control("scale", "(record { action = variant { Up } })", to: 1)
    #expect(up.status == 200, "\(String(decoding: up.body, as: UTF8.self))")
    cluster.settle(2)
    let wrong = try cluster.control("scale", "(record { action = variant { Sideways } })", to: 1)
    #expect(wrong.status == 400)
    let method = try cluster.send(
      .get, "/scale", headers: [("authorization", cluster.launcher.credential.headerValue)], to: 1)
    #expect(method.status == 405)
    #expect(method.header("allow") == "POST")
  }

  @Test("without a gateway that leads, keys are served, and changes refused for now")
  func nobodyLeads() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    try fill(cluster)
    cluster.shared.elect(nil)
    for gateway in 0..<2 {
      let answer = try cluster.control(
        "scale", "(record { action = variant { Up } })", to: gateway)
      #expect(answer.status == 503)
      #expect(answer.header("ss-error") == "no_leader")
      #expect(answer.header("retry-after") != nil)
    }
    try check(cluster)
    cluster.shared.elect(cluster.gateways[1].log)
    let up = try cluster.control("scale", "(record { action = variant { Up } })", to: 0)
    #expect(up.status == 200)
    cluster.settle(2)
    try check(cluster)
  }

  @Test(
    "another gateway goes on with the change that the one of before had begun",
    arguments: [
      "launching", "initialising", "preparing", "copying", "fencing", "deciding", "flipping",
      "settling",
    ], [false, true])
  func leadMovesAmidAChange(step: String, isPaused: Bool) throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    try fill(cluster)
    let first = cluster.gateways[0]
    _ = try first.coordinator.addNodes(2, reason: "the test")
    var isThere = false
    cluster.loop.run(until: "the step \(step), or the end") {
      let change = first.coordinator.machine.changeStatus
      isThere = isThere || change == nil || change?.step == step
      return isThere
    }
    // One that is paused does not know that it has lost the lead, and goes on for a while.
    first.log.isPaused = isPaused
    cluster.shared.elect(cluster.gateways[1].log)
    let second = cluster.gateways[1].coordinator
    cluster.loop.run(until: "the change is over") {
      second.machine.isSettled && second.machine.state.departed.isEmpty
    }
    first.log.isPaused = false
    cluster.loop.run(until: "both gateways agree") {
      first.coordinator.machine.isSettled
        && first.coordinator.machine.state == second.machine.state
    }
    #expect(!first.coordinator.isLeading)
    #expect([1, 3].contains(second.map.members.count))
    #expect(cluster.launcher.nodes == Set(second.map.members))
    try check(cluster)
    // And the cluster can be changed as before, once nodes are done with this.
    let members = second.map.members.count
    var isBegun = false
    cluster.loop.run(until: "the next change begins") {
      isBegun = isBegun || (try? second.addNodes(1, reason: "the test")) != nil
      return isBegun
    }
    cluster.settle(members + 1)
    try check(cluster)
  }

  @Test("a gateway that does not know that it has lost the lead decides nothing")
  func pausedLeaderDecidesNothing() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    try fill(cluster)
    let first = cluster.gateways[0]
    first.log.isPaused = true
    cluster.shared.elect(cluster.gateways[1].log)
    _ = try first.coordinator.addNodes(1, reason: "the test")
    cluster.loop.run(until: "its plan is refused") { first.log.refused > 0 }
    #expect(cluster.shared.state.change == nil)
    #expect(cluster.launcher.nodes.count == 1)
    first.log.isPaused = false
    #expect(!first.coordinator.isLeading)
    cluster.settle(1)
    try check(cluster)
  }

  @Test("an order is not said to be taken, nor to be repeatable, before it is known to be durable")
  func orderIsDurable() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    let first = cluster.gateways[0]
    first.log.isPaused = true
    var answer: Result<ClientResponse, TransportError>?
    let order = cluster.order("scale", "(record { action = variant { Up } })")
    cluster.client.send(order, to: first.address, deadline: .seconds(20)) { answer = $0 }
    cluster.loop.run(until: "the order has come") { first.coordinator.machine.state.change != nil }
    #expect(answer == nil)
    cluster.shared.elect(cluster.gateways[1].log)
    first.log.isPaused = false
    cluster.loop.run(until: "an answer") { answer != nil }
    let told = try #require(answer).get()
    #expect(told.status == 504 && told.header("ss-error") == "outcome_unknown")
    #expect(told.header("retry-after") == nil)
  }

  @Test("every gateway knows the cluster's module, also one that leads later")
  func modulesAreShared() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    let bytes = TestModule.marked("shared").bytes
    let args = WasmInitArgs(position: 2, chunk: bytes, offset: 0, sha256: SHA256.digest(bytes))
    let upload = try cluster.send(
      .post, "/init_wasm", CandidArguments.encode(args),
      headers: [
        ("content-type", "application/candid"),
        ("authorization", cluster.launcher.credential.headerValue),
      ], to: 1)
    #expect(upload.status == 200, "\(String(decoding: upload.body, as: UTF8.self))")
    for gateway in cluster.gateways {
      cluster.loop.run(until: "the gateway knows the module") {
        gateway.coordinator.moduleMethod(named: "mark") != nil
      }
    }
    cluster.shared.elect(cluster.gateways[1].log)
    cluster.settle(1)
    _ = try cluster.gateways[1].coordinator.addNodes(1, reason: "the test")
    cluster.settle(2)
    for gateway in 0..<2 {
      for key in keys.prefix(10) {
        let reply = try cluster.send(
          .post, "/mark", Array("(\"\(key)\")".utf8), headers: [("content-type", "text/candid")],
          to: gateway)
        #expect(String(decoding: reply.body, as: UTF8.self).contains("shared"))
      }
    }
  }

  @Test("a module whose gateway loses the lead on the way is not said to be installed")
  func moduleAmidAnElection() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    let bytes = TestModule.marked("late").bytes
    var answer: Result<Void, Problem>?
    cluster.gateways[0].coordinator.install(Module(bytes), force: false) { answer = $0 }
    cluster.shared.elect(cluster.gateways[1].log)
    cluster.loop.run(until: "an answer") { answer != nil }
    #expect(throws: Problem.noLeader) { try answer?.get() }
    #expect(cluster.shared.state.moduleDigest == nil)
  }

  @Test("a gateway that stops in order lets another one lead")
  func orderlyStop() throws {
    let cluster = try SharedCluster(2)
    cluster.settle(1)
    try fill(cluster)
    var hasEnded = false
    cluster.gateways[0].coordinator.detach(within: .seconds(5)) { hasEnded = true }
    cluster.loop.run(until: "the gateway has ended") { hasEnded }
    #expect(cluster.shared.leader == nil)
    cluster.shared.elect(cluster.gateways[1].log)
    cluster.loop.run(until: "the other one leads") {
      cluster.gateways[1].coordinator.machine.isSettled
    }
    _ = try cluster.gateways[1].coordinator.addNodes(1, reason: "the test")
    cluster.loop.run(until: "two members") {
      cluster.gateways[1].coordinator.machine.isSettled
        && cluster.gateways[1].coordinator.map.members.count == 2
    }
  }
}
