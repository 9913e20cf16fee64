import Candid
import Cluster
import Etcd
import EtcdTestKit
import HTTPTransport
import OwnThread
import ScaledStorage
import Testing

@testable import ScaledStorageService

@Suite(
  .timeLimit(.minutes(2)), .serialized, .onOwnThread,
  .enabled(if: EtcdMembers.isInstalled, "Debian's etcd-server and etcd-client are not installed"))
struct NodeRegistrarTests {
  private static let key = EtcdKeys(cluster: "test").member(RegisteredNode.id.text)

  private func registration(_ harness: EtcdHarness) throws -> NodeRegistration? {
    let range = try harness.wait { harness.client.range(Self.key, $0) }.get()
    return range.entries.first.flatMap { NodeRegistration(json: $0.value) }
  }

  @Test("A node serves once it is registered, and takes its registration away when it ends")
  func life() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    let node = try RegisteredNode(members.endpoints, process: "p", map: nil)
    try node.wait(for: 404)
    #expect(try node.send(.put, "/kv/x").status == 201)
    #expect(try node.send(.get, "/node_info").status == 200)
    let found = try registration(harness)
    #expect(found?.address == node.runtime.address)
    #expect(found?.incarnation == node.runtime.incarnation)
    #expect(found?.process == "p")
    node.stop()
    #expect(try registration(harness) == nil)
    let refused = try node.send(.get, "/kv/x")
    #expect(refused.status == 503)
    #expect(refused.header("ss-error") == "fenced" && refused.header("retry-after") != nil)
  }

  @Test("Of two processes with one identity one serves: the other once the first has lost its own")
  func twoProcesses() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    let first = try RegisteredNode(members.endpoints, process: "p", map: nil)
    try first.wait(for: 404)
    let second = try RegisteredNode(members.endpoints, process: "q", map: first.runtime.node.map)
    // The first one keeps its lease for as long as it runs, unless the machine is very busy.
    var isSecond = false
    for _ in 0..<50 where !isSecond {
      isSecond = try second.send(.get, "/kv/x").status == 404
      #expect(try first.send(.get, "/kv/x").status == (isSecond ? 503 : 404))
    }
    try #require(!isSecond)
    let info = try second.send(.get, "/node_info")
    #expect(info.status == 503)
    #expect(String(decoding: info.body, as: UTF8.self).contains("fenced"))
    // The first one is stopped from here on.
    try second.wait(for: 404)
    #expect(try registration(harness)?.process == "q")
    // It goes on, and finds out before it answers anything.
    #expect(try first.send(.get, "/kv/x").status == 503)
    #expect(try first.send(.put, "/kv/x").status == 503)
    #expect(try first.send(.get, "/node_info").status == 503)
    #expect(try second.send(.get, "/kv/x").status == 404)
    second.stop()
    try first.wait(for: 404)
  }

  @Test("A node that starts again takes the place of its process that certainly ended")
  func takeOver() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    // This process's own mark: it is that of a program which it has replaced.
    let first = try RegisteredNode(members.endpoints, process: ProcessMark.own, map: nil)
    try first.wait(for: 404)
    let lease = try #require(
      try harness.wait { harness.client.range(Self.key, $0) }.get().entries.first
    ).lease
    let second = try RegisteredNode(members.endpoints, process: "q", map: first.runtime.node.map)
    try second.wait(for: 404)
    // The lease of before had not ended.
    #expect(try harness.wait { harness.client.keepAlive(lease, $0) }.get() > 0)
  }

  @Test("A registration that somebody removes is made again, and nothing is answered before that")
  func removal() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    let node = try RegisteredNode(members.endpoints, process: "p", map: nil)
    try node.wait(for: 404)
    _ = try harness.commit(EtcdTransaction(success: [.delete(Self.key, isPrefix: false)])).get()
    try node.wait(for: 503)
    try node.wait(for: 404)
    #expect(try registration(harness)?.process == "p")
  }

  @Test("That etcd forgot the history fences no node; that its registration is another's does")
  func compaction() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    let node = try RegisteredNode(members.endpoints, process: "p", map: nil)
    try node.wait(for: 404)
    node.registrar.changed(.compacted(1))
    for _ in 0..<50 { #expect(try node.send(.get, "/kv/x").status == 404) }
    // It watches again.
    _ = try harness.commit(EtcdTransaction(success: [.delete(Self.key, isPrefix: false)])).get()
    try node.wait(for: 503)
    try node.wait(for: 404)
    _ = try harness.commit(EtcdTransaction(success: [.delete(Self.key, isPrefix: false)])).get()
    node.registrar.changed(.compacted(1))
    try node.wait(for: 503)
    try node.wait(for: 404)
  }

  @Test("A node that etcd does not answer is fenced, and serves again once it does")
  func silence() throws {
    let members = try EtcdMembers()
    let harness = try EtcdHarness(members.endpoints)
    try harness.waitUntilReady()
    let node = try RegisteredNode(members.endpoints, process: "p", map: nil)
    try node.wait(for: 404)
    members.pause(0)
    try node.wait(for: 503)
    members.resume(0)
    try node.wait(for: 404)
  }

  @Test("Processes are told apart, and those that run are not taken for ended")
  func marks() throws {
    let own = ProcessMark.own
    let fields = own.split(separator: " ")
    #expect(fields.count == 4)
    #expect(ProcessMark.hasEnded(own))
    let place = fields[..<2].joined(separator: " ")
    // The first process of the system runs, started at another time than this mark says.
    #expect(ProcessMark.hasEnded("\(place) 1 99999999999"))
    let first = try #require(ProcessMark.mark(of: 1))
    #expect(!ProcessMark.hasEnded(first))
    for other in ["", "x", "x \(own)", "\(place) 0 1", "\(place) x 1", "\(place) 1"] {
      #expect(!ProcessMark.hasEnded(other))
    }
  }

  @Test("A registration is read as it was written, and what is none is not")
  func form() {
    let one = NodeRegistration(
      address: "10.0.0.1:8081", incarnation: 1 << 52, version: "0.1.0", process: "a b 1 2")
    #expect(NodeRegistration(json: one.json) == one)
    #expect(NodeRegistration(json: bytes("{}")) == nil)
    #expect(NodeRegistration(json: []) == nil)
    let text = """
      {"address":"h:1","incarnation":7,"version":"9","process":"","later":[1]}
      """
    #expect(NodeRegistration(json: bytes(text))?.incarnation == 7)
  }
}
