import Candid
import Placement

/// How far the change under way has come. Lost at a restart: an undecided change is undone then.
struct ChangeProgress {
  enum Step: Hashable {
    case launching, initialising, preparingTarget, preparingSources, copying, fencing
    case deciding, flippingTarget, settling
  }

  var step: Step {
    didSet { answers = [] }
  }
  /// When the step began, or made progress last.
  var since: UInt64
  /// Who has answered the message of this step.
  var answers: Set<Principal> = []
  /// What the sources had sent when they were looked at last.
  var sentKeys: UInt64 = 0
  /// The next ring, once it is drawn up.
  var next: ClusterMap?
  /// The stored states that carry the plan and the decision.
  var plan: UInt64 = 0
  var decision: UInt64 = 0
  /// When the change began, the sources were fenced, and the new node served.
  let startedAt: UInt64
  var fencedAt: UInt64?
  var flippedAt: UInt64?

  init(step: Step, since: UInt64) {
    self.step = step
    self.since = since
    startedAt = since
  }

  mutating func answered(_ message: CoordinatorMessage, by node: Principal) {
    switch (step, message) {
    case (.initialising, .initialise), (.preparingTarget, .prepare), (.preparingSources, .prepare),
      (.fencing, .fence), (.flippingTarget, .ringChanged):
      answers.insert(node)
    default:
      break
    }
  }
}

extension CoordinatorMachine {
  /// Brings what is closer to what ought to be. Call it after every report and on a tick.
  public mutating func advance(now: UInt64) {
    launchStopped(now: now)
    if let change = state.change { advanceChange(change, now: now) }
    for node in nodes.keys.sorted() { reconcile(node, now: now) }
  }

  private mutating func launchStopped(now: UInt64) {
    for node in nodes.keys.sorted() {
      guard let view = nodes[node], view.process == .stopped, view.relaunchAt <= now else {
        continue
      }
      // A node or an epoch that a crash could make forgotten would be given out twice.
      if let progress, node == state.change?.node, persistedSequence < progress.plan { continue }
      nodes[node]?.process = .launching(since: now)
      actions.append(.launch(node, previousAddress: state.map.addresses[node]))
    }
  }

  /// What any member needs, whatever else goes on: the first initialisation, the module, the ring,
  /// an end to a handover that is not the present one.
  private mutating func reconcile(_ node: Principal, now: UInt64) {
    guard let view = nodes[node], let report = view.report, view.request == nil,
      view.retryAt <= now
    else { return }
    // Ownership first: a node that cannot take the module must still learn of the ring.
    if state.map.contains(node), persistedSequence >= mapSequence {
      reconcileRing(node, report)
    }
    if nodes[node]?.request == nil, let digest = state.moduleDigest, report.moduleDigest != digest {
      request(.uploadModule(digest: digest), to: node)
    }
  }

  private mutating func reconcileRing(_ node: Principal, _ report: NodeReport) {
    guard report.identity != nil else {
      if !state.isBootstrapped { request(.initialise(node, state.map), to: node) }
      return
    }
    if let handover = report.handover, handover.epoch != state.change?.epoch,
      handover.epoch != state.map.ring.epoch
    {
      request(.abort(epoch: handover.epoch), to: node)
      return
    }
    guard (report.epoch, report.revision) < (state.map.ring.epoch, state.map.revision) else {
      return
    }
    // The new owner flips first: nobody must be sent to it before it serves.
    if progress?.step == .flippingTarget, node != state.change?.node { return }
    request(.ringChanged(state.map), to: node)
  }

  // MARK: - A join, step by step

  private mutating func advanceChange(_ change: CoordinatorState.Change, now: UInt64) {
    guard let progress else { return }
    switch progress.step {
    case .launching:
      guard let report = nodes[change.node]?.report,
        state.moduleDigest == nil || report.moduleDigest == state.moduleDigest
      else { return expire(after: settings.launchTimeout, now: now) }
      enter(.initialising, now: now)
    case .initialising:
      ask([change.node], .initialise(change.node, state.map), then: .preparingTarget, now: now)
    case .preparingTarget:
      guard let next = nextMap(for: change, now: now) else { return }
      ask([change.node], .prepare(next), then: .preparingSources, now: now)
    case .preparingSources:
      guard let next = progress.next else { return }
      ask(state.map.members, .prepare(next), then: .copying, now: now)
    case .copying:
      watchCopy(change, now: now)
    case .fencing:
      ask(
        state.map.members, .fence(epoch: change.epoch), then: .deciding,
        within: settings.fenceTimeout, now: now)
    case .deciding:
      decide(change, now: now)
    case .flippingTarget:
      if progress.answers.contains(change.node)
        || nodes[change.node]?.report?.epoch == change.epoch
      {
        previousMap = nil
        enter(.settling, now: now)
      }
    case .settling:
      settle(change, now: now)
    }
  }

  /// Asks every one of `targets` and goes on to the next step when all have said yes.
  private mutating func ask(
    _ targets: [Principal], _ message: CoordinatorMessage, then next: ChangeProgress.Step,
    within timeout: UInt64? = nil, now: UInt64
  ) {
    guard let progress else { return }
    let missing = targets.filter { !progress.answers.contains($0) }
    if missing.isEmpty {
      enter(next, now: now)
      if let change = state.change { advanceChange(change, now: now) }
      return
    }
    for node in missing where nodes[node]?.retryAt ?? 0 <= now { request(message, to: node) }
    expire(after: timeout ?? settings.stepTimeout, now: now)
  }

  private mutating func nextMap(for change: CoordinatorState.Change, now: UInt64) -> ClusterMap? {
    if let next = progress?.next { return next }
    guard let address = nodes[change.node]?.address else { return nil }
    do throws(ClusterError) {
      let next = try state.map.joining(change.node, address: address, epoch: change.epoch)
      progress?.next = next
      return next
    } catch {
      failChange(error.message, now: now)
      return nil
    }
  }

  private mutating func watchCopy(_ change: CoordinatorState.Change, now: UInt64) {
    var sent: UInt64 = 0
    var copied = true
    for node in state.map.members {
      guard let handover = nodes[node]?.report?.handover, handover.epoch == change.epoch else {
        copied = false
        continue
      }
      if handover.phase == Handover.Phase.failed.rawValue {
        return failChange("\(node.text) lost track of the copy", now: now)
      }
      sent &+= handover.sentKeys
      if handover.phase == Handover.Phase.copying.rawValue { copied = false }
    }
    if copied { return enter(.fencing, now: now) }
    if sent != progress?.sentKeys {
      progress?.sentKeys = sent
      progress?.since = now
    }
    expire(after: settings.copyStallTimeout, now: now)
  }

  /// The point of no return: from the instant at which this state is durable, the next ring is.
  private mutating func decide(_ change: CoordinatorState.Change, now: UInt64) {
    guard let progress, let next = progress.next else { return }
    if !change.isDecided {
      var next = next
      next.revision = max(next.revision, state.map.revision + 1)
      for (node, address) in state.map.addresses { next.addresses[node] = address }
      next.coordinator = state.map.coordinator
      previousMap = state.map
      state.map = next
      state.change?.isDecided = true
      persist()
      mapSequence = lastPersist
      self.progress?.decision = lastPersist
      return
    }
    if persistedSequence >= progress.decision { enter(.flippingTarget, now: now) }
  }

  private mutating func settle(_ change: CoordinatorState.Change, now: UInt64) {
    let settled = state.map.members.allSatisfy { node in
      guard let report = nodes[node]?.report else { return false }
      return report.epoch == change.epoch && !report.isPurging && report.handover == nil
    }
    guard settled else { return }
    let outcome = outcome(of: change)
    state.change = nil
    progress = nil
    failures = 0
    lastChangeAt = now
    persist()
    note("\(change.node.text) has joined: \(outcome)")
  }

  /// What a change has moved and how long it took, for the log.
  private func outcome(of change: CoordinatorState.Change) -> String {
    let members = state.map.members
    let keys = members.reduce(0) { $0 &+ (nodes[$1]?.report?.keys ?? 0) }
    let moved = nodes[change.node]?.report?.keys ?? 0
    var text =
      "epoch \(change.epoch), \(members.count) nodes; \(moved) of \(keys) keys moved, "
      + "1/\(members.count) is \(keys / UInt64(max(1, members.count)))"
    guard let progress, let fencedAt = progress.fencedAt, let flippedAt = progress.flippedAt else {
      return text
    }
    text += "; \(flippedAt &- progress.startedAt) ms until it served"
    return text + ", \(flippedAt &- fencedAt) ms of them fenced"
  }

  private mutating func enter(_ step: ChangeProgress.Step, now: UInt64) {
    progress?.step = step
    progress?.since = now
    if step == .fencing { progress?.fencedAt = now }
    if step == .settling { progress?.flippedAt = now }
  }

  private mutating func expire(after timeout: UInt64, now: UInt64) {
    guard let progress, now >= progress.since, now - progress.since > timeout else { return }
    failChange("the step \"\(progress.step)\" took longer than \(timeout) ms", now: now)
  }

  /// Gives an undecided change up: no ring has changed, the new node leaves without a trace.
  mutating func failChange(_ reason: String, now: UInt64) {
    guard let change = state.change, !change.isDecided else { return }
    for node in nodes.keys {
      guard let request = nodes[node]?.request, let pending = requests[request],
        pending.message.belongs(to: change)
      else { continue }
      requests[request] = nil
      nodes[node]?.request = nil
    }
    state.change = nil
    state.undone.append(change.node)
    progress = nil
    nodes[change.node] = nil
    failures += 1
    lastFailureAt = now
    lastFailure = reason
    persist()
    actions.append(.destroy(change.node))
    for node in state.map.members { request(.abort(epoch: change.epoch), to: node) }
    note("the join of \(change.node.text) is undone: \(reason)")
  }
}
