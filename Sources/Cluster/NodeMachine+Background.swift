import Candid
import Placement
import Storage

extension NodeMachine {
  /// Does a bounded slice of the work that nobody waits for: copying, purging, sweeping, retrying.
  ///
  /// - Returns: whether more is ready to be done at once. If not, calls on events and on a slow
  ///   tick (tens of milliseconds) suffice.
  public mutating func advance(now: Moment) -> Bool {
    lastMoment = now
    expireHeld(now: now)
    if failure != nil {
      probe(now: now)
      return false
    }
    do throws(ClusterError) {
      var more = try advanceHandover(now: now)
      if try advancePurge() { more = true }
      if sweepAt <= now.monotonic {
        if try sweepExpired(now: now) { more = true } else { sweepAt = now.monotonic &+ 500 }
      }
      return more
    } catch {
      actions.append(.alarm(error.message))
      return false
    }
  }

  /// Whether something waits that only time or a peer's answer brings forward.
  public var isBusy: Bool {
    handover != nil || purge != nil || !held.isEmpty || failure != nil
  }

  // MARK: - A store that failed

  /// Tries whether the store takes commits again.
  private mutating func probe(now: Moment) {
    guard inFlight.isEmpty, openTurn.isEmpty, probeAt <= now.monotonic else { return }
    probeAt = now.monotonic &+ NodeMachine.probePause
    openTurn.batch.put(StoreLayout.probe, [])
    openTurn.transitions.append(.recovered)
  }

  /// The store takes commits again, and so shows what became of the failed ones: some of what was
  /// refused may have been written after all.
  mutating func recover() {
    failure = nil
    doubtful = []
    rereadCounters()
  }

  mutating func rereadCounters() {
    do throws(ClusterError) {
      try restoreCounters()
    } catch {
      actions.append(.alarm("the store cannot be read after a failed commit: \(error.message)"))
    }
  }

  // MARK: - Purge

  /// Whether keys that this node no longer owns may still lie in its store.
  public var isPurging: Bool { purge != nil }

  /// Removes one slice of what this node does not own, and tombstones: no handover is under way, so
  /// nothing can bring a deleted key back.
  private mutating func advancePurge() throws(ClusterError) -> Bool {
    guard let current = purge, isDurable(current.barrier), handover == nil else { return false }
    if current.isScanned {
      openTurn.batch.delete(StoreLayout.purge)
      openTurn.transitions.append(.purgeFinished)
      purge?.barrier = lastSequence + 1
      return false
    }
    let page = try scan(from: current.cursor, upTo: StoreLayout.dataRange.upTo)
    for entry in page.entries {
      let key = StoreLayout.userKey(entry.key)
      let record = try Record(encoded: entry.value)
      if record.value != nil, let identity, map?.owner(of: key) == identity { continue }
      guard !isPending(key) else { continue }
      key.withUnsafeBytes { retire(record.header, key: $0) }
      openTurn.batch.delete(entry.key)
    }
    guard !openTurn.batch.isEmpty else {
      if let next = page.next { purge?.cursor = next } else { purge?.isScanned = true }
      return true
    }
    openTurn.transitions.append(.purgePageDone(resume: page.next))
    purge?.barrier = lastSequence + 1
    return false
  }
}
