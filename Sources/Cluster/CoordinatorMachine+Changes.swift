import Candid
import Placement

extension CoordinatorMachine {
  /// Brings what is closer to what ought to be. Call it after every report and on a tick.
  public mutating func advance(now: UInt64) {
    launchStopped(now: now)
    if let change = state.change { advanceChange(change, now: now) }
    for node in nodes.keys.sorted() { reconcile(node, now: now) }
    rollModule(now: now)
    advanceRestarts(now: now)
  }

  private mutating func launchStopped(now: UInt64) {
    for node in nodes.keys.sorted() {
      guard let view = nodes[node], view.process == .stopped, view.relaunchAt <= now else {
        continue
      }
      // A node or an epoch that a crash could make forgotten would be given out twice.
      if let progress, !state.map.contains(node), persistedSequence < progress.plan { continue }
      nodes[node]?.process = .launching(since: now)
      let address = state.map.addresses[node] ?? progress?.next?.addresses[node]
      actions.append(.launch(node, previousAddress: address))
    }
  }

  /// What any member needs, whatever else goes on: the first initialisation, the ring, an end to a
  /// handover that is not the present one.
  private mutating func reconcile(_ node: Principal, now: UInt64) {
    guard let view = nodes[node], let report = view.report, view.request == nil,
      view.retryAt <= now
    else { return }
    if state.map.contains(node) || isLeaving(node), persistedSequence >= mapSequence {
      reconcileRing(node, report)
    }
  }

  /// Whether the node has left by a decision that it may not have heard of.
  private func isLeaving(_ node: Principal) -> Bool {
    guard let change = state.change, change.isDecided else { return false }
    return change.leaving.contains(node)
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
    // The new owners flip first: nobody must be sent to them before they serve.
    if let change = state.change, progress?.step == .flippingTargets,
      !targets(of: change).contains(node)
    {
      return
    }
    request(.ringChanged(state.map), to: node)
  }

  // MARK: - A change, step by step

  /// Who gets keys: the new nodes, or all that stay when others leave.
  private func targets(of change: CoordinatorState.Change) -> [Principal] {
    guard !change.leaving.isEmpty else { return change.joining }
    return state.map.members.filter { !change.leaving.contains($0) }
  }

  /// Who gives keys away, as long as the change is not decided: everyone when nodes join, or those
  /// that leave.
  private func sources(of change: CoordinatorState.Change) -> [Principal] {
    change.leaving.isEmpty ? state.map.members : change.leaving
  }

  private mutating func advanceChange(_ change: CoordinatorState.Change, now: UInt64) {
    progress?.begin(now: now)
    guard let progress else { return }
    if !change.isDecided, progress.isInitialised, let node = change.joining.first(where: hasNothing)
    {
      // What its sources have sent is gone, and they would not send it again.
      return failChange("\(node.text) has lost what it was given", now: now)
    }
    switch progress.step {
    case .launching:
      equipNewNodes(change.joining, now: now)
      let isReady = change.joining.allSatisfy { nodes[$0]?.report.map(isEquipped) ?? false }
      // A member that takes a module would let a step of the change wait.
      guard isReady, !isMemberTakingModule else {
        // How long that takes is the driver's to bound.
        if isMemberTakingModule || change.joining.contains(where: isTakingFirstOffer) {
          self.progress?.advanced(now: now)
        }
        return expire(after: settings.launchTimeout, now: now)
      }
      self.progress?.enter(.initialising, now: now)
      advanceChange(change, now: now)
    case .initialising:
      // What a crash could take back would be told twice, under the same revision.
      guard persistedSequence >= mapSequence else {
        return expire(after: settings.stepTimeout, now: now)
      }
      let map = state.map
      ask(change.joining, then: .preparingTargets, now: now) { .initialise($0, map) }
    case .preparingTargets:
      guard let next = nextMap(for: change, now: now) else { return }
      ask(targets(of: change), then: .preparingSources, now: now) { _ in .prepare(next) }
    case .preparingSources:
      guard let next = nextMap(for: change, now: now) else { return }
      ask(sources(of: change), then: .copying, now: now) { _ in .prepare(next) }
    case .copying:
      watchCopy(change, now: now)
    case .fencing:
      ask(sources(of: change), then: .deciding, within: settings.fenceTimeout, now: now) { _ in
        .fence(epoch: change.epoch)
      }
    case .deciding:
      decide(change, now: now)
    case .flippingTargets:
      let haveFlipped = targets(of: change).allSatisfy { node in
        progress.answers.contains(node) || (nodes[node]?.report?.epoch ?? 0) >= change.epoch
      }
      if haveFlipped {
        previousMap = nil
        self.progress?.enter(.settling, now: now)
      }
    case .settling:
      settle(change, now: now)
    }
  }

  private func hasNothing(_ node: Principal) -> Bool {
    guard let report = nodes[node]?.report else { return false }
    return report.identity == nil
  }

  /// Asks every one of `nodes` and goes on to the next step when all have said yes.
  private mutating func ask(
    _ nodes: [Principal], then next: ChangeProgress.Step, within timeout: UInt64? = nil,
    now: UInt64, _ message: (Principal) -> CoordinatorMessage
  ) {
    guard let progress else { return }
    let missing = nodes.filter { !progress.answers.contains($0) }
    if missing.isEmpty {
      self.progress?.enter(next, now: now)
      if let change = state.change { advanceChange(change, now: now) }
      return
    }
    for node in missing where self.nodes[node]?.retryAt ?? 0 <= now {
      request(message(node), to: node)
    }
    expire(after: timeout ?? settings.stepTimeout, now: now)
  }

  private mutating func nextMap(for change: CoordinatorState.Change, now: UInt64) -> ClusterMap? {
    if let next = progress?.next { return next }
    var joining: [(id: Principal, address: String)] = []
    for node in change.joining {
      guard let address = nodes[node]?.address else { return nil }
      joining.append((node, address))
    }
    do throws(ClusterError) {
      let next =
        change.leaving.isEmpty
        ? try state.map.joining(joining, epoch: change.epoch)
        : try state.map.leaving(change.leaving, epoch: change.epoch)
      progress?.next = next
      return next
    } catch {
      failChange(error.message, now: now)
      return nil
    }
  }

  /// A node that joins answers somewhere else than the sources were told: they are told again.
  mutating func targetMoved(_ node: Principal, to address: String, now: UInt64) {
    guard let progress, var next = progress.next, next.addresses[node] != address else { return }
    next.addresses[node] = address
    next.revision += 1
    self.progress?.next = next
    switch progress.step {
    case .preparingTargets, .preparingSources, .copying, .fencing:
      self.progress?.enter(.preparingTargets, now: now)
    case .launching, .initialising, .deciding, .flippingTargets, .settling:
      break
    }
  }

  private mutating func watchCopy(_ change: CoordinatorState.Change, now: UInt64) {
    var copy = CopyTotals()
    var copied = true
    for node in sources(of: change) {
      guard let handover = nodes[node]?.report?.handover, handover.epoch == change.epoch else {
        copied = false
        continue
      }
      if handover.phase == Handover.Phase.failed.rawValue {
        return failChange("\(node.text) cannot go on with its copy", now: now)
      }
      copy.add(handover)
      if handover.phase == Handover.Phase.copying.rawValue { copied = false }
    }
    // Whatever grows as long as the copy goes on.
    let work = copy.sentKeys &+ copy.scannedKeys
    if let known = progress?.copy, known.sentKeys &+ known.scannedKeys != work {
      progress?.advanced(now: now)
    }
    progress?.copy = copy
    if copied {
      progress?.enter(.fencing, now: now)
      return advanceChange(change, now: now)
    }
    expire(after: settings.copyStallTimeout, now: now)
  }

  /// The point of no return: from the instant at which this state is durable, the next ring is.
  private mutating func decide(_ change: CoordinatorState.Change, now: UInt64) {
    guard let progress, let next = progress.next else { return }
    if !change.isDecided {
      var next = next
      next.revision = max(next.revision, state.map.revision + 1)
      for (node, address) in state.map.addresses where next.contains(node) {
        next.addresses[node] = address
      }
      next.coordinator = state.map.coordinator
      next.modules = state.map.modules
      previousMap = state.map
      state.map = next
      state.change?.isDecided = true
      persist()
      mapSequence = lastPersist
      self.progress?.decision = lastPersist
      return
    }
    if persistedSequence >= progress.decision { self.progress?.enter(.flippingTargets, now: now) }
  }

  private mutating func settle(_ change: CoordinatorState.Change, now: UInt64) {
    let isEveryoneInPlace = state.map.members.allSatisfy { node in
      nodes[node]?.report.map(isInPlace) ?? false
    }
    guard isEveryoneInPlace,
      change.leaving.allSatisfy({ hasRetired($0, change, now: now) })
    else { return }
    let outcome = outcome(of: change)
    state.change = nil
    progress = nil
    failures = 0
    lastChangeAt = now
    discard(change.leaving)
    note(outcome)
  }

  /// Whether a node that leaves has heard so, and has told clients for long enough. One that cannot
  /// be started any more is not waited for: what it had is durable elsewhere.
  private func hasRetired(
    _ node: Principal, _ change: CoordinatorState.Change, now: UInt64
  ) -> Bool {
    guard let view = nodes[node] else { return true }
    if view.relaunchFailures >= 5 { return true }
    guard let report = view.report, report.epoch >= change.epoch,
      let flippedAt = progress?.flippedAt
    else { return false }
    return now >= flippedAt && now - flippedAt >= settings.retirePause
  }

  /// What a change has moved and how long it took, for the log.
  private func outcome(of change: CoordinatorState.Change) -> String {
    let members = state.map.members
    let keys = members.reduce(0) { $0 &+ (nodes[$1]?.report?.keys ?? 0) }
    let moved: UInt64
    let ideal: UInt64
    if change.leaving.isEmpty {
      moved = change.joining.reduce(0) { $0 &+ (nodes[$1]?.report?.keys ?? 0) }
      ideal = keys * UInt64(change.joining.count) / UInt64(max(1, members.count))
    } else {
      moved = progress?.copy.sentKeys ?? 0
      ideal = keys * UInt64(change.leaving.count) / UInt64(members.count + change.leaving.count)
    }
    let verb = change.leaving.isEmpty ? "joined" : "left"
    let changed = (change.joining + change.leaving).map(\.text).joined(separator: ", ")
    var text =
      "\(changed) \(verb): epoch \(change.epoch), \(members.count) "
      + (members.count == 1 ? "node; " : "nodes; ")
      + "\(moved) of \(keys) keys moved, an even share is \(ideal)"
    guard let progress, let startedAt = progress.startedAt, let fencedAt = progress.fencedAt,
      let flippedAt = progress.flippedAt
    else { return text }
    text +=
      "; \(progress.copy.sentBytes) bytes sent; \(flippedAt &- startedAt) ms until the new owners"
    return text + " served, \(flippedAt &- fencedAt) ms of them fenced"
  }

  private mutating func expire(after timeout: UInt64, now: UInt64) {
    guard let progress, let since = progress.since, now >= since, now - since > timeout else {
      return
    }
    failChange("the step \"\(progress.step.name)\" took longer than \(timeout) ms", now: now)
  }

  /// Gives an undecided change up: no ring has changed, new nodes leave without a trace.
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
    progress = nil
    failures += 1
    lastFailureAt = now
    lastFailure = reason
    discard(change.joining)
    // A crash that forgets this lets the change go on, and its sources must not have forgotten it.
    mapSequence = lastPersist
    aborting.append((lastPersist, change.epoch))
    let verb = change.leaving.isEmpty ? "to join" : "to leave"
    note("\(subject(change.joining + change.leaving)) not \(verb) after all: \(reason)")
  }
}
