import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import WireProtocol

/// What the status page shows, in the parts that change apart from each other, each as JSON.
struct StatusParts {
  struct Part {
    let name: StaticString
    let json: [UInt8]
  }

  let nodes: [(id: Principal, json: [UInt8])]
  /// All but the nodes, always in the same order.
  let others: [Part]

  /// The decisions that are shown.
  private static let shownDecisions = 30

  /// What is the case now. O(nodes).
  /// - Parameters:
  ///   - lastKnown: what was heard of each node last.
  ///   - leaderless: for how long no gateway has led; nil when one does.
  init(_ coordinator: Coordinator, lastKnown: [Principal: NodeInfo], leaderless: Duration?) {
    nodes = coordinator.machine.nodes.keys.sorted().map { node in
      (node, StatusParts.node(node, coordinator, lastKnown[node]))
    }
    others = [
      Part(name: "cluster", json: StatusParts.cluster(coordinator, leaderless)),
      Part(name: "change", json: StatusParts.change(coordinator)),
      Part(name: "restarts", json: StatusParts.restarts(coordinator.machine)),
      Part(name: "module", json: StatusParts.module(coordinator.machine)),
      Part(name: "instances", json: StatusParts.instances(coordinator.launcher?.instances)),
      Part(name: "decisions", json: StatusParts.decisions(coordinator.decisions)),
    ]
  }

  private static func cluster(_ coordinator: Coordinator, _ leaderless: Duration?) -> [UInt8] {
    let health = ClusterHealth(coordinator, leaderless: leaderless)
    let map = coordinator.map
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
      json.field("settled", coordinator.machine.isSettled)
      json.field("durability", coordinator.reports.values.first?.durability)
      json.field("module", coordinator.machine.state.moduleDigest.map(SHA256.hexadecimal))
      json.field("shared", coordinator.log.silence != nil)
      json.field("leads", coordinator.isLeading)
      json.field("leader", coordinator.isLeading ? nil : coordinator.log.leader)
      json.field("dry_run", coordinator.isDryRun)
      json.field("scaler", coordinator.isLeading ? coordinator.lastDecision?.reason : nil)
    }
    return json.bytes
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
      json.field("fenced", report?.status.isFenced ?? false)
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

  // MARK: - A rolling restart

  private static func restarts(_ machine: CoordinatorMachine) -> [UInt8] {
    var json = JSONText()
    guard let restarts = machine.state.restarts else {
      json.raw("null")
      return json.bytes
    }
    let status = RollingRestartStatus(machine)
    json.object { json in
      json.field("under_way", status.isUnderWay)
      json.field("outcome", status.outcome)
      json.field("nodes", nodes: restarts.nodes)
      json.field("done", restarts.done)
      json.field("current", restarts.incarnation == nil ? nil : restarts.current?.text)
      json.field("failure", restarts.failure)
    }
    return json.bytes
  }

  // MARK: - The module

  private static func module(_ machine: CoordinatorMachine) -> [UInt8] {
    var json = JSONText()
    guard let digest = machine.state.moduleDigest else {
      json.raw("null")
      return json.bytes
    }
    let isRolling = machine.state.isModuleRolling
    json.object { json in
      json.field("sha256", SHA256.hexadecimal(digest))
      json.field("previous", machine.state.previousModuleDigest.map(SHA256.hexadecimal))
      json.field("rolling", isRolling)
      json.field("without", nodes: isRolling ? machine.membersWithoutModule : [])
      json.name("halt")
      if let halt = machine.moduleHalt {
        json.object { json in
          json.field("node", halt.node.text)
          json.field("reason", halt.failure.reason)
          json.field("attempts", halt.failure.count)
        }
      } else {
        json.raw("null")
      }
    }
    return json.bytes
  }

  // MARK: - Instances of a pool

  /// The names that are shown of each kind.
  private static let shownInstances = 12

  private static func instances(_ summary: InstanceSummary?) -> [UInt8] {
    var json = JSONText()
    guard let summary else {
      json.raw("null")
      return json.bytes
    }
    json.object { json in
      json.field("total", summary.total)
      json.field("holding", summary.holding)
      write("blank", summary.blank, to: &json)
      write("silent", summary.silent, to: &json)
      write("foreign", summary.foreign, to: &json)
    }
    return json.bytes
  }

  private static func write(_ kind: StaticString, _ names: [String], to json: inout JSONText) {
    json.name(kind)
    json.object { json in
      json.field("count", names.count)
      json.name("names")
      json.array(names.prefix(shownInstances)) { $0.text($1) }
    }
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
