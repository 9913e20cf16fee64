public import Candid
import Placement

/// The rolling restart: nodes start again one at a time, so that a program that does not work comes
/// no further than the first.
///
/// A turn: every member is ready, in its place, and of the same ring → the node's incarnation is
/// noted, durably → it is told to start again → another incarnation of it is ready, in its place
/// and of the same ring, and stays so for a while → the next one's turn. What takes too long, is
/// refused, or starts once more after its turn ends it all: the others keep on as they are. The
/// ring does not change meanwhile. A coordinator that starts amid a turn tells by the incarnation
/// whether the node had its restart.
extension CoordinatorMachine {
  /// Whether nodes are being started again, one at a time.
  public var isRestarting: Bool { state.restarts.map { !$0.isEnded } ?? false }

  /// Begins to start members again, one at a time, in the order given.
  ///
  /// - Throws: `ClusterError` with code `.unknownNode` for nodes that are no members, `.malformed`
  ///   for none or one that is named twice, `.conflict` while the ring changes, a node is down, or
  ///   others are being started again.
  public mutating func beginRestarts(of nodes: [Principal], now: UInt64) throws(ClusterError) {
    for node in nodes where !state.map.contains(node) {
      let left = state.map.hasLeft(node) ? ": it has left" : ""
      throw ClusterError(.unknownNode, "\(node.text) is no member of the ring\(left)")
    }
    guard !nodes.isEmpty, Set(nodes).count == nodes.count else {
      throw ClusterError(.malformed, "name each node that is to start again once")
    }
    try checkSettled()
    state.restarts = RollingRestart(nodes)
    restartTurn = nil
    restartedIncarnations = [:]
    persist()
    let count = nodes.count == 1 ? "1 node" : "\(nodes.count) nodes"
    note("\(count) to start again, one at a time")
  }

  /// Gives a rolling restart up: the node whose turn it is comes back, the others have none.
  /// - Throws: `ClusterError` with code `.conflict` when none is under way.
  public mutating func cancelRestarts() throws(ClusterError) {
    guard isRestarting else {
      throw ClusterError(.conflict, "no rolling restart is under way")
    }
    endRestarts(failure: nil)
  }

  /// What a `.restart` action asked for was begun, or cannot be.
  public mutating func restartAnswered(
    _ node: Principal, _ result: Result<Void, ClusterError>, now: UInt64
  ) {
    guard isRestarting, state.restarts?.current == node, restartTurn?.node == node,
      restartTurn?.step == .ordering
    else { return }
    switch result {
    case .success:
      restartTurn?.step = .waitingForReturn
    case .failure(let error) where error.code == .overloaded:
      // It may have been told all the same: its incarnation will show.
      note("\(node.text) was not told to start again: \(error.message)")
      restartTurn?.step = .storing(sequence: 0)
      restartTurn?.orderAt = now &+ settings.restartPause
    case .failure(let error):
      endRestarts(failure: failure(of: node, "was not started again: \(error.message)"))
    }
  }

  // MARK: - Level by level

  mutating func advanceRestarts(now: UInt64) {
    guard let restarts = state.restarts, !restarts.isEnded, state.change == nil else { return }
    guard let node = restarts.current else { return endRestarts(failure: nil) }
    guard state.map.contains(node) else { return endTurn() }
    if restartTurn?.node != node {
      // Of a coordinator that ended amid the turn, all that counts is stored.
      restartTurn = RestartTurn(
        node: node,
        step: restarts.incarnation == nil ? .waitingForCalm : .storing(sequence: 0), since: now)
    }
    if let fallen = restarts.nodes.prefix(restarts.done).first(where: hasStartedOnceMore) {
      return endRestarts(
        failure: "\(fallen.text) had its turn, and has started once more since; nodes from "
          + "\(node.text) on had no turn or did not complete it")
    }
    if let before = restarts.incarnation, let incarnation = nodes[node]?.report?.incarnation,
      isBack(node, after: before)
    {
      guard hasStayed(node, incarnation) else { return }
      note("\(node.text) has started again")
      restartedIncarnations[node] = incarnation
      return endTurn()
    }
    restartTurn?.ready = nil
    guard let turn = restartTurn else { return }
    switch turn.step {
    case .waitingForCalm: beginTurn(turn, now: now)
    case .storing(let sequence):
      // What the members were like before it was durable tells nothing of now.
      guard persistedSequence >= sequence, now >= turn.orderAt, disorder == nil,
        !isMemberTakingModule, nodes[node]?.report?.incarnation == restarts.incarnation
      else { break }
      restartTurn?.step = .ordering
      actions.append(.restart(node))
    case .ordering, .waitingForReturn: break
    }
    expireTurn(now: now)
  }

  private mutating func beginTurn(_ turn: RestartTurn, now: UInt64) {
    // A module on its way would be lost with the process that takes it.
    guard disorder == nil, !isMemberTakingModule else { return }
    guard let incarnation = nodes[turn.node]?.report?.incarnation else {
      return endRestarts(
        failure: failure(
          of: turn.node,
          "was not started again: its program is too old for that; start it again by hand"))
    }
    state.restarts?.incarnation = incarnation
    persist()
    restartTurn?.step = .storing(sequence: lastPersist)
    restartTurn?.since = now
  }

  private mutating func endTurn() {
    state.restarts?.done += 1
    state.restarts?.incarnation = nil
    restartTurn = nil
    guard let restarts = state.restarts, restarts.done >= restarts.nodes.count else {
      return persist()
    }
    endRestarts(failure: nil)
  }

  private mutating func endRestarts(failure: String?) {
    guard var restarts = state.restarts else { return }
    restarts.isEnded = true
    restarts.incarnation = nil
    restarts.failure = failure
    state.restarts = restarts
    restartTurn = nil
    persist()
    let count = "\(restarts.done) of \(restarts.nodes.count) nodes have started again"
    note(failure.map { "the rolling restart is given up: \($0)" } ?? count)
  }

  private mutating func expireTurn(now: UInt64) {
    guard let turn = restartTurn else { return }
    let seconds = settings.restartTimeout / 1_000
    let isLate = now >= turn.since && now - turn.since > settings.restartTimeout
    if turn.step == .waitingForCalm {
      guard isLate else { return }
      let reason = disorder ?? "a module is on its way"
      endRestarts(
        failure: failure(of: turn.node, "was not started again: after \(seconds) s \(reason)"))
      return
    }
    let view = nodes[turn.node]
    let isHopeless = (view?.relaunchFailures ?? 0) >= CoordinatorMachine.hopelessStarts
    guard isLate || isHopeless else { return }
    let stopped = view?.address == nil ? view?.lastStop : nil
    endRestarts(
      failure: failure(
        of: turn.node,
        (isHopeless ? "does not start any more: " : "did not come back within \(seconds) s: ")
          + (stopped ?? disorder(of: turn.node) ?? disorder ?? "it runs on as before")))
  }

  /// So many failed starts in a row, and nobody waits for the end of the time.
  private static let hopelessStarts: UInt64 = 3

  // MARK: - What is seen

  private func hasStartedOnceMore(_ node: Principal) -> Bool {
    guard state.map.contains(node), let known = restartedIncarnations[node],
      let incarnation = nodes[node]?.report?.incarnation
    else { return false }
    return incarnation != known
  }

  /// Whether a node that is back was so at each look for long enough, the last one included: a
  /// program that ends soon after its start is to come no further.
  private mutating func hasStayed(_ node: Principal, _ incarnation: UInt64) -> Bool {
    guard let reportedAt = nodes[node]?.reportedAt else { return false }
    guard let ready = restartTurn?.ready, ready.incarnation == incarnation else {
      restartTurn?.ready = (incarnation, reportedAt)
      return settings.restartDwell == 0
    }
    return reportedAt >= ready.since && reportedAt - ready.since >= settings.restartDwell
  }

  private func isBack(_ node: Principal, after incarnation: UInt64) -> Bool {
    guard let report = nodes[node]?.report, report.incarnation != incarnation else { return false }
    return disorder(of: node) == nil
  }

  /// Why the members are not all ready, in their places and of one ring; nil when they are.
  private var disorder: String? {
    let digest = state.map.digestText
    return state.map.members.lazy.compactMap { disorder(of: $0, digest: digest) }.first
  }

  private func disorder(of node: Principal) -> String? {
    disorder(of: node, digest: state.map.digestText)
  }

  private func disorder(of node: Principal, digest: String) -> String? {
    guard let view = nodes[node], let report = view.report else {
      return "\(node.text) does not answer"
    }
    guard report.status == .ready else { return "\(node.text) is \(report.status.name)" }
    guard report.epoch == state.map.ring.epoch, report.ringDigest ?? digest == digest else {
      return "\(node.text) has another ring, at epoch \(report.epoch)"
    }
    return isInPlace(report) ? nil : "\(node.text) still moves keys"
  }

  private func failure(of node: Principal, _ what: String) -> String {
    let left = (state.restarts?.nodes.count ?? 0) - (state.restarts?.done ?? 0) - 1
    let others =
      left <= 0
      ? "" : "; the \(left == 1 ? "1 node" : "\(left) nodes") after it had no restart"
    return "\(node.text) \(what)\(others)"
  }
}
