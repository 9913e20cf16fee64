import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

/// What is kept of the decisions about the number of nodes.
@Suite(.timeLimit(.minutes(2)))
struct DecisionTests {
  private func fill(_ cluster: InProcessCluster, _ count: Int) throws {
    for key in 0..<count {
      #expect(try cluster.send(.put, "/kv/key-\(key)", [1]).status < 300)
    }
  }

  private func kinds(_ cluster: InProcessCluster) -> [DecisionLog.Kind: UInt64] {
    cluster.coordinator.decisions.totals
  }

  @Test("The scaler's growth is kept with its reason, its nodes and its end")
  func growth() throws {
    var policy = ScalePolicy.threshold(keys: 40)
    policy.maximumNodes = 2
    policy.scaleDownAt = nil
    let cluster = try InProcessCluster(policy: policy)
    cluster.settle(1)
    try fill(cluster, 60)
    cluster.settle(2)
    cluster.loop.run(until: "the end is known") { cluster.coordinator.decisions.underWay == nil }
    let entry = try #require(cluster.coordinator.decisions.entries.first)
    #expect(entry.number == 1 && entry.origin == .scaler && entry.action == .grow)
    #expect(entry.outcome == .done && entry.count == 1 && entry.nodes.count == 1)
    #expect(entry.reason.contains("holds") && entry.detail == nil)
    #expect(entry.epoch == cluster.coordinator.map.ring.epoch)
    #expect(try #require(entry.endedAt) >= entry.time)
    #expect(
      kinds(cluster) == [DecisionLog.Kind(origin: .scaler, action: .grow, outcome: .done): 1])
  }

  @Test("A scaler that is held by the most nodes says so once")
  func limit() throws {
    var policy = ScalePolicy.threshold(keys: 10)
    policy.maximumNodes = 1
    let cluster = try InProcessCluster(policy: policy)
    cluster.settle(1)
    try fill(cluster, 30)
    cluster.loop.run(until: "the scaler is held") { cluster.coordinator.scaler.isAtLimit }
    let entry = try #require(cluster.coordinator.decisions.entries.last)
    #expect(entry.outcome == .refused && entry.reason.contains("1 nodes are the most"))
    try fill(cluster, 40)
    cluster.loop.run(until: "the scaler has heard of more keys") {
      cluster.coordinator.machine.plan().keys == 40
    }
    #expect(cluster.coordinator.decisions.entries.count == 1)
  }

  @Test("A dry run is kept as one")
  func dryRun() throws {
    let cluster = try InProcessCluster(policy: .threshold(keys: 10), isDryRun: true)
    cluster.settle(1)
    try fill(cluster, 30)
    cluster.loop.run(until: "the scaler would grow") {
      cluster.coordinator.decisions.entries.last?.outcome == .dryRun
    }
    #expect(cluster.coordinator.machine.state.change == nil)
  }

  @Test("What operators order is kept: refused and cancelled")
  func operators() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    #expect(throws: ClusterError.self) {
      try cluster.coordinator.addNodes(100, reason: "asked for by hand")
    }
    try cluster.coordinator.addNodes(1, reason: "asked for by hand")
    #expect(cluster.coordinator.decisions.underWay?.nodes.count == 1)
    try cluster.coordinator.cancelChange()
    cluster.settle(1)
    let entries = cluster.coordinator.decisions.entries
    #expect(entries.map(\.outcome) == [.refused, .cancelled])
    #expect(entries[0].detail?.contains("--max-nodes") == true)
    #expect(entries[1].detail == "an operator cancelled it")
    #expect(entries.allSatisfy { $0.origin == .operator })
  }

  @Test("Only the latest are kept, and the totals count all")
  func bound() {
    var log = DecisionLog()
    for number in 0..<600 {
      _ = log.add(
        .grow, by: .operator, count: 1, reason: "reason \(number)", outcome: .refused, now: 1)
    }
    #expect(log.entries.count == DecisionLog.capacity)
    #expect(log.entries.first?.number == 345 && log.entries.last?.number == 600)
    #expect(
      log.totals == [DecisionLog.Kind(origin: .operator, action: .grow, outcome: .refused): 600])
    #expect(log.revision == 600 && log.underWay == nil)
    #expect(log.end(.done, now: 2) == nil)
  }
}
