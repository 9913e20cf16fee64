public import Candid

/// `node_info`: a node's health, as the original's fields and ours, which old readers skip.
public struct NodeInfo: CandidRecord {
  public var allNodes: [String]
  public var previousNode: Principal?
  public var nextNode: Principal?
  public var status: NodeStatus
  /// Fuel that the calls of the node's module may still use: its budget of metered work, which
  /// every second refills.
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
  /// Nanoseconds of its core that the node left unused in the last second; programs of before told
  /// them as `cycles_balance`.
  public var idleNanoseconds: UInt64?
  /// Fuel that calls of the module have used since the node started, in all and by method.
  public var fuelUsed: UInt64?
  public var moduleMethods: [MethodUse]?
  /// Microseconds within which half of the last second's answers to users were given, and 99 in
  /// 100; nil when there were none, or from programs of before.
  public var latencyP50: UInt64?
  public var latencyP99: UInt64?
  /// Tells clusters apart; nil before a node belongs to one, and from programs of before.
  public var cluster: String?

  public init(
    allNodes: [String], previousNode: Principal?, nextNode: Principal?, status: NodeStatus,
    cyclesBalance: UInt64, node: Principal?, size: UInt64, bytes: UInt64, epoch: UInt64,
    revision: UInt64, ringDigest: String, requestsPerSecond: Double, moduleSHA256: String?,
    version: String, durability: String, isPurging: Bool, handover: HandoverStatus?,
    incarnation: UInt64, processID: UInt32, idleNanoseconds: UInt64? = nil,
    fuelUsed: UInt64? = nil, moduleMethods: [MethodUse]? = nil,
    latencyP50: UInt64? = nil, latencyP99: UInt64? = nil, cluster: String? = nil
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
    self.idleNanoseconds = idleNanoseconds
    self.fuelUsed = fuelUsed
    self.moduleMethods = moduleMethods
    self.latencyP50 = latencyP50
    self.latencyP99 = latencyP99
    self.cluster = cluster
  }

  public static let candidFields = CandidFields(
    NodeInfo.init(
      allNodes:previousNode:nextNode:status:cyclesBalance:node:size:bytes:epoch:revision:
      ringDigest:requestsPerSecond:moduleSHA256:version:durability:isPurging:handover:
      incarnation:processID:idleNanoseconds:fuelUsed:moduleMethods:latencyP50:latencyP99:
      cluster:),
    CandidMember("all_nodes", \.allNodes), CandidMember("prev_node_id", \.previousNode),
    CandidMember("next_node_id", \.nextNode),
    CandidMember("status", \.status), CandidMember("cycles_balance", \.cyclesBalance),
    CandidMember("node_id", \.node),
    CandidMember("size", \.size), CandidMember("bytes", \.bytes), CandidMember("epoch", \.epoch),
    CandidMember("revision", \.revision),
    CandidMember("ring_digest", \.ringDigest),
    CandidMember("requests_per_second", \.requestsPerSecond),
    CandidMember("module_sha256", \.moduleSHA256), CandidMember("version", \.version),
    CandidMember("durability", \.durability),
    CandidMember("purging", \.isPurging), CandidMember("handover", \.handover),
    CandidMember("incarnation", \.incarnation),
    CandidMember("process_id", \.processID), CandidMember("idle_nanoseconds", \.idleNanoseconds),
    CandidMember("fuel_used", \.fuelUsed), CandidMember("module_methods", \.moduleMethods),
    CandidMember("latency_p50_us", \.latencyP50), CandidMember("latency_p99_us", \.latencyP99),
    CandidMember("cluster", \.cluster))
}

/// What the calls of one method of the module have used at a node since it started.
public struct MethodUse: Hashable, CandidRecord {
  public var name: String
  public var calls: UInt64
  /// Calls that failed; one that the method rejected is none.
  public var failures: UInt64
  public var fuel: UInt64

  public init(name: String, calls: UInt64, failures: UInt64, fuel: UInt64) {
    self.name = name
    self.calls = calls
    self.failures = failures
    self.fuel = fuel
  }

  public static let candidFields = CandidFields(
    MethodUse.init(name:calls:failures:fuel:), CandidMember("name", \.name),
    CandidMember("calls", \.calls), CandidMember("failures", \.failures),
    CandidMember("fuel", \.fuel))
}

/// `node_info_status`.
public enum NodeStatus: Hashable, CandidVariant {
  /// The node runs and waits for `init_canister_manager`.
  case initialized
  case ready
  case error(NodeError)
  /// The node ends, or has left the ring: it has no keys any more and tells who does.
  case shutDown
  /// Keys come to this node from members that leave; it serves.
  case migrating
  /// This node joins, or others join and get keys of this one; it serves, or tells who does.
  case scaleUp
  /// This node leaves and hands its keys over; it serves them until the others do.
  case scaleDown

  /// Whether the node answers keyed requests.
  public var isServing: Bool {
    switch self {
    case .ready, .migrating, .scaleUp, .scaleDown: true
    case .initialized, .error, .shutDown: false
    }
  }

  public static let candidCases = CandidCases<NodeStatus>(
    .case("Initialized", .initialized), .case("Ready", .ready),
    .case("Error", NodeStatus.error) { if case .error(let error) = $0 { error } else { nil } },
    .case("ShutDown", .shutDown), .case("Migrating", .migrating), .case("ScaleUp", .scaleUp),
    .case("ScaleDown", .scaleDown))

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

  /// The same, with what the node says of an error.
  package var told: String {
    if case .error(let error) = self { "\(name): \(error.message)" } else { name }
  }
}

extension NodeStatus {
  private static let fenceMark = "fenced: "

  /// What a node is that answers for no key while it is not certain of its identity; an error,
  /// since programs of before know no other case for it.
  package static func fenced(_ reason: String) -> NodeStatus {
    .error(.initialize(fenceMark + reason))
  }

  package var isFenced: Bool {
    guard case .error(.initialize(let text)) = self else { return false }
    return text.hasPrefix(NodeStatus.fenceMark)
  }
}

/// `NodeError`.
public enum NodeError: Hashable, CandidVariant {
  case migration(String)
  case scaleUp(String)
  case initialize(String)
  case broadcast(String)

  public static let candidCases = CandidCases<NodeError>(
    .case("Migration", NodeError.migration) {
      if case .migration(let text) = $0 { text } else { nil }
    },
    .case("ScaleUp", NodeError.scaleUp) {
      if case .scaleUp(let text) = $0 { text } else { nil }
    },
    .case("Initialize", NodeError.initialize) {
      if case .initialize(let text) = $0 { text } else { nil }
    },
    .case("Broadcast", NodeError.broadcast) {
      if case .broadcast(let text) = $0 { text } else { nil }
    })

  /// What the node says of it.
  package var message: String {
    switch self {
    case .migration(let text), .scaleUp(let text), .initialize(let text), .broadcast(let text): text
    }
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
  public var requestsPerSecond: Double
  /// The share of its core that the node used in the last second, 0 to 1.
  public var utilisation: Double
  /// The time within which 99 in 100 of the last second's answers were given.
  public var latencyP99: Duration
  /// A number drawn at each start of the node's process, and the digest of the ring that it knows;
  /// nil where nobody tells.
  public var incarnation: UInt64?
  public var ringDigest: String?

  public init(
    identity: Principal?, status: NodeStatus, keys: UInt64, bytes: UInt64, epoch: UInt64,
    revision: UInt64, handover: HandoverStatus?, isPurging: Bool, moduleDigest: [UInt8]?,
    requestsPerSecond: Double = 0, utilisation: Double = 0, latencyP99: Duration = .zero,
    incarnation: UInt64? = nil, ringDigest: String? = nil
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
    self.requestsPerSecond = requestsPerSecond
    self.utilisation = utilisation
    self.latencyP99 = latencyP99
    self.incarnation = incarnation
    self.ringDigest = ringDigest
  }
}
