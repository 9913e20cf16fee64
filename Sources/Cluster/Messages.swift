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

extension CanisterManagerEvent: CandidConvertible {
  public static let candidType = CandidType.variant(cases: [
    "NodeCreated": .text, "NodeDeleted": .text, "Migrate": Migration.candidType,
    "Prepare": ClusterMap.candidType, "Fence": .nat64, "RingChanged": ClusterMap.candidType,
    "Abort": .nat64,
  ])

  public var candidValue: CandidValue {
    switch self {
    case .nodeCreated(let node): .variant("NodeCreated", .text(node))
    case .nodeDeleted(let node): .variant("NodeDeleted", .text(node))
    case .migrate(let migration): .variant("Migrate", migration.candidValue)
    case .prepare(let map): .variant("Prepare", map.candidValue)
    case .fence(let epoch): .variant("Fence", .nat64(epoch))
    case .ringChanged(let map): .variant("RingChanged", map.candidValue)
    case .abort(let epoch): .variant("Abort", .nat64(epoch))
    }
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let variant = try CandidVariant(candidValue)
    switch variant.label {
    case "NodeCreated": self = .nodeCreated(try variant.payload())
    case "NodeDeleted": self = .nodeDeleted(try variant.payload())
    case "Migrate": self = .migrate(try variant.payload())
    case "Prepare": self = .prepare(try variant.payload())
    case "Fence": self = .fence(epoch: try variant.payload())
    case "RingChanged": self = .ringChanged(try variant.payload())
    case "Abort": self = .abort(epoch: try variant.payload())
    default: throw variant.unknownCase
    }
  }
}

/// `migrate_args`: a chunk of keys on their way to a new owner.
public struct Migration: CandidConvertible {
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

  public static let candidType = CandidType.record(fields: [
    "data": .blob, "epoch": .opt(.nat64), "from": .opt(.principal),
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "data": .blob(data), "epoch": epoch.candidValue, "from": from.candidValue,
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    data = try record.field("data")
    epoch = try record.field("epoch")
    from = try record.field("from")
  }
}

/// `init_canister_manager_param`.
public struct InitCanisterManagerParam: CandidConvertible {
  public var args: InstallArgs?

  public init(args: InstallArgs?) {
    self.args = args
  }

  public static let candidType = CandidType.record(fields: ["args": .opt(InstallArgs.candidType)])
  public var candidValue: CandidValue { .record(fields: ["args": args.candidValue]) }

  public init(candidValue: CandidValue) throws(CandidError) {
    args = try CandidRecord(candidValue).field("args")
  }
}

/// `install_args`: the cluster that a node becomes a part of.
public struct InstallArgs: CandidConvertible {
  public var allNodes: [String]
  /// The receiver's id, and the map in force.
  public var node: Principal?
  public var map: ClusterMap?

  public init(allNodes: [String], node: Principal?, map: ClusterMap?) {
    self.allNodes = allNodes
    self.node = node
    self.map = map
  }

  public static let candidType = CandidType.record(fields: [
    "all_nodes": .vec(.text), "node": .opt(.principal), "map": .opt(ClusterMap.candidType),
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "all_nodes": allNodes.candidValue, "node": node.candidValue, "map": map.candidValue,
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    allNodes = try record.field("all_nodes")
    node = try record.field("node")
    map = try record.field("map")
  }
}

/// `wasm_init_args`: a chunk of the module, in order.
public struct WasmInitArgs: CandidConvertible {
  /// 0 starts a module, 1 goes on, 2 ends it.
  public var position: UInt8
  public var chunk: [UInt8]
  /// Where the chunk begins in the module, in bytes; it makes gaps and duplicates certain.
  public var offset: UInt64?
  /// SHA-256 of the whole module, checked with the last chunk.
  public var sha256: [UInt8]?

  public init(position: UInt8, chunk: [UInt8], offset: UInt64?, sha256: [UInt8]?) {
    self.position = position
    self.chunk = chunk
    self.offset = offset
    self.sha256 = sha256
  }

  public static let candidType = CandidType.record(fields: [
    "position": .nat8, "wasm_chunk": .blob, "offset": .opt(.nat64), "sha256": .opt(.blob),
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "position": .nat8(position), "wasm_chunk": .blob(chunk), "offset": offset.candidValue,
      "sha256": sha256.candidValue,
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    position = try record.field("position")
    chunk = try record.field("wasm_chunk")
    offset = try record.field("offset")
    sha256 = try record.field("sha256")
  }
}

/// `NodeResult`: the owner's id when a key lives elsewhere, else the result.
public enum NodeResult<Result: CandidConvertible>: CandidConvertible {
  case nodeID(Principal)
  case result(Result)

  public static var candidType: CandidType {
    .variant(cases: ["NodeId": .principal, "Result": Result.candidType])
  }

  public var candidValue: CandidValue {
    switch self {
    case .nodeID(let node): .variant("NodeId", .principal(node))
    case .result(let result): .variant("Result", result.candidValue)
    }
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let variant = try CandidVariant(candidValue)
    switch variant.label {
    case "NodeId": self = .nodeID(try variant.payload())
    case "Result": self = .result(try variant.payload())
    default: throw variant.unknownCase
    }
  }
}
