import Candid
import Cluster
import Placement
import ScaledStorage
import WireProtocol

/// What the status page shows, in the parts that change apart from each other, each as JSON.
struct StatusParts {
  var cluster: [UInt8]
  var nodes: [(id: Principal, json: [UInt8])]
  var change: [UInt8]
  var decisions: [UInt8]

  /// The decisions that are shown.
  private static let shownDecisions = 30

  /// What is the case now. O(nodes).
  init(_ coordinator: Coordinator, lastKnown: [Principal: NodeInfo]) {
    let health = ClusterHealth(coordinator)
    let map = coordinator.map
    let machine = coordinator.machine
    var json = JSONText()
    json.object { json in
      json.field("state", health.state.rawValue)
      json.field("reason", health.reason)
      json.field("notice", health.notice)
      json.field("version", scaledStorageVersion)
      json.field("epoch", map.ring.epoch)
      json.field("revision", map.revision)
      json.field("digest", map.digestText)
      json.field("members", map.members.count)
      json.field("settled", machine.isSettled)
      json.field("durability", coordinator.reports.values.first?.durability)
      json.field("module", coordinator.machine.state.moduleDigest.map(StatusParts.hexadecimal))
      json.field("leads", coordinator.isLeading)
      json.field("leader", coordinator.log.leader)
      json.field("dry_run", coordinator.isDryRun)
      json.field("scaler", coordinator.lastDecision?.reason)
    }
    cluster = json.bytes
    nodes = machine.nodes.keys.sorted().map { node in
      (node, StatusParts.node(node, coordinator, lastKnown[node]))
    }
    change = StatusParts.change(coordinator)
    decisions = StatusParts.decisions(coordinator.decisions)
  }

  private static func hexadecimal(_ digest: [UInt8]) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  // MARK: - A node

  private static func node(
    _ node: Principal, _ coordinator: Coordinator, _ known: NodeInfo?
  ) -> [UInt8] {
    let report = coordinator.reports[node]
    let members = coordinator.map.members
    var json = JSONText()
    json.object { json in
      json.field("id", node.text)
      json.field("number", node.canisterNumber)
      json.field("address", coordinator.machine.nodes[node]?.address)
      json.field("state", ClusterSummary.state(of: node, coordinator))
      json.field("status", report?.status.name)
      json.field("problem", report.flatMap(problem))
      json.field("share", coordinator.map.contains(node) ? 1 / Double(members.count) : 0)
      // What a node had when it was heard of last is nearer to the truth than nothing.
      json.field("keys", known?.size)
      json.field("bytes", known?.bytes)
      json.field("requests_per_second", report?.requestsPerSecond ?? 0)
      json.field("latency_p50_us", report?.latencyP50)
      json.field("latency_p99_us", report?.latencyP99)
      json.field("utilisation", report?.report.utilisation)
      json.field("silent_seconds", report == nil ? coordinator.silence(of: node) : nil)
      json.field("process", known?.processID)
      json.field("version", known?.version)
      json.field("epoch", known?.epoch)
      json.field("purging", report?.isPurging ?? false)
      json.name("handover")
      if let handover = report?.handover { write(handover, to: &json) } else { json.raw("null") }
    }
    return json.bytes
  }

  private static func problem(_ info: NodeInfo) -> String? {
    if case .error(let error) = info.status { error.message } else { nil }
  }

  private static func write(_ handover: HandoverStatus, to json: inout JSONText) {
    json.object { json in
      json.field("epoch", handover.epoch)
      json.field("phase", handover.phase)
      json.field("sent_keys", handover.sentKeys)
      json.field("backlog", handover.backlog)
      json.field("scanned_keys", handover.progress?.scannedKeys)
      json.field("keys", handover.progress?.keys)
      json.field("sent_bytes", handover.progress?.sentBytes)
      json.field("expected_bytes", handover.progress?.expectedBytes)
      json.field("bytes_per_second", handover.progress?.bytesPerSecond)
    }
  }

  // MARK: - The change under way

  private static func change(_ coordinator: Coordinator) -> [UInt8] {
    var json = JSONText()
    guard let change = coordinator.machine.changeStatus else {
      json.raw("null")
      return json.bytes
    }
    let members = coordinator.map.members
    let stay = members.filter { !change.leaving.contains($0) && !change.joining.contains($0) }
    json.object { json in
      json.field("joining", nodes: change.joining)
      json.field("leaving", nodes: change.leaving)
      json.field("from", nodes: change.leaving.isEmpty ? stay : change.leaving)
      json.field("to", nodes: change.leaving.isEmpty ? change.joining : stay)
      json.field("epoch", change.epoch)
      json.field("step", change.step)
      json.field("decided", change.isDecided)
      json.field("scanned_keys", change.copy.scannedKeys)
      json.field("keys", change.copy.keys)
      json.field("sent_keys", change.copy.sentKeys)
      json.field("sent_bytes", change.copy.sentBytes)
      json.field("expected_bytes", change.copy.expectedBytes)
      json.field("bytes_per_second", change.copy.bytesPerSecond)
    }
    return json.bytes
  }

  // MARK: - Decisions

  /// The latest, the oldest first.
  private static func decisions(_ log: DecisionLog) -> [UInt8] {
    var json = JSONText()
    json.array(log.entries.suffix(shownDecisions)) { json, entry in
      json.object { json in
        json.field("number", entry.number)
        json.field("time_ms", entry.time)
        json.field("ended_ms", entry.endedAt)
        json.field("origin", entry.origin.rawValue)
        json.field("action", entry.action.rawValue)
        json.field("count", entry.count)
        json.field("nodes", nodes: entry.nodes)
        json.field("reason", entry.reason)
        json.field("epoch", entry.epoch)
        json.field("outcome", entry.outcome.rawValue)
        json.field("detail", entry.detail)
      }
    }
    return json.bytes
  }
}
