import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import Gateway

/// Nodes that join and leave, by the policy and by hand.
@Suite(.timeLimit(.minutes(2)))
struct ScalingTests {
  private let keys = (0..<60).map { "key-\($0)" }

  private func fill(_ cluster: InProcessCluster) throws {
    for key in keys {
      #expect(try cluster.send(.put, "/kv/\(key)", Array(key.utf8)).status == 201)
    }
    cluster.loop.run(until: "the coordinator knows of the keys") {
      cluster.coordinator.machine.plan().keys == UInt64(self.keys.count)
    }
  }

  private func check(_ cluster: InProcessCluster) throws {
    for key in keys {
      #expect(try cluster.send(.get, "/kv/\(key)").body == Array(key.utf8))
    }
    let sizes = cluster.coordinator.map.members.map {
      cluster.launcher.runtime($0)?.nodeInfo.size ?? 0
    }
    #expect(sizes.reduce(0, +) == UInt64(keys.count))
  }

  private func scale(_ cluster: InProcessCluster, _ fields: String) throws -> ClientResponse {
    try cluster.send(
      .post, "/scale", Array("(record { \(fields) })".utf8),
      headers: [
        ("accept", "application/candid"),
        ("authorization", cluster.launcher.credential.headerValue),
      ])
  }

  private func result(_ response: ClientResponse) throws -> ScaleResult {
    try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    return try CandidArguments.decode(response.body, as: ScaleResult.self)
  }

  private func awaitEnd(_ cluster: InProcessCluster, _ members: Int) {
    cluster.settle(members)
    cluster.loop.run(until: "the nodes that left have ended") {
      cluster.coordinator.machine.state.departed.isEmpty
    }
    #expect(cluster.launcher.nodes == Set(cluster.coordinator.map.members))
  }

  @Test func nodesComeAndGoByHandAndNoKeyIsLost() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try fill(cluster)
    let up = try result(scale(cluster, "action = variant { To }; count = opt 4"))
    #expect(up.nodes == 4 && up.moves == 45 && up.joining?.count == 3)
    cluster.settle(4)
    try check(cluster)
    #expect(cluster.coordinator.machine.state.nodesAskedFor == 4)
    let plan = try result(
      scale(cluster, "action = variant { Down }; count = opt 2; plan = opt true"))
    let members = cluster.coordinator.map.members
    #expect(plan.leaving == members.suffix(2).reversed() && plan.node == nil)
    #expect(plan.shares?.map(\.role) == ["member", "member", "leaving", "leaving"])
    #expect(plan.shares?.reduce(0) { $0 + $1.keys } == 60)
    #expect(cluster.coordinator.machine.state.change == nil)
    _ = try result(scale(cluster, "action = variant { Down }; count = opt 2"))
    awaitEnd(cluster, 2)
    try check(cluster)
    #expect(cluster.coordinator.machine.state.nodesAskedFor == 2)
    _ = try result(scale(cluster, "action = variant { Drain }; nodes = opt vec { \"1\" }"))
    awaitEnd(cluster, 1)
    #expect(cluster.coordinator.map.members == [members[1]])
    try check(cluster)
  }

  @Test func theScalerRetiresNodesThatAreNotNeededAndNoMore() throws {
    var policy = ScalePolicy.threshold(keys: 100)
    policy.scaleDownAfter = 20
    policy.minimumNodes = 2
    let first = try InProcessCluster()
    first.settle(1)
    try fill(first)
    _ = try result(scale(first, "action = variant { To }; count = opt 4"))
    first.settle(4)
    _ = try result(scale(first, "action = variant { To }; count = opt 3"))
    awaitEnd(first, 3)
    first.abandonGateway()
    // What was asked for by hand holds at the next gateway.
    let second = try InProcessCluster(
      policy: policy, store: first.store, launcher: first.launcher)
    second.settle(3)
    second.loop.run(until: "the scaler has looked at it") {
      second.coordinator.lastDecision?.reason == "no node has reached a threshold"
    }
    #expect(second.coordinator.map.members.count == 3)
    second.coordinator.machine.askFor(nodes: nil)
    awaitEnd(second, 2)
    try check(second)
    second.loop.run(until: "the scaler has looked again") {
      second.coordinator.lastDecision?.reason == "no node has reached a threshold"
    }
    #expect(second.coordinator.map.members.count == 2)
  }

  @Test func theLauncherSaysWhoLeavesFirst() throws {
    var policy = ScalePolicy.threshold(keys: 100)
    policy.scaleDownAfter = 20
    policy.minimumNodes = 2
    let cluster = try InProcessCluster(policy: policy)
    cluster.launcher.orderOfLeaving = { $0.sorted() }
    cluster.settle(2)
    _ = try result(scale(cluster, "action = variant { To }; count = opt 4"))
    cluster.settle(4)
    let members = cluster.coordinator.map.members
    let plan = try result(
      scale(cluster, "action = variant { Down }; count = opt 2; plan = opt true"))
    #expect(plan.leaving == Array(members.prefix(2)))
    _ = try result(scale(cluster, "action = variant { To }; count = opt 3"))
    awaitEnd(cluster, 3)
    #expect(cluster.coordinator.map.members == Array(members.dropFirst()))
    cluster.coordinator.machine.askFor(nodes: nil)
    awaitEnd(cluster, 2)
    #expect(cluster.coordinator.map.members == Array(members.dropFirst(2)))
  }

  @Test func aDryRunChangesNothing() throws {
    let cluster = try InProcessCluster(policy: .threshold(keys: 10), isDryRun: true)
    cluster.settle(1)
    try fill(cluster)
    cluster.loop.run(until: "the scaler would grow") {
      if case .grow(1, _)? = cluster.coordinator.lastDecision { true } else { false }
    }
    #expect(cluster.coordinator.machine.state.change == nil)
    #expect(cluster.coordinator.map.members.count == 1)
  }

  @Test func whatCannotBeDoneIsToldClearly() throws {
    var policy = ScalePolicy.threshold(keys: .max)
    policy.minimumNodes = 2
    policy.maximumNodes = 3
    policy.scaleDownAt = nil
    let cluster = try InProcessCluster(policy: policy)
    cluster.settle(2)
    let cases: [(String, Int, String)] = [
      ("action = variant { Up }; count = opt 2", 409, "--max-nodes allows 3"),
      ("action = variant { To }; count = opt 4", 409, "--max-nodes allows 3"),
      ("action = variant { Up }; count = opt 4294967295", 409, "--max-nodes allows 3"),
      ("action = variant { Up }; count = opt 0", 400, "1 or more nodes can join"),
      ("action = variant { Down }; count = opt 0", 400, "1 or more nodes can leave"),
      ("action = variant { To }", 400, "how many nodes"),
      ("action = variant { Down }", 409, "--min-nodes asks for 2"),
      ("action = variant { Down }; count = opt 2", 409, "the last node cannot leave"),
      ("action = variant { Drain }; nodes = opt vec { \"9\" }", 404, "is no member"),
      ("action = variant { Drain }; nodes = opt vec { \"x y\" }", 400, "no node's id"),
      ("action = variant { Drain }; nodes = opt vec { \"1\"; \"1\" }", 400, "once"),
      ("action = variant { Drain }", 400, "name the nodes"),
      ("action = variant { Cancel }", 409, "no change of the ring is under way"),
      ("action = variant { Sideways }", 400, "Sideways"),
    ]
    for (fields, status, words) in cases {
      let response = try scale(cluster, fields)
      let text = String(decoding: response.body, as: UTF8.self)
      #expect(response.status == status && text.contains(words), "\(fields): \(text)")
    }
    _ = try result(scale(cluster, "action = variant { Up }"))
    let second = try scale(cluster, "action = variant { Up }; count = opt 1")
    #expect(second.status == 409)
    #expect(String(decoding: second.body, as: UTF8.self).contains("the ring is changing already"))
    cluster.settle(3)
    let member = try #require(cluster.coordinator.map.members.last)
    cluster.coordinator.machine.reportFailed(member)
    let down = try scale(cluster, "action = variant { Down }")
    #expect(String(decoding: down.body, as: UTF8.self).contains("is down or does not answer"))
  }

  @Test func aChangeCanBeCancelledBeforeItIsDecided() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try fill(cluster)
    cluster.launcher.failures = .max
    _ = try result(scale(cluster, "action = variant { To }; count = opt 3"))
    let plan = try result(scale(cluster, "action = variant { Cancel }; plan = opt true"))
    #expect(plan.message.contains("would not join"))
    _ = try result(scale(cluster, "action = variant { Cancel }"))
    cluster.launcher.failures = 0
    awaitEnd(cluster, 1)
    #expect(cluster.coordinator.machine.state.nodesAskedFor == 1)
    try check(cluster)
  }

  @Test func theRingAndTheNodesTellOfAChangeUnderWay() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try fill(cluster)
    try cluster.coordinator.addNodes(2, reason: "test")
    cluster.settle(3)
    let leaver = try #require(cluster.coordinator.map.members.first)
    try cluster.coordinator.removeNodes([leaver], reason: "test")
    var steps: Set<String> = []
    var states: Set<String> = []
    var statuses: Set<String> = []
    cluster.loop.run(until: "the node has left") {
      let ring = RingDescription(cluster.coordinator)
      if let change = ring.change {
        steps.insert(change.step)
        #expect(change.leaving == [leaver] && change.joining.isEmpty)
      }
      let entry = ClusterSummary.nodes(of: cluster.coordinator).first { $0.id == leaver }
      if let entry { states.insert(entry.state) }
      if let status = cluster.launcher.runtime(leaver)?.nodeInfo.status {
        statuses.insert(status.name)
        if cluster.coordinator.map.contains(leaver) { #expect(status.isServing) }
      }
      return ring.isSettled && ring.ending?.isEmpty == true
    }
    #expect(steps.contains("settling") && states.isSuperset(of: ["leaving", "left"]))
    #expect(statuses.contains("ShutDown"))
    try check(cluster)
  }

  @Test func aBodyWithAContentEncodingIsRefused() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let node = try SocketAddress(
      try #require(cluster.launcher.runtime(.canister(number: 1))?.address))
    for address in [cluster.address, node] {
      let response = try cluster.send(
        .put, "/kv/key", [1], headers: [("content-encoding", "gzip")], to: address)
      #expect(response.status == 415)
      #expect(response.header("accept-encoding") == "identity")
      #expect(response.header("ss-error") == "unsupported_content_encoding")
    }
    let plain = try cluster.send(
      .put, "/kv/key", [1], headers: [("content-encoding", "identity")])
    #expect(plain.status == 201)
  }

  @Test func compressedEventsAreBounded() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let node = try SocketAddress(
      try #require(cluster.launcher.runtime(.canister(number: 1))?.address))
    func send(_ body: [UInt8]) throws -> ClientResponse {
      try cluster.send(
        .post, "/handle_event", body,
        headers: [
          ("content-type", "text/candid"), ("content-encoding", "deflate"),
          ("authorization", cluster.launcher.credential.headerValue),
        ], to: node)
    }
    let event = Array("(variant { Abort = 7 })                                      ".utf8)
    let padded = event + [UInt8](repeating: 0x20, count: 1_000)
    #expect(try send(try #require(Deflate.compressed(padded))).status == 200)
    let bomb = [UInt8](repeating: 0x20, count: 64 << 20)
    let refused = try send(try #require(Deflate.compressed(bomb)))
    #expect(refused.status == 413)
    #expect(try send(padded).status == 400)
  }
}
