import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import Gateway

/// `rolling_restart` of a gateway whose nodes are on the test's loop.
@Suite(.timeLimit(.minutes(2)))
struct RollingRestartTests {
  private func ask(
    _ cluster: InProcessCluster, _ action: String, nodes: [String] = []
  ) throws -> ClientResponse {
    let list = nodes.map { "\"\($0)\"" }.joined(separator: "; ")
    let fields =
      "action = variant { \(action) }" + (nodes.isEmpty ? "" : "; nodes = opt vec { \(list) }")
    return try cluster.send(
      .post, "/rolling_restart", Array("(record { \(fields) })".utf8),
      headers: [
        ("accept", "application/candid"),
        ("authorization", cluster.launcher.credential.headerValue),
      ])
  }

  private func status(_ response: ClientResponse) throws -> RollingRestartStatus {
    try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    return try CandidArguments.decode(response.body, as: RollingRestartStatus.self)
  }

  private func cluster(of count: Int) throws -> InProcessCluster {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    if count > 1 {
      try cluster.coordinator.addNodes(count - 1, reason: "test")
      cluster.settle(count)
    }
    return cluster
  }

  @Test("Every node starts again, in turn, and the decision log tells of it")
  func all() throws {
    let cluster = try cluster(of: 3)
    #expect(try status(ask(cluster, "Status")).nodes.isEmpty)
    let launches = cluster.launcher.launches
    let begun = try status(ask(cluster, "Start"))
    #expect(begun.isUnderWay && begun.nodes.count == 3)
    #expect(try ask(cluster, "Start").status == 409)
    let refused = cluster.coordinator.decisions.entries.last
    #expect(refused?.outcome == .refused && refused?.action == .restart)
    cluster.loop.run(until: "all have started again") { !cluster.coordinator.machine.isRestarting }
    #expect(cluster.launcher.launches == launches + 3)
    let done = try status(ask(cluster, "Status"))
    #expect(done.outcome == "done" && done.nodes.allSatisfy { $0.state == "restarted" })
    let totals = cluster.coordinator.decisions.totals
    #expect(totals[.init(origin: .operator, action: .restart, outcome: .done)] == 1)
    #expect(cluster.coordinator.decisions.underWay == nil)
  }

  @Test("Nodes are restarted in the order in which they are named")
  func order() throws {
    let cluster = try cluster(of: 3)
    let named = try status(ask(cluster, "Start", nodes: ["3", "1"]))
    #expect(named.nodes.map(\.node) == [.canister(number: 3), .canister(number: 1)])
    cluster.loop.run(until: "both have started again") { !cluster.coordinator.machine.isRestarting }
    #expect(try ask(cluster, "Start", nodes: ["9"]).status == 404)
    #expect(try ask(cluster, "Cancel").status == 409)
  }

  @Test("A gateway that starts amid it goes on with it")
  func anotherGateway() throws {
    let first = try cluster(of: 3)
    _ = try status(ask(first, "Start"))
    first.loop.run(until: "the first node's turn is stored") {
      let machine = first.coordinator.machine
      return machine.state.restarts?.incarnation != nil
        && machine.durableSequence == machine.lastSequence
    }
    first.abandonGateway()
    let next = try InProcessCluster(store: first.store, launcher: first.launcher)
    next.loop.run(until: "it is done") { next.coordinator.machine.state.restarts?.outcome == .done }
    #expect(next.coordinator.machine.state.restarts?.failure == nil)
    #expect(next.coordinator.decisions.entries.contains { $0.origin == .earlier })
  }

  @Test("A node that does not start any more ends it, and the status tells why")
  func failure() throws {
    let cluster = try cluster(of: 2)
    cluster.launcher.failures = 5
    _ = try status(ask(cluster, "Start"))
    cluster.loop.run(until: "it is given up") { !cluster.coordinator.machine.isRestarting }
    let given = try status(ask(cluster, "Status"))
    #expect(given.outcome == "failed")
    #expect(given.failure?.contains("does not start any more: the test lets it fail") == true)
    #expect(given.nodes.map(\.state) == ["waiting", "waiting"])
    cluster.settle(2)
  }
}
