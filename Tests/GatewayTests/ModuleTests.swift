import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import Gateway

/// A module comes to the gateway, and from there to the nodes.
@Suite(.timeLimit(.minutes(2)))
struct ModuleTests {
  private let first = TestModule.marked("first")
  private let second = TestModule.marked(
    "second", more: [TestModule.Method(name: "more", isQuery: true, reply: "more")])

  // MARK: - Tools

  private func control(
    _ cluster: InProcessCluster, _ method: String, _ body: [UInt8], to node: SocketAddress? = nil
  ) throws -> ClientResponse {
    try cluster.send(
      .post, "/" + method, body,
      headers: [
        ("content-type", "application/candid"), ("accept", "application/json"),
        ("authorization", cluster.launcher.credential.headerValue),
      ], to: node)
  }

  private func upload(
    _ bytes: [UInt8], _ cluster: InProcessCluster, candid: String? = nil, force: Bool = false,
    stubImports: Bool = false, to node: SocketAddress? = nil
  ) throws -> ClientResponse {
    let args = WasmInitArgs(
      position: 2, chunk: bytes, offset: 0, sha256: SHA256.digest(bytes), candid: candid,
      force: force ? true : nil, stubImports: stubImports ? true : nil)
    return try control(cluster, "init_wasm", CandidArguments.encode(args), to: node)
  }

  private func install(
    _ bytes: [UInt8], _ cluster: InProcessCluster, force: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let response = try upload(bytes, cluster, force: force)
    let text = String(decoding: response.body, as: UTF8.self)
    try #require(response.status == 200, "\(text)", sourceLocation: sourceLocation)
    awaitRoll(cluster)
  }

  private func awaitRoll(_ cluster: InProcessCluster) {
    cluster.loop.run(until: "all nodes have the module") {
      !cluster.coordinator.machine.state.isModuleRolling && cluster.coordinator.machine.isSettled
    }
  }

  private func info(_ cluster: InProcessCluster) throws -> ModuleInfo {
    let response = try cluster.send(
      .get, "/module_info", headers: [("accept", "application/candid")])
    try #require(response.status == 200)
    return try CandidArguments.decode(response.body, as: ModuleInfo.self)
  }

  private func code(_ response: ClientResponse) -> String? { response.header("ss-error") }

  private func call(
    _ cluster: InProcessCluster, _ method: String, _ arguments: String,
    headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    try cluster.send(
      .post, "/" + method, Array(arguments.utf8),
      headers: [("content-type", "text/candid")] + headers)
  }

  private func text(_ response: ClientResponse) -> String {
    String(decoding: response.body, as: UTF8.self)
  }

  private func address(_ node: Int, _ cluster: InProcessCluster) throws -> SocketAddress {
    let map = cluster.coordinator.map
    return try SocketAddress(try #require(map.addresses[map.members[node]]))
  }

  // MARK: - Calls

  @Test(
    "Calls go to the key's owner, those without a key to the first member",
    arguments: [
      ForwardMode.return, .proxy,
    ])
  func calls(forward: ForwardMode) throws {
    let cluster = try InProcessCluster(forward: forward)
    cluster.settle(1)
    try cluster.coordinator.addNodes(2, reason: "test")
    cluster.settle(3)
    try install(first.bytes, cluster)
    var owners: Set<String> = []
    for index in 0..<30 {
      let key = "key-\(index)"
      let response = try call(cluster, "mark", "(\"\(key)\")")
      #expect(response.status == 200 && text(response) == "(\"first\")\n")
      #expect(response.header("etag") != nil && response.header("ss-fuel") != nil)
      let owner = cluster.coordinator.map.owner(of: Array(key.utf8))
      #expect(response.header("ss-node") == owner?.text)
      owners.insert(response.header("ss-node") ?? "")
      #expect(try text(call(cluster, "peek", "(\"\(key)\")")) == "(\"first\")\n")
      #expect(try cluster.send(.get, "/kv/\(key)").status == 200)
    }
    #expect(owners.count == 3)
    let home = cluster.coordinator.map.members[0].text
    for _ in 0..<3 {
      let response = try call(cluster, "whole", "()")
      #expect(response.status == 200 && response.header("ss-node") == home)
    }
    #expect(try call(cluster, "mark", "(5)").status == 400)
    #expect(try code(call(cluster, "none", "()")) == "unknown_method")
  }

  @Test func aNewNodeHasTheModuleBeforeItServes() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(first.bytes, cluster)
    try cluster.coordinator.addNodes(2, reason: "test")
    cluster.settle(3)
    let digest = SHA256.hexadecimal(SHA256.digest(first.bytes))
    for node in cluster.coordinator.map.members {
      #expect(cluster.launcher.runtime(node)?.nodeInfo.moduleSHA256 == digest)
    }
    for index in 0..<20 {
      #expect(try call(cluster, "mark", "(\"\(index)\")").status == 200)
    }
  }

  // MARK: - Upgrades

  @Test func anotherModuleRollsAndTheWayBackIsOneCall() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    let none = try control(cluster, "module_rollback", CandidBinary.encode([]))
    #expect(none.status == 409 && code(none) == "no_previous_module")
    try install(first.bytes, cluster)
    try install(second.bytes, cluster)
    #expect(try text(call(cluster, "more", "()")) == "(\"more\")\n")
    let known = try info(cluster)
    #expect(known.wanted?.methods.map(\.name) == ["mark", "more", "peek", "whole"])
    #expect(known.previous?.methods.map(\.name) == ["mark", "peek", "whole"])
    #expect(known.nodes.map(\.sha256) == [known.wanted?.sha256, known.wanted?.sha256])
    #expect(known.accepted == [known.wanted?.sha256] && !known.isRolling && known.halt == nil)
    let back = try control(cluster, "module_rollback", CandidBinary.encode([]))
    #expect(back.status == 200)
    awaitRoll(cluster)
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"first\")\n")
    #expect(try code(call(cluster, "more", "()")) == "unknown_method")
    #expect(try info(cluster).previous?.sha256 == known.wanted?.sha256)
  }

  @Test func whatWouldBreakCallersNeedsForce() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(second.bytes, cluster)
    let refused = try upload(first.bytes, cluster)
    #expect(refused.status == 409 && code(refused) == "interface_changed")
    #expect(text(refused).contains("more") && text(refused).contains("--force"))
    var other = second
    other.candid = "service : { mark : (key : text) -> (nat) }"
    let types = try upload(other.bytes, cluster)
    #expect(types.status == 409 && text(types).contains("mark"))
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"second\")\n")
    try install(first.bytes, cluster, force: true)
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"first\")\n")
  }

  @Test func amidARollAllModulesThatNodesMayHaveAreHeeded() throws {
    let cluster = try InProcessCluster()
    // So the roll goes no further.
    cluster.launcher.settings.wasmtimePath = "/nowhere/libwasmtime.so"
    cluster.settle(1)
    var query = TestModule.marked("query")
    query.methods[0].isQuery = true
    query.candid = nil
    var update = TestModule.marked("update")
    update.candid = nil
    #expect(try upload(update.bytes, cluster).status == 200)
    let kind = try upload(query.bytes, cluster)
    #expect(kind.status == 409 && text(kind).contains("mark"))
    #expect(try upload(query.bytes, cluster, force: true).status == 200)
    let coordinator = cluster.coordinator
    #expect(coordinator.machine.state.isModuleRolling)
    #expect(coordinator.moduleMethod(named: "mark")?.isQuery == false)
    #expect(coordinator.moduleMethod(named: "peek")?.isQuery == true)
    // It has all of the wanted one, but not of the one before that.
    #expect(try upload(second.bytes, cluster, force: true).status == 200)
    #expect(try upload(first.bytes, cluster, force: true).status == 200)
    let third = try upload(TestModule.marked("third").bytes, cluster)
    #expect(third.status == 409 && text(third).contains("more"))
  }

  @Test func theInterfaceMayComeBesideTheModule() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    var bare = first
    bare.candid = nil
    #expect(try upload(bare.bytes, cluster, candid: first.candid).status == 200)
    awaitRoll(cluster)
    let known = try info(cluster)
    #expect(known.wanted?.candid == first.candid)
    #expect(known.wanted?.sha256 != SHA256.hexadecimal(SHA256.digest(bare.bytes)))
    let response = try call(cluster, "peek", "[\"a\"]", headers: [("accept", "application/json")])
    #expect(response.status == 400)
  }

  @Test func whatIsThereAlreadyIsNoChange() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(first.bytes, cluster)
    let revision = cluster.coordinator.map.revision
    try install(first.bytes, cluster)
    #expect(cluster.coordinator.map.revision == revision)
    #expect(try info(cluster).previous == nil)
  }

  @Test func aModuleThatCannotRunComesToNoNode() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(first.bytes, cluster)
    var foreign = second
    foreign.imported = ("ic0", "global_timer_set")
    let refused = try upload(foreign.bytes, cluster)
    #expect(refused.status == 422 && code(refused) == "bad_module")
    #expect(text(refused).contains("global_timer_set"))
    let reserved = TestModule(methods: [TestModule.Method(name: "module_info", reply: "")])
    #expect(try upload(reserved.bytes, cluster).status == 422)
    #expect(try upload(Array("\0asm".utf8), cluster).status == 400)
    #expect(try info(cluster).wanted?.methods.count == 3)
    #expect(try upload(foreign.bytes, cluster, stubImports: true).status == 200)
    awaitRoll(cluster)
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"second\")\n")
  }

  // MARK: - Nodes

  @Test func aNodePassesChunksOnToTheGatewayAndItsAnswerBack() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    #expect(try upload(second.bytes, cluster, to: address(1, cluster)).status == 200)
    awaitRoll(cluster)
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"second\")\n")
    let refused = try upload(first.bytes, cluster, to: address(0, cluster))
    #expect(refused.status == 409 && code(refused) == "interface_changed")
    #expect(text(refused).contains("more"))
  }

  @Test func aNodeThatCannotRunModulesHaltsTheRollWithItsReason() throws {
    let cluster = try InProcessCluster()
    cluster.launcher.settings.wasmtimePath = "/nowhere/libwasmtime.so"
    cluster.settle(1)
    #expect(try upload(first.bytes, cluster).status == 200)
    cluster.loop.run(until: "the roll halts") { cluster.coordinator.machine.moduleHalt != nil }
    let known = try info(cluster)
    let halt = try #require(known.halt)
    #expect(known.isRolling && halt.node == cluster.coordinator.map.members[0])
    #expect(halt.reason.contains("deploy/wasmtime") && halt.attempts == 1 && halt.retryIn <= 2_000)
    #expect(known.nodes.map(\.sha256) == [nil])
    #expect(try cluster.send(.put, "/kv/a", [1]).status == 201)
  }

  @Test func aNodeWithAnotherModuleThanTheClusterServesNoCalls() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(first.bytes, cluster)
    let node = try #require(cluster.launcher.runtime(cluster.coordinator.map.members[0]))
    var foreign = try #require(node.node.map)
    foreign.modules = [SHA256.digest([])]
    foreign.revision += 10
    cluster.loop.run(until: "the node knows the map") {
      // Refused while the one before is on its way to the disk.
      if node.node.map != foreign { node.handle(.ringChanged(foreign)) { _ in } }
      return node.node.map == foreign
    }
    let response = try call(cluster, "mark", "(\"a\")")
    #expect(response.status == 503 && code(response) == "module_mismatch")
    #expect(response.header("retry-after") != nil)
  }

  // MARK: - Restarts

  @Test func aGatewayThatStartsAgainKnowsItsModules() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try install(first.bytes, cluster)
    try install(second.bytes, cluster)
    let before = try info(cluster)
    cluster.abandonGateway()
    let next = try InProcessCluster(store: cluster.store, launcher: cluster.launcher)
    next.settle(1)
    let after = try info(next)
    #expect(after.wanted?.sha256 == before.wanted?.sha256)
    #expect(after.previous?.methods.count == 3 && after.wanted?.candid == before.wanted?.candid)
    #expect(try text(call(next, "more", "()")) == "(\"more\")\n")
    #expect(try control(next, "module_rollback", CandidBinary.encode([])).status == 200)
    awaitRoll(next)
    #expect(try text(call(next, "mark", "(\"a\")")) == "(\"first\")\n")
  }

  @Test func aModuleThatAProgramOfBeforeHasStoredIsTakenOver() throws {
    let store = MemoryEngine()
    var batch = WriteBatch()
    for entry in Module(first.bytes).storedEntries {
      batch.put(Array(entry.name.utf8), entry.value ?? [])
    }
    try store.commit(batch)
    let cluster = try InProcessCluster(store: store)
    cluster.settle(1)
    awaitRoll(cluster)
    #expect(try info(cluster).wanted?.sha256 == SHA256.hexadecimal(SHA256.digest(first.bytes)))
    cluster.loop.run(until: "the node has it") {
      cluster.launcher.runtime(cluster.coordinator.map.members[0])?.nodeInfo.moduleSHA256 != nil
    }
    #expect(try text(call(cluster, "mark", "(\"a\")")) == "(\"first\")\n")
    #expect(try store.get(Array("module".utf8)) == nil)
  }

  @Test func aModuleOfAProgramOfBeforeOutlivesACrashAmidItsTakeover() throws {
    let store = MemoryEngine()
    var batch = WriteBatch()
    for entry in Module(first.bytes).storedEntries {
      batch.put(Array(entry.name.utf8), entry.value ?? [])
    }
    try store.commit(batch)
    let crashed = try InProcessCluster(store: store)
    crashed.abandonGateway()
    let cluster = try InProcessCluster(store: store, launcher: crashed.launcher)
    cluster.settle(1)
    awaitRoll(cluster)
    #expect(try info(cluster).wanted?.sha256 == SHA256.hexadecimal(SHA256.digest(first.bytes)))
    #expect(try store.get(Array("module".utf8)) == nil)
  }

  @Test func modulesThatNobodyNeedsAnyMoreAreRemoved() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    for mark in ["a", "b", "c", "d"] { try install(TestModule.marked(mark).bytes, cluster) }
    let page = try cluster.store.scan(
      from: Array("module".utf8), upTo: Array("modulf".utf8), limit: ScanLimit())
    #expect(page.entries.count == 4, "two modules, each of a header and one part")
  }
}
