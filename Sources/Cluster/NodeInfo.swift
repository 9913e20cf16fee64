public import Candid

/// `node_info`: a node's health, as the original's fields and ours, which old readers skip.
public struct NodeInfo: CandidConvertible {
  public var allNodes: [String]
  public var previousNode: Principal?
  public var nextNode: Principal?
  public var status: NodeStatus
  /// Nanoseconds of its core that the node left unused in the last second: its budget of work.
  public var cyclesBalance: UInt64
  public var node: Principal?
  /// Live keys, and the bytes of these keys and their values.
  public var size: UInt64
  public var bytes: UInt64
  public var epoch: UInt64
  public var revision: UInt64
  public var ringDigest: String
  public var requestsPerSecond: Double
  public var moduleSHA256: String?
  public var version: String
  public var durability: String
  /// Keys that moved away are still being removed.
  public var isPurging: Bool
  public var handover: HandoverStatus?
  /// A number drawn at each start of the process.
  public var incarnation: UInt64
  public var processID: UInt32

  public init(
    allNodes: [String], previousNode: Principal?, nextNode: Principal?, status: NodeStatus,
    cyclesBalance: UInt64, node: Principal?, size: UInt64, bytes: UInt64, epoch: UInt64,
    revision: UInt64, ringDigest: String, requestsPerSecond: Double, moduleSHA256: String?,
    version: String, durability: String, isPurging: Bool, handover: HandoverStatus?,
    incarnation: UInt64, processID: UInt32
  ) {
    self.allNodes = allNodes
    self.previousNode = previousNode
    self.nextNode = nextNode
    self.status = status
    self.cyclesBalance = cyclesBalance
    self.node = node
    self.size = size
    self.bytes = bytes
    self.epoch = epoch
    self.revision = revision
    self.ringDigest = ringDigest
    self.requestsPerSecond = requestsPerSecond
    self.moduleSHA256 = moduleSHA256
    self.version = version
    self.durability = durability
    self.isPurging = isPurging
    self.handover = handover
    self.incarnation = incarnation
    self.processID = processID
  }

  public static let candidType = CandidType.record(fields: [
    "all_nodes": .vec(.text), "prev_node_id": .opt(.principal), "next_node_id": .opt(.principal),
    "status": NodeStatus.candidType, "cycles_balance": .nat64, "node_id": .opt(.principal),
    "size": .nat64, "bytes": .nat64, "epoch": .nat64, "revision": .nat64, "ring_digest": .text,
    "requests_per_second": .float64, "module_sha256": .opt(.text), "version": .text,
    "durability": .text, "purging": .bool, "handover": .opt(HandoverStatus.candidType),
    "incarnation": .nat64, "process_id": .nat32,
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "all_nodes": allNodes.candidValue, "prev_node_id": previousNode.candidValue,
      "next_node_id": nextNode.candidValue, "status": status.candidValue,
      "cycles_balance": .nat64(cyclesBalance), "node_id": node.candidValue, "size": .nat64(size),
      "bytes": .nat64(bytes), "epoch": .nat64(epoch), "revision": .nat64(revision),
      "ring_digest": .text(ringDigest), "requests_per_second": .float64(requestsPerSecond),
      "module_sha256": moduleSHA256.candidValue, "version": .text(version),
      "durability": .text(durability), "purging": .bool(isPurging),
      "handover": handover.candidValue, "incarnation": .nat64(incarnation),
      "process_id": .nat32(processID),
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    allNodes = try record.field("all_nodes")
    previousNode = try record.field("prev_node_id")
    nextNode = try record.field("next_node_id")
    status = try record.field("status")
    cyclesBalance = try record.field("cycles_balance")
    node = try record.field("node_id")
    size = try record.field("size")
    bytes = try record.field("bytes")
    epoch = try record.field("epoch")
    revision = try record.field("revision")
    ringDigest = try record.field("ring_digest")
    requestsPerSecond = try record.field("requests_per_second")
    moduleSHA256 = try record.field("module_sha256")
    version = try record.field("version")
    durability = try record.field("durability")
    isPurging = try record.field("purging")
    handover = try record.field("handover")
    incarnation = try record.field("incarnation")
    processID = try record.field("process_id")
  }
}

/// `node_info_status`.
public enum NodeStatus: Hashable, CandidConvertible {
  /// The node runs and waits for `init_canister_manager`.
  case initialized
  case ready
  case error(NodeError)
  case shutDown
  /// Keys move from or to this node; it serves.
  case migrating
  case scaleUp
  case scaleDown

  /// Whether the node answers keyed requests.
  public var isServing: Bool {
    switch self {
    case .ready, .migrating, .scaleUp: true
    case .initialized, .error, .shutDown, .scaleDown: false
    }
  }

  public static let candidType = CandidType.variant(cases: [
    "Initialized": .null, "Ready": .null, "Error": NodeError.candidType, "ShutDown": .null,
    "Migrating": .null, "ScaleUp": .null, "ScaleDown": .null,
  ])

  /// The name of the case, as it is shown.
  public var name: String {
    switch self {
    case .initialized: "Initialized"
    case .ready: "Ready"
    case .error: "Error"
    case .shutDown: "ShutDown"
    case .migrating: "Migrating"
    case .scaleUp: "ScaleUp"
    case .scaleDown: "ScaleDown"
    }
  }

  public var candidValue: CandidValue {
    if case .error(let error) = self { return .variant(name, error.candidValue) }
    return .variant(name)
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let variant = try CandidVariant(candidValue)
    switch variant.label {
    case "Initialized": self = .initialized
    case "Ready": self = .ready
    case "Error": self = .error(try variant.payload())
    case "ShutDown": self = .shutDown
    case "Migrating": self = .migrating
    case "ScaleUp": self = .scaleUp
    case "ScaleDown": self = .scaleDown
    default: throw variant.unknownCase
    }
  }
}

/// `NodeError`.
public enum NodeError: Hashable, CandidConvertible {
  case migration(String)
  case scaleUp(String)
  case initialize(String)
  case broadcast(String)

  public static let candidType = CandidType.variant(cases: [
    "Migration": .text, "ScaleUp": .text, "Initialize": .text, "Broadcast": .text,
  ])

  public var candidValue: CandidValue {
    switch self {
    case .migration(let text): .variant("Migration", .text(text))
    case .scaleUp(let text): .variant("ScaleUp", .text(text))
    case .initialize(let text): .variant("Initialize", .text(text))
    case .broadcast(let text): .variant("Broadcast", .text(text))
    }
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let variant = try CandidVariant(candidValue)
    switch variant.label {
    case "Migration": self = .migration(try variant.payload())
    case "ScaleUp": self = .scaleUp(try variant.payload())
    case "Initialize": self = .initialize(try variant.payload())
    case "Broadcast": self = .broadcast(try variant.payload())
    default: throw variant.unknownCase
    }
  }
}

extension HandoverStatus: CandidConvertible {
  public static let candidType = CandidType.record(fields: [
    "epoch": .nat64, "phase": .text, "sent_keys": .nat64, "backlog": .nat64,
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "epoch": .nat64(epoch), "phase": .text(phase), "sent_keys": .nat64(sentKeys),
      "backlog": .nat64(backlog),
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    epoch = try record.field("epoch")
    phase = try record.field("phase")
    sentKeys = try record.field("sent_keys")
    backlog = try record.field("backlog")
  }
}

/// What the coordinator keeps of a node's report.
public struct NodeReport: Sendable {
  public var identity: Principal?
  public var status: NodeStatus
  public var keys: UInt64
  public var bytes: UInt64
  public var epoch: UInt64
  public var revision: UInt64
  public var handover: HandoverStatus?
  public var isPurging: Bool
  public var moduleDigest: [UInt8]?

  public init(
    identity: Principal?, status: NodeStatus, keys: UInt64, bytes: UInt64, epoch: UInt64,
    revision: UInt64, handover: HandoverStatus?, isPurging: Bool, moduleDigest: [UInt8]?
  ) {
    self.identity = identity
    self.status = status
    self.keys = keys
    self.bytes = bytes
    self.epoch = epoch
    self.revision = revision
    self.handover = handover
    self.isPurging = isPurging
    self.moduleDigest = moduleDigest
  }
}
