public import Candid
import Placement

/// What the scaler and operators ask for.
extension CoordinatorMachine {
  /// Whether no change is under way and every member is in its place.
  public var isSettled: Bool {
    guard state.change == nil, !nodes.isEmpty else { return false }
    return state.map.members.allSatisfy { nodes[$0]?.report.map(isInPlace) ?? false }
  }

  func isInPlace(_ report: NodeReport) -> Bool {
    report.identity != nil && report.epoch == state.map.ring.epoch && !report.isPurging
      && report.handover == nil
  }

  /// Whether no request waits for its answer and nothing is decided but not yet told.
  public var isQuiet: Bool { requests.isEmpty && aborting.isEmpty && state.change == nil }

  /// The nodes that would join next, if so many did.
  public func nextNodes(_ count: Int) -> [Principal] {
    (0..<UInt64(max(0, count))).map { Principal.canister(number: state.nextNumber &+ $0) }
  }

  /// Starts the join of new nodes, all in one change of the ring.
  /// - Returns: the ids of the nodes to be.
  /// - Throws: `ClusterError` with code `.conflict` while another change is under way, a node is
  ///   down, or the ring has no room for so many.
  @discardableResult
  public mutating func addNodes(
    _ count: Int = 1, reason: String, now: UInt64
  ) throws(ClusterError) -> [Principal] {
    try checkSettled()
    try checkRoom(for: count)
    let joining = nextNodes(count)
    state.nextNumber += UInt64(count)
    begin(joining: joining, leaving: [], now: now)
    note("\(subject(joining)) to join by epoch \(state.nextEpoch - 1): \(reason)")
    return joining
  }

  /// - Throws: `ClusterError` with code `.conflict` when the ring has no room for so many more.
  public func checkRoom(for count: Int) throws(ClusterError) {
    let room = settings.capacity - state.map.members.count
    guard count >= 1, count <= room else {
      throw ClusterError(
        .conflict,
        "the ring has \(settings.capacity) buckets, one for each node, and \(max(room, 0)) are free"
      )
    }
  }

  /// Starts the leave of members, all in one change of the ring. Their keys move to the others.
  /// - Throws: `ClusterError` with code `.unknownNode` for nodes that are no members, `.conflict`
  ///   while another change is under way, a node is down, or nobody would be left.
  public mutating func removeNodes(
    _ leaving: [Principal], reason: String, now: UInt64
  ) throws(ClusterError) {
    try checkMayLeave(leaving)
    try checkSettled()
    begin(joining: [], leaving: leaving, now: now)
    note("\(subject(leaving)) to leave by epoch \(state.nextEpoch - 1): \(reason)")
  }

  /// - Throws: `ClusterError` with code `.unknownNode` for nodes that are no members, `.malformed`
  ///   for none or one that is named twice, `.conflict` when nobody would be left.
  public func checkMayLeave(_ leaving: [Principal]) throws(ClusterError) {
    for node in leaving where !state.map.contains(node) {
      let left = state.map.hasLeft(node) ? ": it has left" : ""
      throw ClusterError(.unknownNode, "\(node.text) is no member of the ring\(left)")
    }
    guard !leaving.isEmpty, Set(leaving).count == leaving.count else {
      throw ClusterError(.malformed, "name each node that is to leave once")
    }
    guard leaving.count < state.map.members.count else {
      throw ClusterError(.conflict, "the last node cannot leave: nobody would have the keys")
    }
  }

  private mutating func begin(joining: [Principal], leaving: [Principal], now: UInt64) {
    let epoch = state.nextEpoch + UInt64(joining.count + leaving.count) - 1
    state.nextEpoch = epoch + 1
    state.change = CoordinatorState.Change(
      joining: joining, leaving: leaving, epoch: epoch, isDecided: false)
    progress = ChangeProgress(step: .launching)
    progress?.begin(now: now)
    for node in joining { nodes[node] = NodeView() }
    persist()
    progress?.plan = lastPersist
  }

  /// - Throws: `ClusterError` with code `.conflict` that tells what the ring waits for.
  func checkSettled() throws(ClusterError) {
    if let restarts = state.restarts, !restarts.isEnded {
      throw ClusterError(
        .conflict,
        "a rolling restart is under way, \(restarts.done) of \(restarts.nodes.count) nodes have "
          + "started again; wait for it, or cancel it")
    }
    if let change = state.change {
      throw ClusterError(
        .conflict,
        "the ring is changing already: \(subject(change.joining + change.leaving)) about to "
          + (change.leaving.isEmpty ? "join" : "leave")
          + (change.isDecided ? "; wait until it has settled" : "; wait for it, or cancel it"))
    }
    for node in state.map.members {
      guard let report = nodes[node]?.report else {
        throw ClusterError(
          .conflict, "\(node.text) is down or does not answer; try again when it is back")
      }
      guard isInPlace(report) else {
        throw ClusterError(
          .conflict, "\(node.text) is still busy with the last change; try again in a moment")
      }
    }
  }

  /// Gives an undecided change up.
  /// - Returns: whether there was one that could still be undone.
  @discardableResult
  public mutating func cancelChange(reason: String, now: UInt64) -> Bool {
    guard let change = state.change, !change.isDecided else { return false }
    failChange(reason, now: now)
    return true
  }

  /// How many nodes an operator asked for: the scaler retires none below it. Nil is no wish.
  public mutating func askFor(nodes count: Int?) {
    let count = count.map { UInt32(clamping: max(1, $0)) }
    guard state.nodesAskedFor != count else { return }
    state.nodesAskedFor = count
    persist()
  }
}
