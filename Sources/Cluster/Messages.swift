public import Candid

/// `canister_manager_event`: what the coordinator tells a node, and what nodes send each other.
///
/// The first three are the original's; the others are ours, and old senders never name them.
public enum CanisterManagerEvent: Sendable {
  case nodeCreated(String)
  case nodeDeleted(String)
  /// Keys that move to the receiver.
  case migrate(Migration)
  /// A handover towards this map begins.
  case prepare(ClusterMap)
  /// Hold requests for moving keys, send what is left, and answer when the targets have it.
  case fence(epoch: UInt64)
  /// This map is in force.
  case ringChanged(ClusterMap)
  /// The handover towards this epoch is given up.
  case abort(epoch: UInt64)
}

extension CanisterManagerEvent: CandidVariant {
  public static let candidCases = CandidCases<CanisterManagerEvent>(
    .case("NodeCreated", CanisterManagerEvent.nodeCreated) {
      if case .nodeCreated(let node) = $0 { node } else { nil }
    },
    .case("NodeDeleted", CanisterManagerEvent.nodeDeleted) {
      if case .nodeDeleted(let node) = $0 { node } else { nil }
    },
    .case("Migrate", CanisterManagerEvent.migrate) {
      if case .migrate(let migration) = $0 { migration } else { nil }
    },
    .case("Prepare", CanisterManagerEvent.prepare) {
      if case .prepare(let map) = $0 { map } else { nil }
    },
    .case("Fence", CanisterManagerEvent.fence(epoch:)) {
      if case .fence(let epoch) = $0 { epoch } else { nil }
    },
    .case("RingChanged", CanisterManagerEvent.ringChanged) {
      if case .ringChanged(let map) = $0 { map } else { nil }
    },
    .case("Abort", CanisterManagerEvent.abort(epoch:)) {
      if case .abort(let epoch) = $0 { epoch } else { nil }
    })
}

/// `migrate_args`: a chunk of keys on their way to a new owner.
public struct Migration: CandidRecord {
  /// A `TransferChunk`.
  public var data: [UInt8]
  /// The epoch of the handover that the chunk belongs to.
  public var epoch: UInt64?
  /// Who sends it.
  public var from: Principal?

  public init(data: [UInt8], epoch: UInt64?, from: Principal?) {
    self.data = data
    self.epoch = epoch
    self.from = from
  }

  public static let candidFields = CandidFields(
    Migration.init(data:epoch:from:), CandidMember("data", \.data), CandidMember("epoch", \.epoch),
    CandidMember("from", \.from))
}

/// `init_canister_manager_param`.
public struct InitCanisterManagerParam: CandidRecord {
  public var args: InstallArgs?

  public init(args: InstallArgs?) {
    self.args = args
  }

  public static let candidFields = CandidFields(
    InitCanisterManagerParam.init(args:), CandidMember("args", \.args))
}

/// `install_args`: the cluster that a node becomes a part of.
public struct InstallArgs: CandidRecord {
  public var allNodes: [String]
  /// The receiver's id, and the map in force.
  public var node: Principal?
  public var map: ClusterMap?

  public init(allNodes: [String], node: Principal?, map: ClusterMap?) {
    self.allNodes = allNodes
    self.node = node
    self.map = map
  }

  public static let candidFields = CandidFields(
    InstallArgs.init(allNodes:node:map:), CandidMember("all_nodes", \.allNodes),
    CandidMember("node", \.node),
    CandidMember("map", \.map))
}

/// `wasm_init_args`: a chunk of the module, in order.
public struct WasmInitArgs: CandidRecord {
  /// 0 starts a module, 1 goes on, 2 ends it.
  public var position: UInt8
  public var chunk: [UInt8]
  /// Where the chunk begins in the module, in bytes; it makes gaps and duplicates certain.
  public var offset: UInt64?
  /// SHA-256 of the whole module, checked with the last chunk.
  public var sha256: [UInt8]?
  // From here on absent in the messages of earlier senders; all count with the last chunk.
  /// The module's interface as Candid source, where the module does not carry it.
  public var candid: String?
  /// Installs the module also when its interface is no upgrade of the one before.
  public var force: Bool?
  /// Loads the module also when it imports functions that there are not; a call of one traps.
  public var stubImports: Bool?
  /// False: for the receiver only. Else for its whole cluster.
  public var distribute: Bool?
  /// That of the map under which the coordinator sends the module: a node that has a module of a
  /// later one refuses this one, which is late.
  public var revision: UInt64?

  public init(
    position: UInt8, chunk: [UInt8], offset: UInt64?, sha256: [UInt8]?, candid: String? = nil,
    force: Bool? = nil, stubImports: Bool? = nil, distribute: Bool? = nil, revision: UInt64? = nil
  ) {
    self.position = position
    self.chunk = chunk
    self.offset = offset
    self.sha256 = sha256
    self.candid = candid
    self.force = force
    self.stubImports = stubImports
    self.distribute = distribute
    self.revision = revision
  }

  public static let candidFields = CandidFields(
    WasmInitArgs.init(
      position:chunk:offset:sha256:candid:force:stubImports:distribute:revision:),
    CandidMember("position", \.position), CandidMember("wasm_chunk", \.chunk),
    CandidMember("offset", \.offset), CandidMember("sha256", \.sha256),
    CandidMember("candid", \.candid), CandidMember("force", \.force),
    CandidMember("stub_imports", \.stubImports), CandidMember("distribute", \.distribute),
    CandidMember("revision", \.revision))
}

/// `NodeResult`: the owner's id when a key lives elsewhere, else the result.
public enum NodeResult<Result> {
  /// The key lives at this node.
  case nodeID(Principal)
  case result(Result)

  /// The owner when the key lives elsewhere, else nil.
  public var nodeID: Principal? {
    if case .nodeID(let node) = self { node } else { nil }
  }

  /// The result, nil when the key lives elsewhere.
  public var result: Result? {
    if case .result(let result) = self { result } else { nil }
  }
}

extension NodeResult: Sendable where Result: Sendable {}
extension NodeResult: Equatable where Result: Equatable {}
extension NodeResult: Hashable where Result: Hashable {}

/// `variant { NodeId : principal; Result : … }`.
extension NodeResult: CandidConvertible where Result: CandidConvertible {
  // A generic type stores no list of cases, and making one for each answer would take long.
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .variant(cases: ["Result": types.type(of: Result.self), "NodeId": .principal])
  }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try encoder.enter()
    switch self {
    case .result(let result):
      encoder.write(leb128: 0)
      try result.encode(into: &encoder)
    case .nodeID(let node):
      encoder.write(leb128: 1)
      encoder.write(principal: node)
    }
    encoder.leave()
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    try decoder.enter()
    if try decoder.caseIndex(below: 2) == 0 {
      self = .result(try Result(from: &decoder))
    } else {
      self = .nodeID(try decoder.principal())
    }
    decoder.leave()
  }
}
