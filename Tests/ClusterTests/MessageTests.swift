import Candid
import Placement
import Testing

@testable import Cluster

@Suite struct MessageTests {
  /// The types of the original, as its clients have them.
  static let original = """
    type NodeError = variant {
      Migration: text; ScaleUp: text; Initialize: text; Broadcast: text;
    };
    type node_info_status = variant {
      Initialized; Ready; Error: NodeError; ShutDown; Migrating; ScaleUp; ScaleDown;
    };
    type node_info = record {
      all_nodes: vec text;
      prev_node_id: opt principal;
      next_node_id: opt principal;
      status: node_info_status;
      cycles_balance: nat64;
    };
    type install_args = record { all_nodes: vec text; };
    type init_canister_manager_param = record { args: opt install_args; };
    type migrate_args = record { data: blob; };
    type wasm_init_args = record { position: nat8; wasm_chunk: blob; };
    type canister_manager_event = variant {
      NodeCreated: text; NodeDeleted: text; Migrate: migrate_args;
    };
    """

  private static func originalTypes(_ name: String) throws -> CandidSignature {
    let environment = try CandidInterface(parsing: original).environment
    return try CandidSignature([.named(name)], in: environment)
  }

  private func roundTrips<Message: CandidConvertible>(
    _ message: Message, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let bytes = try CandidArguments.encode(message)
    let read = try CandidArguments.decode(bytes, as: Message.self)
    #expect(try CandidArguments.encode(read) == bytes, sourceLocation: location)
  }

  static let node = Principal.canister(number: 3)

  @Test("Every event is read back as it was written")
  func events() throws {
    let map = try NodeBench.ring(3)
    let events: [CanisterManagerEvent] = [
      .nodeCreated("rrkah-fqaaa-aaaaa-aaaaq-cai"), .nodeDeleted(""),
      .migrate(Migration(data: [1, 2], epoch: 4, from: Self.node)),
      .migrate(Migration(data: [], epoch: nil, from: nil)),
      .prepare(map), .fence(epoch: .max), .ringChanged(map), .abort(epoch: 0),
    ]
    for event in events { try roundTrips(event) }
  }

  @Test("Every other message is read back as it was written")
  func otherMessages() throws {
    let map = try NodeBench.ring(2)
    try roundTrips(map)
    try roundTrips(InitCanisterManagerParam(args: nil))
    try roundTrips(
      InitCanisterManagerParam(
        args: InstallArgs(allNodes: ["a", "b"], node: Self.node, map: map)))
    try roundTrips(WasmInitArgs(position: 2, chunk: [0, 0x61], offset: 9, sha256: [7]))
    try roundTrips(WasmInitArgs(position: 0, chunk: [], offset: nil, sha256: nil))
    try roundTrips(NodeResult<String>.nodeID(Self.node))
    try roundTrips(NodeResult<String>.result("value"))
    try roundTrips(HandoverRecord(next: map, isFenced: true))
    var state = try CoordinatorState.fresh(hashKey: NodeBench.hashKey, capacity: 16)
    try roundTrips(state)
    state.moduleDigest = [1, 2]
    state.change = CoordinatorState.Change(
      joining: [Self.node], leaving: [], epoch: 2, isDecided: true)
    #expect(try CoordinatorState(encoded: state.encoded) == state)
  }

  static let statuses: [NodeStatus] = [
    .initialized, .ready, .error(.migration("m")), .error(.scaleUp("s")),
    .error(.initialize("i")), .error(.broadcast("b")), .shutDown, .migrating, .scaleUp, .scaleDown,
  ]

  private func info(_ status: NodeStatus) -> NodeInfo {
    NodeInfo(
      allNodes: ["a"], previousNode: Self.node, nextNode: nil, status: status, cyclesBalance: 12,
      node: Self.node, size: 1, bytes: 2, epoch: 3, revision: 4, ringDigest: "00ff",
      requestsPerSecond: 1.5, moduleSHA256: "ab", version: "1.0", durability: "fsync",
      isPurging: true,
      handover: HandoverStatus(epoch: 4, phase: "copying", sentKeys: 5, backlog: 6, progress: nil),
      incarnation: 7, processID: 8)
  }

  @Test("node_info is read back as it was written, in every status", arguments: statuses)
  func nodeInfo(status: NodeStatus) throws {
    try roundTrips(info(status))
  }

  @Test("A reader of the original's types understands node_info", arguments: statuses)
  func originalReadsNodeInfo(status: NodeStatus) throws {
    let bytes = try CandidArguments.encode(info(status))
    let values = try CandidBinary.decode(bytes, as: Self.originalTypes("node_info"))
    let read = try CandidArguments.convert(values, to: OriginalNodeInfo.self)
    #expect(read.allNodes == ["a"])
    #expect(read.previousNode == Self.node)
    #expect(read.nextNode == nil)
    #expect(read.status == status)
    #expect(read.cyclesBalance == 12)
  }

  @Test("Events, initialisations and modules of the original's writers are understood")
  func originalWrites() throws {
    func written<Message: CandidConvertible>(
      _ name: String, _ text: String, as type: Message.Type
    ) throws -> Message {
      let signature = try Self.originalTypes(name)
      let values = try CandidText.parseArguments(Array(text.utf8), as: signature)
      return try CandidArguments.decode(CandidBinary.encode(values, as: signature), as: type)
    }
    let created = try written(
      "canister_manager_event", "(variant { NodeCreated = \"x\" })", as: CanisterManagerEvent.self)
    guard case .nodeCreated("x") = created else { throw unexpected(created) }
    let deleted = try written(
      "canister_manager_event", "(variant { NodeDeleted = \"y\" })", as: CanisterManagerEvent.self)
    guard case .nodeDeleted("y") = deleted else { throw unexpected(deleted) }
    let migrated = try written(
      "canister_manager_event", "(variant { Migrate = record { data = blob \"\\01\" } })",
      as: CanisterManagerEvent.self)
    guard case .migrate(let migration) = migrated else { throw unexpected(migrated) }
    #expect(migration.data == [1] && migration.epoch == nil && migration.from == nil)
    let param = try written(
      "init_canister_manager_param", "(record { args = opt record { all_nodes = vec { \"a\" } } })",
      as: InitCanisterManagerParam.self)
    #expect(param.args?.allNodes == ["a"] && param.args?.map == nil)
    let chunk = try written(
      "wasm_init_args", "(record { position = 1; wasm_chunk = blob \"ab\" })", as: WasmInitArgs.self
    )
    #expect(chunk.position == 1 && chunk.chunk == [0x61, 0x62] && chunk.offset == nil)
  }

  private func unexpected(_ event: CanisterManagerEvent) -> CandidError {
    CandidError(.typeMismatch, "read as \(event)")
  }

  @Test("Stored forms that are damaged or of another kind are refused as corrupt")
  func damagedForms() throws {
    let map = try NodeBench.ring(2)
    let bytes = map.encoded
    for damaged in [[], Array(bytes.dropLast()), Array("DIDL".utf8), [0] + bytes] {
      #expect {
        _ = try ClusterMap(encoded: damaged)
      } throws: {
        ($0 as? ClusterError)?.code == .corruption
      }
      #expect(throws: ClusterError.self) { _ = try CoordinatorState(encoded: damaged) }
      #expect(throws: ClusterError.self) { _ = try HandoverRecord(encoded: damaged) }
    }
  }

  @Test("A map whose log cannot be replayed is refused")
  func impossibleMaps() throws {
    let map = try NodeBench.ring(2)
    guard case .record(let fields) = try map.candidValue else { return }
    func changed(_ name: String, _ value: CandidValue) -> CandidValue {
      .record(
        fields.map { $0.label == CandidLabel(name) ? CandidFieldValue(name, value) : $0 })
    }
    let join = CandidValue.variant("Join", .principal(.canister(number: 1)))
    for value in [
      changed("format", .nat8(2)), changed("capacity", .nat32(0)), changed("capacity", .nat32(1)),
      changed("epoch", .nat64(0)), changed("hash_key", .blob([1])),
      changed("log", .vec([join, join])),
    ] {
      #expect(throws: CandidError.self) { _ = try ClusterMap(candidValue: value) }
    }
  }
}

/// The original's `node_info`.
private struct OriginalNodeInfo: CandidRecord {
  var allNodes: [String]
  var previousNode: Principal?
  var nextNode: Principal?
  var status: NodeStatus
  var cyclesBalance: UInt64

  static let candidFields = CandidFields(
    OriginalNodeInfo.init(allNodes:previousNode:nextNode:status:cyclesBalance:),
    CandidMember("all_nodes", \.allNodes), CandidMember("prev_node_id", \.previousNode),
    CandidMember("next_node_id", \.nextNode),
    CandidMember("status", \.status), CandidMember("cycles_balance", \.cyclesBalance))
}
