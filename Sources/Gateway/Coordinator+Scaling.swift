import Candid
import Cluster
import Logging
import Placement

extension Coordinator {
  var policy: ScalePolicy { scaler.policy }

  // MARK: - By the policy

  /// Asks the scaler, and does what it says.
  func scale() {
    guard !isDetaching else { return }
    let decision = scaler.decide(machine, now: now)
    let isNews = !decision.isLike(lastDecision)
    lastDecision = decision
    switch decision {
    case .stay(let reason):
      if isNews { logger.debug("scaler: \(reason)") }
    case .grow(let count, let reason):
      if isDryRun {
        if isNews { logger.notice("dry run: \(nodes(count)) would join, since \(reason)") }
        return
      }
      carryOut { () throws(ClusterError) in
        try machine.addNodes(count, reason: reason, now: now)
      }
    case .shrink(let nodes, let reason):
      let names = nodes.map(\.text).joined(separator: ", ")
      if isDryRun {
        if isNews { logger.notice("dry run: \(names) would leave, since \(reason)") }
        return
      }
      carryOut { () throws(ClusterError) in
        try machine.removeNodes(nodes, reason: reason, now: now)
      }
    }
  }

  private func carryOut(_ body: () throws(ClusterError) -> Void) {
    do throws(ClusterError) {
      try body()
    } catch {
      logger.warning("scaler: \(error.message)")
    }
  }

  // MARK: - By hand

  /// Starts the join of more nodes; the scaler will not retire them.
  /// - Throws: `ClusterError` with code `.conflict` while the ring is changing or a node is down,
  ///   and when there would be more nodes than there may be.
  @discardableResult
  func addNodes(_ count: Int = 1, reason: String) throws(ClusterError) -> [Principal] {
    try checkRoom(for: count)
    let nodes = try machine.addNodes(count, reason: reason, now: now)
    machine.askFor(nodes: machine.state.map.members.count + count)
    scheduleAdvance()
    return nodes
  }

  /// Starts the leave of members; the scaler will not bring others in their place without need.
  /// - Throws: `ClusterError` as `checkMayLeave`, and while the ring is changing or a node is down.
  func removeNodes(_ nodes: [Principal], reason: String) throws(ClusterError) {
    try checkMayLeave(nodes)
    try machine.removeNodes(nodes, reason: reason, now: now)
    keepNoMoreThan(machine.state.map.members.count - nodes.count)
    scheduleAdvance()
  }

  /// Gives the change under way up.
  /// - Throws: `ClusterError` with code `.conflict` when there is none, or it is decided.
  func cancelChange() throws(ClusterError) {
    guard let change = machine.state.change else {
      throw ClusterError(.conflict, "no change of the ring is under way")
    }
    guard !change.isDecided else {
      throw ClusterError(
        .conflict, "the change to epoch \(change.epoch) is decided and cannot be undone any more")
    }
    machine.cancelChange(reason: "an operator cancelled it", now: now)
    // Else the scaler would begin it again.
    keepNoMoreThan(machine.state.map.members.count)
    scheduleAdvance()
  }

  /// Notes that an operator wants so many nodes, which are there.
  func keepAtLeast(_ count: Int) {
    machine.askFor(nodes: count)
    scheduleAdvance()
  }

  private func keepNoMoreThan(_ count: Int) {
    guard let asked = machine.state.nodesAskedFor, Int(asked) > count else { return }
    machine.askFor(nodes: count)
  }

  /// - Throws: `ClusterError` with code `.conflict` when the cluster may not have so many more.
  func checkRoom(for count: Int) throws(ClusterError) {
    let members = machine.state.map.members.count
    guard count <= policy.maximumNodes, members + count <= policy.maximumNodes else {
      throw ClusterError(
        .conflict,
        "the cluster has \(nodes(members)), and --max-nodes allows \(policy.maximumNodes): "
          + "\(count) more are too many")
    }
    try machine.checkRoom(for: count)
  }

  /// - Throws: `ClusterError` with code `.unknownNode` for nodes that are no members, `.malformed`
  ///   for one that is named twice, `.conflict` when too few would be left.
  func checkMayLeave(_ leaving: [Principal]) throws(ClusterError) {
    try machine.checkMayLeave(leaving)
    let left = machine.state.map.members.count - leaving.count
    guard left >= policy.minimumNodes else {
      throw ClusterError(
        .conflict,
        "\(nodes(left)) would be left, and --min-nodes asks for \(policy.minimumNodes)")
    }
  }

  private func nodes(_ count: Int) -> String { "\(count) node\(count == 1 ? "" : "s")" }
}

extension Scaler.Decision {
  /// Whether it is the same but for its reason, whose figures change all the time.
  fileprivate func isLike(_ other: Scaler.Decision?) -> Bool {
    switch (self, other) {
    case (.stay(let reason), .stay(let before)?): reason == before
    case (.grow(let count, _), .grow(let before, _)?): count == before
    case (.shrink(let nodes, _), .shrink(let before, _)?): nodes == before
    default: false
    }
  }
}
