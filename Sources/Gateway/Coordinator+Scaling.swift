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
    let wasAtLimit = scaler.isAtLimit
    let decision = scaler.decide(machine, now: now, leavingOrder: leavingOrder)
    let isNews = !decision.isLike(lastDecision)
    lastDecision = decision
    switch decision {
    case .stay(let reason):
      if scaler.isAtLimit, !wasAtLimit {
        note(.grow, by: .scaler, count: 1, reason: reason, outcome: .refused, detail: reason)
      } else if isNews {
        logger.debug("scaler: \(reason)")
      }
    case .grow(let count, let reason):
      carryOut(.grow, count, reason, isNews: isNews) { () throws(ClusterError) in
        try machine.addNodes(count, reason: reason, now: now)
      }
    case .shrink(let nodes, let reason):
      carryOut(.shrink, nodes.count, reason, isNews: isNews) { () throws(ClusterError) in
        try machine.removeNodes(nodes, reason: reason, now: now)
      }
    }
  }

  /// - Parameter isNews: whether the scaler has not just said the same.
  private func carryOut(
    _ action: DecisionLog.Action, _ count: Int, _ reason: String, isNews: Bool,
    _ body: () throws(ClusterError) -> Void
  ) {
    guard !isDryRun else {
      if isNews { note(action, by: .scaler, count: count, reason: reason, outcome: .dryRun) }
      return
    }
    do throws(ClusterError) {
      try body()
      noteBeginning(by: .scaler, reason: reason)
    } catch {
      guard isNews else { return }
      note(
        action, by: .scaler, count: count, reason: reason, outcome: .refused,
        detail: error.message)
    }
  }

  // MARK: - By hand

  /// Starts the join of more nodes; the scaler will not retire them.
  /// - Throws: `ClusterError` with code `.conflict` while the ring is changing or a node is down,
  ///   and when there would be more nodes than there may be.
  @discardableResult
  func addNodes(_ count: Int = 1, reason: String) throws(ClusterError) -> [Principal] {
    let nodes = try recording(.grow, count, [], reason) { () throws(ClusterError) in
      try checkRoom(for: count)
      return try machine.addNodes(count, reason: reason, now: now)
    }
    machine.askFor(nodes: machine.state.map.members.count + count)
    scheduleAdvance()
    return nodes
  }

  /// Starts the leave of members; the scaler will not bring others in their place without need.
  /// - Throws: `ClusterError` as `checkMayLeave`, and while the ring is changing or a node is down.
  func removeNodes(_ nodes: [Principal], reason: String) throws(ClusterError) {
    try recording(.shrink, nodes.count, nodes, reason) { () throws(ClusterError) in
      try checkMayLeave(nodes)
      try machine.removeNodes(nodes, reason: reason, now: now)
    }
    keepNoMoreThan(machine.state.map.members.count - nodes.count)
    scheduleAdvance()
  }

  /// Does what an operator asks for, and notes it either way.
  private func recording<Result>(
    _ action: DecisionLog.Action, _ count: Int, _ nodes: [Principal], _ reason: String,
    _ body: () throws(ClusterError) -> Result
  ) throws(ClusterError) -> Result {
    do throws(ClusterError) {
      let result = try body()
      noteBeginning(by: .operator, reason: reason)
      return result
    } catch {
      note(
        action, by: .operator, count: count, nodes: nodes, reason: reason, outcome: .refused,
        detail: error.message)
      throw error
    }
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
    cancelledEpoch = change.epoch
    machine.cancelChange(reason: "an operator cancelled it", now: now)
    noteEnd()
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
