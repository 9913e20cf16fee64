import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import Gateway

@Suite(.timeLimit(.minutes(2)))
struct GatewayBehaviour {
  private func keys(_ count: Int) -> [String] { (0..<count).map { "key-\($0)" } }

  private func fill(_ cluster: InProcessCluster, _ keys: [String]) throws {
    for key in keys {
      #expect(try cluster.send(.put, "/kv/\(key)", Array(key.utf8)).status == 201)
    }
  }

  private func check(_ cluster: InProcessCluster, _ keys: [String]) throws {
    for key in keys {
      #expect(try cluster.send(.get, "/kv/\(key)").body == Array(key.utf8))
    }
    let sizes = cluster.coordinator.map.members.map {
      cluster.launcher.runtime($0)?.nodeInfo.size ?? 0
    }
    #expect(sizes.reduce(0, +) == UInt64(keys.count))
  }

  @Test func aNodeAboveTheThresholdBringsUpOthersAndKeysMoveToThem() throws {
    let cluster = try InProcessCluster(policy: .threshold(keys: 30))
    cluster.settle(1)
    let keys = keys(100)
    try fill(cluster, keys)
    cluster.loop.run(until: "no node above the threshold") {
      cluster.coordinator.machine.isSettled
        && cluster.coordinator.map.members.allSatisfy {
          (cluster.launcher.runtime($0)?.nodeInfo.size ?? .max) <= 30
        }
    }
    #expect(cluster.coordinator.map.members.count >= 4)
    try check(cluster, keys)
  }

  @Test func aClusterAtItsMaximumStaysAndAFullOneRefusesByHand() throws {
    var policy = ScalePolicy.threshold(keys: 5)
    policy.maximumNodes = 2
    let cluster = try InProcessCluster(policy: policy)
    cluster.settle(1)
    try fill(cluster, keys(40))
    cluster.settle(2)
    #expect(throws: ClusterError.self) { try cluster.coordinator.addNodes(reason: "test") }
    #expect(cluster.launcher.nodes.count == 2)
  }

  @Test func aJoinWhoseNodeDoesNotStartAtOnceGoesOnWhenItDoes() throws {
    var policy = ScalePolicy.threshold(keys: 10)
    policy.maximumNodes = 2
    policy.backoff = 1
    let cluster = try InProcessCluster(policy: policy)
    cluster.settle(1)
    cluster.launcher.failures = 3
    let keys = keys(20)
    try fill(cluster, keys)
    cluster.settle(2)
    #expect(cluster.launcher.failures == 0 && cluster.launcher.destroyed.isEmpty)
    #expect(cluster.launcher.nodes == Set(cluster.coordinator.map.members))
    #expect(cluster.coordinator.machine.state.departed.isEmpty)
    try check(cluster, keys)
  }

  @Test func aRestartedGatewayFindsItsNodes() throws {
    let first = try InProcessCluster()
    first.settle(1)
    try fill(first, keys(20))
    try first.coordinator.addNodes(reason: "test")
    first.settle(2)
    let launches = first.launcher.launches
    let ring = first.coordinator.map.ring
    first.abandonGateway()
    let second = try InProcessCluster(store: first.store, launcher: first.launcher)
    second.settle(2)
    #expect(second.coordinator.map.ring == ring)
    #expect(second.launcher.launches == launches + 2)
    try check(second, keys(20))
  }

  @Test func anUndecidedJoinGoesOnAtTheNextGateway() throws {
    let first = try InProcessCluster()
    first.settle(1)
    try fill(first, keys(20))
    let node = try #require(try first.coordinator.addNodes(reason: "test").first)
    // One without an identity would look like one that has lost its data.
    first.loop.run(until: "the new node is initialised") {
      first.launcher.runtime(node)?.isInitialised == true
    }
    first.abandonGateway()
    let second = try InProcessCluster(store: first.store, launcher: first.launcher)
    second.settle(2)
    #expect(second.coordinator.map.members.last == node)
    #expect(second.launcher.destroyed.isEmpty)
    try check(second, keys(20))
  }

  @Test func aCoordinatorWithoutItsLogRefusesToStartOverNodesThatExist() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    cluster.abandonGateway()
    #expect(throws: ClusterError.self) {
      try InProcessCluster(store: MemoryEngine(), launcher: cluster.launcher)
    }
  }

  @Test func aModuleReachesEveryNodeAndEachNewOne() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let module: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 3, 1, 0x78, 0x79]
    let digest = SHA256.digest(module)
    let args = WasmInitArgs(position: 2, chunk: module, offset: 0, sha256: digest)
    let body = try CandidArguments.encode(args)
    let response = try cluster.send(
      .post, "/init_wasm", body,
      headers: [
        ("content-type", "application/candid"),
        ("authorization", cluster.launcher.credential.headerValue),
      ])
    #expect(response.status == 200)
    cluster.loop.run(until: "the node has the module") {
      !cluster.coordinator.machine.state.isModuleRolling && cluster.coordinator.machine.isSettled
    }
    try cluster.coordinator.addNodes(reason: "test")
    cluster.settle(2)
    cluster.loop.run(until: "the module is everywhere") {
      cluster.coordinator.map.members.allSatisfy {
        cluster.launcher.runtime($0)?.nodeInfo.moduleSHA256 == SHA256.hexadecimal(digest)
      }
    }
    let call = try cluster.send(.post, "/some_method", Array("()".utf8), to: nodeAddress(cluster))
    #expect(call.status == 404)
  }

  private func nodeAddress(_ cluster: InProcessCluster) throws -> SocketAddress {
    let member = try #require(cluster.coordinator.map.members.first)
    return try SocketAddress(try #require(cluster.coordinator.map.addresses[member]))
  }

  @Test func aProxyingRequestIsAnsweredByTheGatewayItself() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let proxy = [(name: "ss-forward", value: "proxy")]
    let request = ClientRequest(
      method: .put, target: "/kv/a%20b?ttl=100", headers: proxy, body: [1, 2, 3])
    let stored = try cluster.client.sendAndWait(
      request, to: cluster.address, deadline: .seconds(10))
    #expect(stored.status == 201)
    #expect(stored.header("ss-node") == "rrkah-fqaaa-aaaaa-aaaaq-cai")
    #expect(stored.header("etag") != nil)
    let looping = ClientRequest(
      method: .get, target: "/kv/a", headers: proxy + [(name: "ss-hops", value: "4")], body: [])
    let refused = try cluster.client.sendAndWait(
      looping, to: cluster.address, deadline: .seconds(10))
    #expect(refused.status == 508)
  }

  @Test("The ring tells the hash key to the bearer of the credential, and to nobody else")
  func placement() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    func ring(_ headers: [(name: String, value: String)]) throws -> ClientResponse {
      try cluster.send(
        .get, "/ring", headers: [(name: "accept", value: "application/candid")] + headers)
    }
    let open = try ring([])
    #expect(try CandidArguments.decode(open.body, as: RingDescription.self).placement == nil)
    let key = cluster.coordinator.map.ring.hashKey.bytes
    #expect(!open.body.indices.contains { open.body[$0...].starts(with: key) })
    let trusted = try ring([("authorization", cluster.launcher.credential.headerValue)])
    let placement = try CandidArguments.decode(trusted.body, as: RingDescription.self).placement
    #expect(placement == cluster.coordinator.map)
    let other = try ring([("authorization", Credential.random().headerValue)])
    #expect(other.status == 403 && other.header("ss-error") == "credential_refused")
  }

  @Test func aControlMessageForAnotherNodeIsRefused() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let response = try cluster.send(
      .post, "/handle_event", Array("(variant { Abort = 7 })".utf8),
      headers: [
        ("authorization", cluster.launcher.credential.headerValue),
        ("ss-node", Principal.canister(number: 9).text),
      ], to: nodeAddress(cluster))
    #expect(response.status == 409)
    #expect(response.header("ss-error") == "wrong_node")
  }
}
