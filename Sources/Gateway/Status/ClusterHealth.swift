import Candid
import Cluster
import HTTPTransport
import Placement

/// How the cluster is, in a word and in a sentence for who looks at it at night.
struct ClusterHealth {
  enum State: String {
    /// The first node is not there yet.
    case starting
    case healthy
    /// The ring changes, or was changed and has still to be tidied up.
    case changing
    /// Some keys cannot be reached, or a node says that it has a problem.
    case degraded
  }

  var state: State
  var reason: String
  /// What is no harm now and yet worth knowing: what came to nothing lately.
  var notice: String?

  /// For how long no gateway may lead, as when the lead passes on, until that is a fault.
  private static let leaderlessPatience = Duration.seconds(30)
  /// For how long etcd, which is asked every few seconds, may be silent.
  private static let etcdPatience = Duration.seconds(10)
  /// For how long a node may be silent because it is being started again.
  private static let restartPatience = Int64(10)

  /// - Parameter leaderless: for how long no gateway has led; nil when one does.
  init(_ coordinator: Coordinator, leaderless: Duration?) {
    let machine = coordinator.machine
    let members = coordinator.map.members
    notice = ClusterHealth.notice(coordinator)
    let missing = members.filter { !(coordinator.reports[$0]?.status.isServing ?? false) }
    let restarting = ClusterHealth.restarting(coordinator)
    if !machine.state.isBootstrapped {
      (state, reason) = (.starting, "the first node is starting")
    } else if let first = missing.first, missing != [restarting] {
      state = .degraded
      reason = ClusterHealth.absence(of: first, among: missing, coordinator)
    } else if let leaderless {
      (state, reason) = ClusterHealth.leaderless(for: leaderless)
    } else if let change = machine.changeStatus {
      (state, reason) = (.changing, ClusterHealth.sentence(change))
    } else if let restarts = machine.state.restarts, machine.isRestarting {
      (state, reason) = (.changing, ClusterHealth.sentence(restarts))
    } else if machine.state.isModuleRolling {
      (state, reason) = (.changing, ClusterHealth.module(machine))
    } else if let behind = members.first(where: { !ClusterHealth.isInStep($0, coordinator) }) {
      state = .changing
      reason =
        coordinator.reports[behind]?.isPurging == true
        ? "keys that moved away are being removed at \(behind.label)"
        : "\(behind.label) is catching up with the ring"
    } else {
      state = .healthy
      reason = members.count == 1 ? "the one node serves" : "all \(members.count) nodes serve"
    }
  }

  private static func isInStep(_ node: Principal, _ coordinator: Coordinator) -> Bool {
    guard let info = coordinator.reports[node] else { return false }
    return info.epoch == coordinator.map.ring.epoch && !info.isPurging && info.handover == nil
  }

  private static func notice(_ coordinator: Coordinator) -> String? {
    let machine = coordinator.machine
    var notices: [String] = []
    if let silence = coordinator.log.silence, silence >= etcdPatience {
      notices.append(
        "etcd has not answered this gateway for \(silence.components.seconds) s: who leads, and "
          + "the ring, may have changed meanwhile")
    }
    if machine.failures > 0, let failure = machine.lastFailure {
      notices.append("the last change failed: \(failure)")
    }
    if let failure = machine.state.restarts?.failure {
      notices.append("the last rolling restart was given up: \(failure)")
    }
    return notices.isEmpty ? nil : notices.joined(separator: ". ")
  }

  // MARK: - Who leads

  private static func leaderless(for time: Duration) -> (State, String) {
    guard time >= leaderlessPatience else {
      return (.changing, "no gateway leads at this moment; keys are served as before")
    }
    return (
      .degraded,
      "no gateway has led for \(time.components.seconds) s, so nothing scales, and no node that "
        + "stops is started again; keys are served as before"
    )
  }

  // MARK: - A rolling restart, a module

  /// The node that does not answer because it is just being started again.
  private static func restarting(_ coordinator: Coordinator) -> Principal? {
    guard let restarts = coordinator.machine.state.restarts, restarts.incarnation != nil,
      let node = restarts.current, coordinator.silence(of: node) ?? 0 < restartPatience
    else { return nil }
    return node
  }

  private static func sentence(_ restarts: RollingRestart) -> String {
    let done = "\(restarts.done) of \(restarts.nodes.count) done"
    guard restarts.incarnation != nil, let node = restarts.current else {
      return "nodes are being started again one at a time: \(done)"
    }
    return "nodes are being started again one at a time: \(done), \(node.label) is starting"
  }

  private static func module(_ machine: CoordinatorMachine) -> String {
    let count = machine.state.map.members.count
    let having = count - machine.membersWithoutModule.count
    let text = "a module is being brought to the nodes: \(having) of \(count) have it"
    return machine.moduleHalt.map { text + ", but \($0.node.label) refuses it" } ?? text
  }

  // MARK: - Nodes that do not serve

  private static func absence(
    of first: Principal, among missing: [Principal], _ coordinator: Coordinator
  ) -> String {
    let count = coordinator.map.members.count
    let isFenced = missing.allSatisfy { coordinator.reports[$0]?.status.isFenced ?? false }
    let share = max(1, missing.count * 100 / max(1, count))
    let owner = missing.count == 1 ? "its" : "their"
    let keys =
      missing.count == count
      ? "; no key can be reached" : "; \(owner) keys, \(share)% of all, cannot be reached"
    if isFenced {
      return "\(names(missing)) \(missing.count == 1 ? "has" : "have") stopped serving, since etcd "
        + "does not confirm \(owner) identity\(keys)"
    }
    guard missing.count == 1 else {
      return "\(missing.count) of \(count) nodes do not serve: \(names(missing))\(keys)"
    }
    if let info = coordinator.reports[first] {
      guard case .error(let error) = info.status else {
        return "\(first.label) runs but does not serve yet (\(info.status.name))\(keys)"
      }
      return "\(first.label) has a problem: \(error.message)\(keys)"
    }
    switch coordinator.machine.nodes[first]?.process {
    case .launching: return "\(first.label) is being started again\(keys)"
    case .running:
      let seconds = coordinator.silence(of: first) ?? 0
      return seconds < 1
        ? "\(first.label) does not answer\(keys)"
        : "\(first.label) has not answered for \(seconds) s\(keys)"
    case .stopped, nil: return "\(first.label) has stopped and is to be started again\(keys)"
    }
  }

  // MARK: - A change of the ring

  private static func sentence(_ change: ChangeStatus) -> String {
    let nodes = change.leaving.isEmpty ? change.joining : change.leaving
    let verb = change.leaving.isEmpty ? "joining" : "leaving"
    return "\(names(nodes)) \(nodes.count == 1 ? "is" : "are") \(verb): \(step(change))"
  }

  /// Such as `nodes 3, 4, 7 and 2 more`.
  private static func names(_ nodes: [Principal]) -> String {
    guard let first = nodes.first, nodes.count > 1 else { return nodes.first?.label ?? "no node" }
    let others = nodes.dropFirst().prefix(4).map { $0.canisterNumber.map(String.init) ?? $0.text }
    let more = nodes.count > 5 ? " and \(nodes.count - 5) more" : ""
    let start = first.canisterNumber.map { "nodes \($0)" } ?? "nodes \(first.text)"
    return ([start] + others).joined(separator: ", ") + more
  }

  /// What is done at this step, in words.
  private static func step(_ change: ChangeStatus) -> String {
    switch change.step {
    case "launching": "starting"
    case "initialising": "getting an identity"
    case "preparing": "preparing to copy"
    case "copying":
      change.copy.keys > 0
        ? "copying, \(percent(change.copy.scannedKeys, of: change.copy.keys))% done" : "copying"
    case "fencing": "handing over the last writes"
    case "deciding": "deciding"
    case "flipping": "telling everyone of the new ring"
    case "settling": "removing what moved away"
    default: change.step
    }
  }

  private static func percent(_ part: UInt64, of whole: UInt64) -> UInt64 {
    min(100, UInt64(min(1, Double(part) / Double(max(1, whole))) * 100))
  }
}

extension Coordinator {
  /// Whole seconds since the node answered last; nil when it was never heard of.
  func silence(of node: Principal) -> Int64? {
    answeredAt[node].map { (loop.now - $0).components.seconds }
  }
}

extension Principal {
  /// What people call a node: by its number, as in `scale drain 3`.
  var label: String { canisterNumber.map { "node \($0)" } ?? text }
}
