import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import Gateway

@Suite("Nodes on instances that others run", .timeLimit(.minutes(2)))
struct InstancePoolTests {
  private let keys = (0..<60).map { "key-\($0)" }

  private func fill(_ cluster: PooledCluster) throws {
    for key in keys { #expect(try cluster.put(key, "value of \(key)") == 201) }
  }

  private func expectAll(_ cluster: PooledCluster) throws {
    for key in keys { #expect(try cluster.get(key) == "value of \(key)") }
  }

  @Test("Blank instances become nodes in the order of the list, and are blank again after that")
  func growAndShrink() throws {
    let cluster = try PooledCluster(3)
    cluster.settle(1)
    #expect(cluster.instances.map(\.node) == [.canister(number: 1), nil, nil])
    try fill(cluster)
    try cluster.coordinator.addNodes(2, reason: "the test")
    cluster.settle(3)
    #expect(cluster.instances.allSatisfy { $0.node != nil })
    try expectAll(cluster)

    try cluster.coordinator.removeNodes([.canister(number: 1)], reason: "the test")
    cluster.settle(2)
    cluster.loop.run(until: "the first instance is blank") {
      cluster.instances[0].isRunning && cluster.instances[0].node == nil
    }
    #expect(cluster.instances[0].retirements == 1)
    cluster.loop.run(until: "the node is forgotten") {
      cluster.coordinator.machine.state.departed.isEmpty
    }
    try expectAll(cluster)

    let joined = try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(3)
    #expect(joined == [.canister(number: 4)])
    #expect(cluster.instances[0].node == .canister(number: 4))
    try expectAll(cluster)
  }

  @Test("A node that ends is found again when its instance comes back")
  func instanceRestarts() throws {
    let cluster = try PooledCluster(3)
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(2)
    try fill(cluster)
    let second = try #require(cluster.instance(of: .canister(number: 2)))
    second.crash()
    cluster.loop.run(until: "the node is missed") {
      cluster.coordinator.reports[.canister(number: 2)] == nil
    }
    try second.start()
    cluster.settle(2)
    try expectAll(cluster)
    #expect(cluster.instances[2].node == nil)
  }

  @Test("A gateway that starts again finds its nodes wherever the list names them")
  func gatewayRestarts() throws {
    var cluster = try PooledCluster(4)
    cluster.settle(1)
    try cluster.coordinator.addNodes(2, reason: "the test")
    cluster.settle(3)
    try fill(cluster)
    cluster = try cluster.successor(
      names: cluster.instances.reversed().map(\.address.description))
    cluster.settle(3)
    try expectAll(cluster)
    #expect(cluster.instances[3].node == nil)
  }

  @Test("A member whose instance came back without its data is not begun anew elsewhere")
  func lostData() throws {
    let cluster = try PooledCluster(3)
    cluster.settle(1)
    try fill(cluster)
    let first = cluster.instances[0]
    first.crash()
    first.loseData()
    try first.start()
    cluster.loop.run(until: "the node counts as stopped") {
      cluster.coordinator.machine.nodes[.canister(number: 1)]?.address == nil
    }
    // As many looks as it takes to be tempted.
    var looks = 0
    cluster.loop.run(until: "some looks later") {
      looks += 1
      return looks > 200
    }
    #expect(cluster.instances.allSatisfy { $0.node == nil })
    #expect(!cluster.coordinator.machine.isSettled)
  }

  @Test("Instances of another cluster are left alone")
  func strangers() throws {
    let credential = Credential.random()
    let other = try PooledCluster(1, credential: credential)
    other.settle(1)
    try fill(other)
    let stranger = other.instances[0]
    let cluster = try PooledCluster(
      0,
      instances: [stranger, try PooledCluster.Instance(loop: other.loop, credential: credential)],
      loop: other.loop, credential: credential)
    // Both clusters number their nodes from one.
    cluster.settle(1)
    #expect(cluster.instances[1].node == .canister(number: 1))
    #expect(stranger.retirements == 0)
    try expectAll(other)
    #expect(try cluster.get(keys[0]) != "value of \(keys[0])")
  }

  @Test("Without a blank instance nobody joins, and the cluster goes on")
  func noRoom() throws {
    let cluster = try PooledCluster(1)
    cluster.settle(1)
    try fill(cluster)
    try cluster.coordinator.addNodes(1, reason: "the test")
    try expectAll(cluster)
    try cluster.coordinator.cancelChange()
    cluster.settle(1)
    cluster.loop.run(until: "the node that never was is forgotten") {
      cluster.coordinator.machine.state.departed.isEmpty
    }
    #expect(cluster.instances[0].retirements == 0)
    try expectAll(cluster)
  }

  @Test("A join that is given up leaves its instance blank")
  func givenUp() throws {
    let cluster = try PooledCluster(2)
    cluster.settle(1)
    try fill(cluster)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.loop.run(until: "the instance is taken") {
      cluster.instances[1].node != nil || cluster.coordinator.machine.state.change == nil
    }
    if (try? cluster.coordinator.cancelChange()) != nil {
      cluster.loop.run(until: "the instance is blank again") {
        cluster.instances[1].retirements == 1 && cluster.instances[1].node == nil
      }
      try cluster.coordinator.addNodes(1, reason: "the test")
    }
    cluster.settle(2)
    try expectAll(cluster)
  }

  @Test("One process that the list names twice is one instance")
  func aliases() throws {
    var cluster = try PooledCluster(2)
    let names = cluster.instances.map(\.address).flatMap {
      ["localhost:\($0.port)", $0.description]
    }
    cluster = try cluster.successor(names: names)
    cluster.settle(1)
    try fill(cluster)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(2)
    cluster = try cluster.successor(names: names)
    cluster.settle(2)
    try expectAll(cluster)
  }

  @Test("A join that the gateway's end interrupts is taken up only where it was begun")
  func resumedJoin() throws {
    var cluster = try PooledCluster(3)
    cluster.settle(1)
    try fill(cluster)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.loop.run(until: "the instance is claimed") {
      cluster.instances[1].node != nil || cluster.coordinator.machine.state.change == nil
    }
    // The instance that was claimed is not on the list any more.
    let names = [0, 2].map { cluster.instances[$0].address.description }
    let isUndecided = cluster.coordinator.machine.state.change?.isDecided == false
    cluster = try cluster.successor(names: names)
    guard isUndecided else { return }
    cluster.loop.run(until: "nobody else is taken for it") {
      cluster.coordinator.machine.nodes[.canister(number: 2)] != nil
        || cluster.coordinator.machine.state.change == nil
    }
    var looks = 0
    cluster.loop.run(until: "some looks later") {
      looks += 1
      return looks > 100
    }
    #expect(cluster.instances[2].node == nil)
    try expectAll(cluster)
  }

  @Test("A node is retired only by a map of its cluster that is no older and has it not")
  func retirementIsChecked() throws {
    let cluster = try PooledCluster(2)
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "the test")
    let before = cluster.coordinator.map
    cluster.settle(2)
    let node = Principal.canister(number: 2)
    let address = try #require(cluster.coordinator.map.addresses[node])
    var results: [Result<Void, ClusterError>] = []
    // A member; by a map from before it joined; by another cluster's.
    cluster.coordinator.retire(node, at: address) { results.append($0) }
    cluster.coordinator.peers.retire(node, map: before, at: address) {
      results.append($0)
    }
    let stranger = try CoordinatorState.fresh(hashKey: .random(), capacity: 8, firstNode: 1).map
    cluster.coordinator.peers.retire(node, map: stranger, at: address) {
      results.append($0)
    }
    cluster.loop.run(until: "all answered") { results.count == 3 }
    let messages = results.map { result in
      if case .failure(let error) = result { error.message } else { "" }
    }
    #expect(messages[0].contains("is a member of the ring"))
    #expect(messages[1].contains("older than that of"))
    #expect(messages[2].contains("another cluster"))
    #expect(cluster.instances.allSatisfy { $0.retirements == 0 })
  }
}
