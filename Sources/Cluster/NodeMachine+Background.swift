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
    rereadCounters()
  }

  mutating func rereadCounters() {
    do throws(ClusterError) {
      try restoreCounters()
    } catch {
      actions.append(.alarm("the store cannot be read after a failed commit: \(error.message)"))
    }
  }

  // MARK: - Handover, at the source

  private mutating func advanceHandover(now: Moment) throws(ClusterError) -> Bool {
    guard let identity, let map, handover?.isOutgoing == true else { return false }
    resendChunks(now: now)
    var more = false
    while let current = handover, current.chunks.count < limits.chunksInFlight {
      if current.cursor != nil {
        try copySlice(identity: identity, map: map)
        more = true
        break
      }
      guard current.phase != .failed, !current.dirty.isEmpty else { break }
      try sendChanges(identity: identity)
    }
    updatePhase()
    return more && (handover?.chunks.count ?? 0) < limits.chunksInFlight
  }

  /// Looks at one slice of the store and sends what of it moves.
  private mutating func copySlice(identity: Principal, map: ClusterMap) throws(ClusterError) {
    guard let current = handover, let cursor = current.cursor, current.phase != .failed else {
      handover?.cursor = nil
      return
    }
    let page = try scan(from: cursor, upTo: StoreLayout.dataRange.upTo)
    var outgoing: [Principal: [UInt8]] = [:]
    for entry in page.entries {
      let key = StoreLayout.userKey(entry.key)
      guard map.owner(of: key) == identity, let target = current.next.owner(of: key),
        target != identity
      else { continue }
      let record = try Record(encoded: entry.value)
      TransferChunk.append(
        key: key, record: record, to: &outgoing[target, default: TransferChunk.start()])
      handover?.sentKeys += 1
    }
    send(outgoing)
    handover?.cursor = page.next
  }

  /// Sends a bounded number of the keys that changed since the copy began, as they stand now.
  private mutating func sendChanges(identity: Principal) throws(ClusterError) {
    guard var current = handover else { return }
    var outgoing: [Principal: [UInt8]] = [:]
    var taken = 0
    var bytes = 0
    for key in current.dirtyOrder {
      guard taken < limits.chunkEntries, bytes < limits.chunkBytes else { break }
      taken += 1
      guard let version = current.dirty.removeValue(forKey: key),
        let target = current.next.owner(of: key), target != identity
      else { continue }
      let record = try durableRecord(key) ?? Record(version: version, value: nil)
      TransferChunk.append(
        key: key, record: record, to: &outgoing[target, default: TransferChunk.start()])
      bytes += key.count + (record.value?.count ?? 0)
    }
    current.dirtyOrder.removeFirst(taken)
    current.chased += taken
    handover = current
    send(outgoing)
  }

  /// In the order of the targets: what a machine does is a function of what it was told.
  private mutating func send(_ outgoing: [Principal: [UInt8]]) {
    for (target, data) in outgoing.sorted(by: { $0.key < $1.key }) {
      nextMessage += 1
      handover?.chunks[nextMessage] = Handover.Chunk(target: target, data: data)
      dispatch(nextMessage)
    }
  }

  private mutating func dispatch(_ message: UInt64) {
    guard let handover, let chunk = handover.chunks[message] else { return }
    let migration = Migration(data: chunk.data, epoch: handover.epoch, from: identity)
    actions.append(
      .send(
        message: message, to: chunk.target, address: handover.next.addresses[chunk.target] ?? "",
        .migrate(migration)))
  }

  private mutating func resendChunks(now: Moment) {
    guard let handover else { return }
    for (message, chunk) in handover.chunks.sorted(by: { $0.key < $1.key }) {
      guard let retryAt = chunk.retryAt, retryAt <= now.monotonic else { continue }
      self.handover?.chunks[message]?.retryAt = nil
      dispatch(message)
    }
  }

  /// A peer answered, or did not: without an answer the chunk is sent again, with a growing pause,
  /// until the coordinator gives the handover up.
  public mutating func peerReplied(_ message: UInt64, _ result: Result<Void, ClusterError>) {
    guard var chunk = handover?.chunks[message] else { return }
    switch result {
    case .success:
      handover?.chunks[message] = nil
      updatePhase()
    case .failure:
      chunk.attempts += 1
      chunk.retryAt = lastMoment.monotonic &+ min(20 << min(chunk.attempts, 6), 1_000)
      handover?.chunks[message] = chunk
    }
  }

  private mutating func updatePhase() {
    guard var current = handover, current.isOutgoing, failure == nil else { return }
    switch current.phase {
    case .copying where current.cursor == nil:
      let chasedEnough = current.chased > 16 * limits.fenceBacklog
      if current.dirty.count <= limits.fenceBacklog || chasedEnough {
        current.phase = .copied
        handover = current
      }
    case .fencing where current.isDrained && isDurable(current.fenceBarrier):
      // An abort on its way to the disk must not be followed by a stored fence.
      guard !current.isFencePersisting, isDurable(structureBarrier) else { return }
      current.isFencePersisting = true
      handover = current
      openTurn.batch.put(
        StoreLayout.handover, HandoverRecord(next: current.next, isFenced: true).encoded)
      openTurn.transitions.append(.handoverFenced(epoch: current.epoch))
    default:
      break
    }
  }

  /// What health reports tell of the handover under way.
  public var handoverStatus: HandoverStatus? {
    guard let handover else { return nil }
    return HandoverStatus(
      epoch: handover.epoch, phase: handover.phase.rawValue, sentKeys: handover.sentKeys,
      backlog: UInt64(handover.dirty.count))
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
      guard pending[key] == nil else { continue }
      retire(record, key: key)
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
