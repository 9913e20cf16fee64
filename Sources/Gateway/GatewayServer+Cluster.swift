import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage

extension GatewayServer {
  /// `node_info` of the cluster as a whole: 200 when every member serves.
  func clusterInfo(_ exchange: Exchange) throws(Problem) -> Disposition {
    let info = ClusterSummary.info(of: coordinator)
    try QueryAnswer.make(info, to: exchange, status: info.status.isServing ? 200 : 503)
      .write(to: exchange)
    return .done
  }

  /// `nodes`: every node's health.
  func nodes(_ exchange: Exchange) throws(Problem) -> Disposition {
    try QueryAnswer.make(ClusterSummary.nodes(of: coordinator), to: exchange).write(to: exchange)
    return .done
  }

  /// `ring`: epoch, digest and members.
  func ring(_ exchange: Exchange) throws(Problem) -> Disposition {
    try QueryAnswer.make(RingDescription(coordinator), to: exchange).write(to: exchange)
    return .done
  }

  /// `cluster_map`: the whole map with the cluster's hash key, for its nodes.
  func clusterMap(_ exchange: Exchange) throws(Problem) -> Disposition {
    try ControlCall.authorise(credential, exchange, "cluster_map")
    try QueryAnswer.make(coordinator.map, to: exchange).write(to: exchange)
    return .done
  }

  /// `scale`: grows the cluster by hand, or tells what that would move.
  func scale(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall("scale", exchange, credential: credential)
    let request: ScaleRequest = try call.argument()
    do throws(ClusterError) {
      try coordinator.checkRoomForNode()
    } catch {
      throw Problem(error)
    }
    let plan = ScalePlan(coordinator)
    var result = ScaleResult(
      node: nil, nodes: UInt32(clamping: plan.nodes), moves: plan.moves, message: plan.message)
    if request.plan != true {
      do throws(ClusterError) {
        let nodes = try coordinator.addNodes(reason: "asked for by hand")
        result.node = nodes.first
        result.message = "the node is joining; GET /ring tells when it has"
      } catch {
        throw Problem(error)
      }
    }
    call.answer(.success(result)).write(to: exchange)
    return .done
  }
}

/// What the gateway tells of the cluster.
enum ClusterSummary {
  static func info(of coordinator: Coordinator) -> NodeInfo {
    let map = coordinator.map
    let infos = map.members.compactMap { coordinator.reports[$0] }
    let missing = map.members.filter { !(coordinator.reports[$0]?.status.isServing ?? false) }
    let status: NodeStatus
    if !coordinator.machine.state.isBootstrapped {
      status = .initialized
    } else if !missing.isEmpty {
      let names = missing.prefix(3).map(\.text).joined(separator: ", ")
      status = .error(
        .broadcast("\(missing.count) of \(map.members.count) nodes do not serve: \(names)"))
    } else {
      status = coordinator.machine.state.change == nil ? .ready : .scaleUp
    }
    return NodeInfo(
      allNodes: map.members.map(\.text), previousNode: nil, nextNode: nil, status: status,
      cyclesBalance: infos.reduce(0) { $0 &+ $1.cyclesBalance }, node: nil,
      size: infos.reduce(0) { $0 &+ $1.size }, bytes: infos.reduce(0) { $0 &+ $1.bytes },
      epoch: map.ring.epoch, revision: map.revision, ringDigest: map.digestText,
      requestsPerSecond: infos.reduce(0) { $0 + $1.requestsPerSecond },
      moduleSHA256: coordinator.machine.state.moduleDigest.map(SHA256.hexadecimal),
      version: scaledStorageVersion, durability: infos.first?.durability ?? "",
      isPurging: infos.contains { $0.isPurging }, handover: infos.lazy.compactMap(\.handover).first,
      incarnation: 0, processID: ProcessTable.ownID)
  }

  static func nodes(of coordinator: Coordinator) -> [NodeEntry] {
    coordinator.machine.nodes.keys.sorted().map { node in
      let view = coordinator.machine.nodes[node]
      return NodeEntry(
        id: node, address: view?.address,
        state: state(of: node, coordinator), info: coordinator.reports[node])
    }
  }

  static func state(of node: Principal, _ coordinator: Coordinator) -> String {
    if !coordinator.map.contains(node) { return "joining" }
    switch coordinator.machine.nodes[node]?.process {
    case .running: return coordinator.reports[node] == nil ? "unreachable" : "member"
    case .launching: return "launching"
    case .stopped, nil: return "stopped"
    }
  }
}

/// One node as `/nodes` shows it.
struct NodeEntry: CandidRecord {
  var id: Principal
  var address: String?
  var state: String
  var info: NodeInfo?

  static let candidFields = CandidFields(
    NodeEntry.init(id:address:state:info:),
    CandidMember("id", \.id), CandidMember("address", \.address), CandidMember("state", \.state),
    CandidMember("info", \.info))
}

/// The ring as `/ring` shows it: without the hash key, which is the cluster's secret.
struct RingDescription: CandidRecord {
  struct Member: CandidRecord {
    var id: Principal
    var address: String?
    var state: String

    static let candidFields = CandidFields(
      Member.init(id:address:state:), CandidMember("id", \.id), CandidMember("address", \.address),
      CandidMember("state", \.state))
  }

  var epoch: UInt64
  var revision: UInt64
  var digest: String
  var members: [Member]
  var joining: Principal?
  var isSettled: Bool

  static let candidFields = CandidFields(
    RingDescription.init(epoch:revision:digest:members:joining:isSettled:),
    CandidMember("epoch", \.epoch), CandidMember("revision", \.revision),
    CandidMember("digest", \.digest),
    CandidMember("members", \.members), CandidMember("joining", \.joining),
    CandidMember("settled", \.isSettled))
}

extension RingDescription {
  init(_ coordinator: Coordinator) {
    let map = coordinator.map
    epoch = map.ring.epoch
    revision = map.revision
    digest = map.digestText
    members = map.members.map { node in
      Member(
        id: node, address: map.addresses[node],
        state: ClusterSummary.state(of: node, coordinator))
    }
    joining = coordinator.machine.state.change?.joining.first
    isSettled = coordinator.machine.isSettled
  }
}
