import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

@Suite("Nodes on instances that come and go as they are needed", .timeLimit(.minutes(2)))
struct ElasticPoolTests {
  /// Lists the first so many of the instances, as a StatefulSet does.
  private final class Source: InstanceSource {
    private(set) var listings: [InstanceListing] = []
    var onChange: () -> Void = {}
    let isElastic = true
    let launchTimeout = Duration.seconds(60)
    /// Whether it follows what is needed.
    var follows = true
    private(set) var restarted: [String] = []
    private let loop: EventLoop
    private let authorities: [String]

    init(_ authorities: [String], loop: EventLoop) {
      self.authorities = authorities
      self.loop = loop
      listings = list(1)
    }

    private func list(_ count: Int) -> [InstanceListing] {
      authorities.prefix(count).enumerated().map {
        InstanceListing(name: "pod-\($0.offset)", authority: $0.element)
      }
    }

    func start() {}
    func stop() {}

    func need(_ needs: InstanceNeeds) {
      guard follows else { return }
      let last = needs.occupied.compactMap { Int($0.dropFirst(4)) }.max() ?? -1
      let wanted = max(1, last + 1, needs.occupied.count + needs.searching)
      if wanted > listings.count || wanted < listings.count && needs.isSettled { show(wanted) }
    }

    func show(_ count: Int) { show(list(count)) }

    func show(_ others: [InstanceListing]) {
      loop.schedule(after: .zero) { [self] in
        listings = others
        onChange()
      }
    }

    func restart(
      _ name: String, _ completion: @escaping (Result<Void, ClusterError>) -> Void
    ) {
      restarted.append(name)
      loop.schedule(after: .zero) { completion(.success(())) }
    }
  }

  /// A cluster of one node, and the source of its instances.
  private func begin(_ count: Int) throws -> (PooledCluster, Source) {
    let loop = try EventLoop()
    let credential = Credential.random()
    let instances = try (0..<count).map { _ in
      try PooledCluster.Instance(loop: loop, credential: credential)
    }
    let source = Source(instances.map(\.address.description), loop: loop)
    let cluster = try PooledCluster(
      0, instances: instances, loop: loop, credential: credential, source: source)
    cluster.settle(1)
    return (cluster, source)
  }

  private let keys = (0..<40).map { "key-\($0)" }

  private func fill(_ cluster: PooledCluster) throws {
    for key in keys { #expect(try cluster.put(key, "value of \(key)") == 201) }
  }

  private func expectAll(_ cluster: PooledCluster) throws {
    for key in keys { #expect(try cluster.get(key) == "value of \(key)") }
  }

  @Test("They come with the nodes and go from the end, where the last of them is left first")
  func growAndShrink() throws {
    let (cluster, source) = try begin(4)
    try fill(cluster)
    try cluster.coordinator.addNodes(3, reason: "the test")
    cluster.settle(4)
    #expect(source.listings.count == 4)
    try expectAll(cluster)
    let members = cluster.coordinator.map.members
    let order = cluster.pool.leavingOrder(of: members)
    #expect(order == cluster.instances.reversed().compactMap(\.node))
    try cluster.coordinator.removeNodes(Array(order.prefix(2)), reason: "the test")
    cluster.settle(2)
    cluster.loop.run(until: "two instances are listed") { source.listings.count == 2 }
    #expect(cluster.instances.map { $0.node != nil } == [true, true, false, false])
    try expectAll(cluster)
  }

  @Test("None goes before the last that holds a node; the first blank one is taken next")
  func gap() throws {
    let (cluster, source) = try begin(3)
    try fill(cluster)
    try cluster.coordinator.addNodes(2, reason: "the test")
    cluster.settle(3)
    let second = try #require(cluster.instances[1].node)
    try cluster.coordinator.removeNodes([second], reason: "the test")
    cluster.settle(2)
    cluster.loop.run(until: "its instance is blank") {
      cluster.instances[1].isRunning && cluster.instances[1].node == nil
        && cluster.coordinator.machine.state.departed.isEmpty
    }
    #expect(source.listings.count == 3)
    let joined = try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(3)
    #expect(cluster.instances[1].node == joined.first)
    #expect(source.listings.count == 3)
    try expectAll(cluster)
  }

  @Test("An instance that goes takes its node along, and is found again when it comes back")
  func comesBack() throws {
    let (cluster, source) = try begin(2)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(2)
    try fill(cluster)
    source.follows = false
    cluster.instances[1].crash()
    source.show(1)
    cluster.loop.run(until: "the node is missed") {
      cluster.coordinator.reports[.canister(number: 2)] == nil
    }
    try cluster.instances[1].start()
    source.follows = true
    cluster.settle(2)
    cluster.loop.run(until: "it is listed again") { source.listings.count == 2 }
    try expectAll(cluster)
  }

  @Test("An instance that is about to end is not taken")
  func leaving() throws {
    let (cluster, source) = try begin(3)
    source.follows = false
    var listings = [0, 1, 2].map {
      InstanceListing(
        name: "pod-\($0)", authority: cluster.instances[$0].address.description,
        isLeaving: $0 == 1)
    }
    source.show(listings)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(2)
    #expect(cluster.instances.map { $0.node != nil } == [true, false, true])
    listings[1].isLeaving = false
    source.show(listings)
    try cluster.coordinator.addNodes(1, reason: "the test")
    cluster.settle(3)
    #expect(cluster.instances[1].node != nil)
  }

  @Test("A restart is the source's, by the instance's name")
  func restart() throws {
    let (cluster, source) = try begin(1)
    var results: [Bool] = []
    for node in [Principal.canister(number: 1), .canister(number: 9)] {
      cluster.pool.restart(node) { result in
        if case .success = result { results.append(true) } else { results.append(false) }
      }
    }
    cluster.loop.run(until: "both are answered") { results.count == 2 }
    #expect(results.sorted { $0 && !$1 } == [true, false])
    #expect(source.restarted == ["pod-0"])
  }
}
