import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import WireProtocol

extension GatewayServer {
  /// `metrics`: figures of the gateway, and what it knows of the cluster, in Prometheus' text
  /// format.
  func metrics(_ exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "read the metrics by GET")
    }
    let pending = try later(exchange)
    slowFigures.read { [weak self] slow in
      guard let self, let server else { return }
      var text = MetricsText()
      ServiceMetrics(
        server: server, kinds: kinds, meter: meter, loop: server.loop, tls: coordinator.tls,
        role: "gateway", startedAt: startedAt
      ).write(slow, to: &text)
      ClusterMetrics(coordinator: coordinator).write(to: &text)
      forwarder.counts.write(to: &text)
      tracer.write(to: &text)
      pending.answer(
        Answer(
          status: 200, contentType: MetricsText.contentType, body: Array(text.text.utf8)))
    }
    return pending.disposition()
  }
}

/// What the gateway's metrics tell of the cluster.
private struct ClusterMetrics {
  let coordinator: Coordinator

  func write(to text: inout MetricsText) {
    writeRing(to: &text)
    writeNodes(to: &text)
    writeLoads(to: &text)
    writeChange(to: &text)
    writeRestarts(to: &text)
    writeScaler(to: &text)
  }

  private func writeRing(to text: inout MetricsText) {
    let map = coordinator.map
    let machine = coordinator.machine
    text.add(
      "scaled_storage_gateway_leads", .gauge,
      "1 while this gateway leads: of several with one log, one does.", flag(coordinator.isLeading))
    text.add(
      "scaled_storage_gateway_knows_leader", .gauge,
      "1 while this gateway leads or knows which one does.", flag(coordinator.knowsLeader))
    text.begin(
      "scaled_storage_etcd_silent_seconds", .gauge,
      "For how long etcd has done nothing that this gateway asked of it, where there is one.")
    if let silence = coordinator.log.silence { text.sample(silence / .seconds(1)) }
    text.add("scaled_storage_ring_epoch", .gauge, "The epoch of the ring.", map.ring.epoch)
    text.add(
      "scaled_storage_ring_revision", .gauge, "The revision of the cluster's map.", map.revision)
    text.add(
      "scaled_storage_ring_members", .gauge, "Members of the ring.", UInt64(map.members.count))
    text.begin("scaled_storage_ring_info", .gauge, "The digest of the ring, as of all that agree.")
    text.info([("digest", map.digestText)])
    text.add(
      "scaled_storage_cluster_settled", .gauge,
      "1 while no change of the ring is under way and every member is in its place.",
      flag(machine.isSettled))
    text.add(
      "scaled_storage_cluster_module_rolling", .gauge, "1 while a module comes to the nodes.",
      flag(machine.state.isModuleRolling))
  }

  // MARK: - Nodes, as the gateway sees them

  private var nodes: [Principal] { coordinator.machine.nodes.keys.sorted() }

  private func writeNodes(to text: inout MetricsText) {
    // Of members alone: one that joins, has left or is blank does not serve, and nobody misses it.
    text.begin(
      "scaled_storage_cluster_node_up", .gauge,
      "1 while the member of the ring answers the gateway and serves.")
    for node in nodes where coordinator.map.contains(node) {
      text.sample(
        flag(coordinator.reports[node]?.status.isServing ?? false), [("node", node.text)])
    }
    text.begin(
      "scaled_storage_cluster_node_info", .gauge, "Each node's state and address.")
    for node in nodes {
      text.info([
        ("node", node.text), ("state", ClusterSummary.state(of: node, coordinator)),
        ("address", coordinator.machine.nodes[node]?.address ?? ""),
      ])
    }
    text.begin(
      "scaled_storage_cluster_node_ring_epoch", .gauge, "The epoch of the ring that a node has.")
    for (node, report) in reports { text.sample(report.epoch, [("node", node.text)]) }
    text.begin(
      "scaled_storage_cluster_node_ring_agrees", .gauge,
      "1 while a node has the ring that the gateway routes by.")
    for (node, report) in reports {
      text.sample(flag(report.ringDigest == coordinator.map.digestText), [("node", node.text)])
    }
  }

  private var reports: [(node: Principal, report: NodeInfo)] {
    nodes.compactMap { node in coordinator.reports[node].map { (node, $0) } }
  }

  private func writeLoads(to text: inout MetricsText) {
    let reports = reports
    text.begin("scaled_storage_cluster_node_keys", .gauge, "Live keys of a node.")
    for (node, report) in reports { text.sample(report.size, [("node", node.text)]) }
    text.begin("scaled_storage_cluster_node_bytes", .gauge, "Bytes of a node's keys and values.")
    for (node, report) in reports { text.sample(report.bytes, [("node", node.text)]) }
    text.begin(
      "scaled_storage_cluster_node_requests_per_second", .gauge,
      "Requests that a node answered in the last second.")
    for (node, report) in reports { text.sample(report.requestsPerSecond, [("node", node.text)]) }
    text.begin(
      "scaled_storage_cluster_node_utilisation_ratio", .gauge,
      "The share of its core that a node's loop used in the last second, 0 to 1.")
    for (node, report) in reports {
      text.sample(report.report.utilisation, [("node", node.text)])
    }
    text.begin(
      "scaled_storage_cluster_node_latency_seconds", .gauge,
      "How long the answers of the last second took at a node: half of them, and 99 in 100.")
    for (node, report) in reports {
      for (part, time) in [("0.5", report.latencyP50), ("0.99", report.latencyP99)] {
        guard let time else { continue }
        text.sample(Double(time) / 1e6, [("node", node.text), ("quantile", part)])
      }
    }
  }

  // MARK: - The ring's changes

  private func writeChange(to text: inout MetricsText) {
    let change = coordinator.machine.changeStatus
    text.add(
      "scaled_storage_change_active", .gauge, "1 while a change of the ring is under way.",
      flag(change != nil))
    text.add(
      "scaled_storage_change_failures", .gauge, "Changes that failed in a row, until now.",
      coordinator.machine.failures)
    let seconds = change?.startedAt.map { Double(coordinator.now &- $0) / 1_000 } ?? 0
    text.add(
      "scaled_storage_change_duration_seconds", .gauge,
      "For how long the change has been under way; 0 without one.", seconds)
    let copy = change?.copy
    text.begin("scaled_storage_change_step_info", .gauge, "The step of the change.")
    if let change {
      text.info([("step", change.step), ("kind", change.leaving.isEmpty ? "join" : "leave")])
    }
    text.add(
      "scaled_storage_change_sent_keys", .gauge, "Keys that the change has copied.",
      copy?.sentKeys ?? 0)
    text.add(
      "scaled_storage_change_remaining_keys", .gauge, "Keys that its copy has yet to look at.",
      rest(of: copy?.keys, after: copy?.scannedKeys))
    text.add(
      "scaled_storage_change_sent_bytes", .gauge, "Bytes that the change has copied.",
      copy?.sentBytes ?? 0)
    text.add(
      "scaled_storage_change_remaining_bytes", .gauge, "About how many bytes it has yet to copy.",
      rest(of: copy?.expectedBytes, after: copy?.sentBytes))
    text.add(
      "scaled_storage_change_bytes_per_second", .gauge, "How fast it copies.",
      copy?.bytesPerSecond ?? 0)
  }

  private func writeRestarts(to text: inout MetricsText) {
    let restarts = coordinator.machine.state.restarts
    let isActive = coordinator.machine.isRestarting
    text.add(
      "scaled_storage_rolling_restart_active", .gauge,
      "1 while nodes start again one after the other.", flag(isActive))
    text.add(
      "scaled_storage_rolling_restart_remaining_nodes", .gauge,
      "Nodes that have yet to start again; 0 without a rolling restart.",
      UInt64(isActive ? max(0, (restarts?.nodes.count ?? 0) - (restarts?.done ?? 0)) : 0))
  }

  private func writeScaler(to text: inout MetricsText) {
    text.begin(
      "scaled_storage_scaler_decisions_total", .counter,
      "Decisions about the nodes, by who took them and what came of them.")
    let totals = coordinator.decisions.totals
    for origin in DecisionLog.Origin.allCases {
      for action in DecisionLog.Action.allCases {
        for outcome in DecisionLog.Outcome.allCases where outcome != .underWay {
          let kind = DecisionLog.Kind(origin: origin, action: action, outcome: outcome)
          text.sample(
            totals[kind] ?? 0,
            [
              ("origin", origin.rawValue), ("action", action.rawValue),
              ("outcome", outcome.rawValue),
            ])
        }
      }
    }
    text.add(
      "scaled_storage_scaler_at_limit", .gauge,
      "1 while the load calls for more nodes than there may be.",
      flag(coordinator.scaler.isAtLimit))
    text.add(
      "scaled_storage_scaler_minimum_nodes", .gauge, "The fewest nodes there may be.",
      UInt64(max(0, coordinator.policy.minimumNodes)))
    text.add(
      "scaled_storage_scaler_maximum_nodes", .gauge, "The most nodes there may be.",
      UInt64(max(0, coordinator.policy.maximumNodes)))
  }

  private func rest(of all: UInt64?, after done: UInt64?) -> UInt64 {
    let (all, done) = (all ?? 0, done ?? 0)
    return all > done ? all - done : 0
  }

  private func flag(_ isSet: Bool) -> UInt64 { isSet ? 1 : 0 }
}
