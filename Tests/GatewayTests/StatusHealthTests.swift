import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Testing

@testable import Gateway

/// What `/status` tells of leaders, rolling restarts, modules, fences, and instances.
@Suite(.timeLimit(.minutes(2)))
struct StatusHealthTests {
  private func cluster(of count: Int) throws -> InProcessCluster {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    if count > 1 {
      try cluster.coordinator.addNodes(count - 1, reason: "test")
      cluster.settle(count)
    }
    return cluster
  }

  /// A part of the status as it is at this moment.
  private func part(_ name: String, of coordinator: Coordinator) throws -> String {
    let parts = StatusParts(coordinator, lastKnown: coordinator.reports, leaderless: nil)
    let part = try #require(parts.others.first { "\($0.name)" == name })
    return String(decoding: part.json, as: UTF8.self)
  }

  private func health(_ coordinator: Coordinator, leaderless: Duration? = nil) -> ClusterHealth {
    ClusterHealth(coordinator, leaderless: leaderless)
  }

  // MARK: - Who leads

  @Test("Each of several gateways tells which one leads, and one alone that nobody else may")
  func leader() throws {
    let shared = try SharedCluster(2)
    shared.settle(1)
    let leads = try part("cluster", of: shared.gateways[0].coordinator)
    #expect(leads.contains("\"shared\":true,\"leads\":true,\"leader\":null"))
    let follows = try part("cluster", of: shared.gateways[1].coordinator)
    let leader = shared.gateways[0].address.description
    #expect(follows.contains("\"shared\":true,\"leads\":false,\"leader\":\"\(leader)\""))
    let alone = try part("cluster", of: try cluster(of: 1).coordinator)
    #expect(alone.contains("\"shared\":false,\"leads\":true,\"leader\":null"))
  }

  @Test("That nobody leads is a change for as long as a lead takes to pass on, and then a fault")
  func leaderless() throws {
    let shared = try SharedCluster(2)
    shared.settle(1)
    let follower = shared.gateways[1]
    shared.loop.run(until: "the follower has heard of the node") {
      follower.coordinator.reports.count == 1
    }
    follower.server.board.look()
    #expect(health(follower.coordinator).state == .healthy)
    shared.shared.elect(nil)
    let soon = health(follower.coordinator, leaderless: .seconds(5))
    #expect(soon.state == .changing)
    #expect(soon.reason == "no gateway leads at this moment; keys are served as before")
    let late = health(follower.coordinator, leaderless: .seconds(42))
    #expect(late.state == .degraded && late.reason.hasPrefix("no gateway has led for 42 s, so "))
    follower.server.board.look()
    let told = try shared.send(.get, "/status", to: 1).body
    #expect(String(decoding: told, as: UTF8.self).contains("no gateway leads at this moment"))
    shared.shared.elect(follower.log)
    follower.server.board.look()
    shared.loop.run(until: "the node answers the new leader") {
      follower.coordinator.machine.isSettled
    }
    let again = try shared.send(.get, "/status", to: 1).body
    #expect(!String(decoding: again, as: UTF8.self).contains("no gateway leads"))
  }

  @Test("A gateway that etcd does not answer says that others may know better")
  func silence() throws {
    let shared = try SharedCluster(2)
    shared.settle(1)
    let follower = shared.gateways[1]
    shared.loop.run(until: "the follower has heard of the node") {
      follower.coordinator.reports.count == 1
    }
    follower.log.silence = .seconds(9)
    #expect(health(follower.coordinator).notice == nil)
    follower.log.silence = .seconds(17)
    let cut = health(follower.coordinator)
    #expect(cut.state == .healthy)
    #expect(cut.notice?.hasPrefix("etcd has not answered this gateway for 17 s: ") == true)
  }

  // MARK: - A rolling restart

  @Test("A rolling restart is told with who had a turn, and the node whose turn it is is no fault")
  func restarts() throws {
    let cluster = try cluster(of: 3)
    let coordinator = cluster.coordinator
    #expect(try part("restarts", of: coordinator) == "null")
    let members = coordinator.map.members
    try coordinator.machine.beginRestarts(of: members, now: coordinator.now)
    coordinator.scheduleAdvance()
    #expect(
      health(coordinator).reason == "nodes are being started again one at a time: 0 of 3 done")
    cluster.loop.run(until: "the second has its turn, and is away") {
      let machine = coordinator.machine
      return machine.state.restarts?.current == members[1]
        && machine.state.restarts?.incarnation != nil && coordinator.reports[members[1]] == nil
        && machine.nodes[members[1]]?.address == nil
    }
    let midst = health(coordinator)
    #expect(midst.state == .changing)
    #expect(
      midst.reason
        == "nodes are being started again one at a time: 1 of 3 done, node 2 is starting")
    let told = try part("restarts", of: coordinator)
    #expect(told.hasPrefix("{\"under_way\":true,\"outcome\":null,\"nodes\":[\""))
    #expect(told.contains("\"done\":1,\"current\":\"\(members[1].text)\",\"failure\":null"))
    cluster.loop.run(until: "it is over") { !coordinator.machine.isRestarting }
    #expect(try part("restarts", of: coordinator).contains("\"outcome\":\"done\""))
    cluster.settle(3)
    #expect(health(coordinator).state == .healthy && health(coordinator).notice == nil)
  }

  @Test("A rolling restart that was given up is no fault, and stays to be read")
  func failedRestarts() throws {
    let cluster = try cluster(of: 2)
    let coordinator = cluster.coordinator
    cluster.launcher.failures = 5
    try coordinator.machine.beginRestarts(of: coordinator.map.members, now: coordinator.now)
    coordinator.scheduleAdvance()
    cluster.loop.run(until: "it is given up") { !coordinator.machine.isRestarting }
    cluster.settle(2)
    #expect(health(coordinator).state == .healthy)
    let notice = try #require(health(coordinator).notice)
    #expect(notice.hasPrefix("the last rolling restart was given up: "))
    #expect(try part("restarts", of: coordinator).contains("\"outcome\":\"failed\""))
  }

  // MARK: - Nodes that do not serve

  @Test("Fenced nodes are told apart from those that have other problems")
  func fences() throws {
    let cluster = try cluster(of: 3)
    let coordinator = cluster.coordinator
    let members = coordinator.map.members
    coordinator.reports[members[1]]?.status = .fenced("etcd is silent")
    #expect(
      health(coordinator).reason
        == "node 2 has stopped serving, since etcd does not confirm its identity; its keys, 33% "
        + "of all, cannot be reached")
    let parts = StatusParts(coordinator, lastKnown: coordinator.reports, leaderless: nil)
    let told = parts.nodes.map { String(decoding: $0.json, as: UTF8.self) }
    #expect(told.map { $0.contains("\"fenced\":true") } == [false, true, false])
    #expect(told[1].contains("\"problem\":\"fenced: etcd is silent\""))
    for node in members { coordinator.reports[node]?.status = .fenced("etcd is silent") }
    #expect(
      health(coordinator).reason
        == "nodes 1, 2, 3 have stopped serving, since etcd does not confirm their identity; no "
        + "key can be reached")
    coordinator.reports[members[1]]?.status = .error(.initialize("no space"))
    #expect(health(coordinator).reason.hasPrefix("3 of 3 nodes do not serve: nodes 1, 2, 3; "))
  }

  // MARK: - The module

  @Test("A module on its way is told with the nodes that lack it")
  func module() throws {
    let cluster = try cluster(of: 3)
    let coordinator = cluster.coordinator
    #expect(try part("module", of: coordinator) == "null")
    try coordinator.machine.installModule([UInt8](repeating: 0xAB, count: 32))
    let told = try part("module", of: coordinator)
    let digest = String(repeating: "ab", count: 32)
    #expect(told.hasPrefix("{\"sha256\":\"\(digest)\",\"previous\":null,\"rolling\":true,"))
    for node in coordinator.map.members { #expect(told.contains(node.text)) }
    #expect(told.hasSuffix("\"halt\":null}"))
    #expect(
      health(coordinator).reason == "a module is being brought to the nodes: 0 of 3 have it")
  }

  // MARK: - Instances of others

  @Test("Of a pool's instances, those are named that hold no node")
  func instances() throws {
    let cluster = try PooledCluster(4)
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    cluster.instances[3].crash()
    cluster.loop.run(until: "the crash is seen") { cluster.pool.instances?.silent.count == 1 }
    let told = try part("instances", of: cluster.coordinator)
    let addresses = cluster.instances.map(\.address.description)
    #expect(told.hasPrefix("{\"total\":4,\"holding\":2,"))
    #expect(told.contains("\"blank\":{\"count\":1,\"names\":[\"\(addresses[2])\"]}"))
    #expect(told.contains("\"silent\":{\"count\":1,\"names\":[\"\(addresses[3]): "))
    #expect(told.hasSuffix("\"foreign\":{\"count\":0,\"names\":[]}}"))
    let processes = try InProcessCluster()
    #expect(try part("instances", of: processes.coordinator) == "null")
  }
}
