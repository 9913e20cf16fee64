import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import WireProtocol

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

  /// `ring`: epoch, digest and members; with what places keys to those who know the credential,
  /// since the hash key is the cluster's secret. Who shows a credential that is none is told so.
  func ring(_ exchange: Exchange) throws(Problem) -> Disposition {
    var ring = RingDescription(coordinator)
    let identity = try access.identity(of: exchange)
    if identity.proof == .unknownToken || identity.proof == .missingCertificate {
      try access.admit(exchange, as: .cluster, to: "the placement of keys")
    }
    if identity.caller.role == .cluster { ring.placement = coordinator.map }
    try QueryAnswer.make(ring, to: exchange).write(to: exchange)
    return .done
  }

  /// `cluster_map`: the whole map with the cluster's hash key, for its nodes.
  func clusterMap(_ exchange: Exchange) throws(Problem) -> Disposition {
    try access.admit(exchange, as: .cluster, to: "cluster_map")
    try QueryAnswer.make(coordinator.map, to: exchange).write(to: exchange)
    return .done
  }

  /// `scale`: changes the number of nodes by hand, or tells what that would move.
  func scale(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall("scale", exchange, access, as: .admin)
    let request: ScaleRequest = try call.argument()
    let result: Result<ScaleResult, Problem>
    do throws(ClusterError) {
      result = .success(try coordinator.answer(request))
    } catch {
      result = .failure(Problem(error))
    }
    if request.plan != true { call.note(request.summary, result) }
    let answer = call.answer(.success(try result.get()))
    guard request.plan != true else {
      answer.write(to: exchange)
      return .done
    }
    return try answerOnceDurable(answer, call, exchange)
  }

  /// Gives `answer` once what was ordered is durable: a gateway that is killed right after it would
  /// have forgotten what it was told.
  func answerOnceDurable(
    _ answer: Answer, _ call: ControlCall, _ exchange: Exchange
  ) throws(Problem) -> Disposition {
    let pending = try later(exchange)
    coordinator.onceDurable(within: GatewayServer.storePatience) { durability in
      switch durability {
      case .durable: pending.answer(answer)
      case .superseded: pending.answer(call.answer(.failure(.superseded)))
      case .late: pending.answer(call.answer(.failure(.notStored)))
      }
    }
    return pending.disposition()
  }

  /// For how long an order may wait for the disk, or for etcd.
  private static let storePatience = Duration.seconds(10)
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
      status =
        switch coordinator.machine.state.change {
        case nil: .ready
        case let change?: change.leaving.isEmpty ? .scaleUp : .scaleDown
        }
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
      incarnation: 0, processID: ProcessTable.ownID,
      latencyP50: infos.compactMap(\.latencyP50).max(),
      latencyP99: infos.compactMap(\.latencyP99).max(), cluster: map.clusterID)
  }

  static func nodes(of coordinator: Coordinator) -> [NodeEntry] {
    coordinator.machine.nodes.keys.sorted().map { node in
      let view = coordinator.machine.nodes[node]
      return NodeEntry(
        id: node, address: view?.address,
        state: state(of: node, coordinator), info: coordinator.reports[node])
    }
  }

  /// `member`, `joining` or `leaving`, and `left` once the others have its keys; whoever is not
  /// there: `launching`, `unreachable` or `stopped`.
  static func state(of node: Principal, _ coordinator: Coordinator) -> String {
    let machine = coordinator.machine
    let change = machine.state.change
    switch machine.nodes[node]?.process {
    case .running:
      if change?.joining.contains(node) == true, !coordinator.map.contains(node) {
        return "joining"
      }
      guard coordinator.reports[node] != nil else { return "unreachable" }
      guard coordinator.map.contains(node) else { return "left" }
      return change?.leaving.contains(node) == true ? "leaving" : "member"
    case .launching: return "launching"
    case .stopped, nil: return "stopped"
    }
  }
}
