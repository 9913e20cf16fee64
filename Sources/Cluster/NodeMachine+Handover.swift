import Candid
import Placement
import Storage

/// A handover at its source: the copy, what changed meanwhile, and the fence.
extension NodeMachine {
  // No copy of the handover is held while a part of it changes: it would copy that part, each time.

  /// Sends what is to be sent next. Returns whether more is ready at once.
  mutating func advanceHandover(now: Moment) throws(ClusterError) -> Bool {
    guard let identity, let map, handover?.isOutgoing == true else { return false }
    resendChunks(now: now)
    var more = false
    while let state = copyState, state.mayStart {
      if let cursor = state.cursor {
        guard state.isInPace(now) else { break }
        try copySlice(from: cursor, identity: identity, map: map)
        more = true
        break
      }
      guard state.hasChanges else { break }
      try sendChanges(identity: identity)
    }
    noteCheckpoint()
    updatePhase()
    return more
  }

  private struct CopyState {
    var mayStart: Bool
    var cursor: [UInt8]?
    var hasChanges: Bool
    var pace: CopyPace

    func isInPace(_ now: Moment) -> Bool { pace.mayGoOn(at: now.monotonic) }
  }

  private var copyState: CopyState? {
    guard let handover, handover.phase != .failed else { return nil }
    return CopyState(
      mayStart: handover.chunks.count < limits.chunksInFlight * handover.targetCount,
      cursor: handover.cursor, hasChanges: !handover.dirty.isEmpty, pace: handover.pace)
  }

  /// Looks at one slice of the store, and sends what moves once enough of it is gathered.
  private mutating func copySlice(
    from cursor: [UInt8], identity: Principal, map: ClusterMap
  ) throws(ClusterError) {
    let page = try scan(from: cursor, upTo: StoreLayout.dataRange.upTo)
    guard let next = handover?.next, var gathered = handover?.gathered else { return }
    let resumed = handover?.resumed
    handover?.gathered = Handover.Gathered()
    if gathered.begin == nil { gathered.begin = cursor }
    do throws(ClusterError) {
      for entry in page.entries {
        let key = StoreLayout.userKey(entry.key)
        guard let target = next.owner(of: key), target != identity, map.owner(of: key) == identity
        else { continue }
        let record = try Record(encoded: entry.value)
        if let resumed, resumed.covers(entry.key, record.version) { continue }
        TransferChunk.append(
          key: key, record: record, to: &gathered.data[target, default: TransferChunk.start()])
        gathered.entries += 1
        gathered.bytes += entry.key.count + entry.value.count
      }
    } catch {
      handover?.cursor = gathered.begin
      throw error
    }
    if page.next == nil || gathered.entries >= limits.chunkEntries
      || gathered.bytes >= limits.chunkBytes
    {
      send(gathered.data, from: gathered.begin)
      handover?.sentKeys += UInt64(gathered.entries)
    } else {
      handover?.gathered = gathered
    }
    handover?.cursor = page.next
    let scannedBytes = page.entries.reduce(0) { $0 + $1.key.count + $1.value.count }
    handover?.progress.scanned(keys: page.entries.count, bytes: scannedBytes)
    if page.next == nil { handover?.progress.finishedScan() }
  }

  /// Sends a bounded number of the keys that changed since the copy began, as they stand now.
  private mutating func sendChanges(identity: Principal) throws(ClusterError) {
    guard let next = handover?.next, let taken = handover?.takeDirty(limits.chunkEntries) else {
      return
    }
    var changes = taken[...]
    var outgoing: [Principal: [UInt8]] = [:]
    var bytes = 0
    do throws(ClusterError) {
      while bytes < limits.chunkBytes, let change = changes.popFirst() {
        guard let target = next.owner(of: change.key), target != identity else { continue }
        let record =
          try durableRecord(change.key) ?? Record(version: change.version, value: nil)
        TransferChunk.append(
          key: change.key, record: record,
          to: &outgoing[target, default: TransferChunk.start()])
        bytes += change.key.count + (record.value?.count ?? 0)
        handover?.chased += 1
      }
    } catch {
      for change in taken { handover?.markDirty(change.key, change.version) }
      throw error
    }
    for change in changes { handover?.markDirty(change.key, change.version) }
    send(outgoing, from: nil)
  }

  /// In the order of the targets: what a machine does is a function of what it was told.
  private mutating func send(_ outgoing: [Principal: [UInt8]], from cursor: [UInt8]?) {
    for (target, data) in outgoing.sorted(by: { $0.key < $1.key }) {
      nextMessage += 1
      handover?.chunks[nextMessage] = Handover.Chunk(target: target, data: data, begin: cursor)
      handover?.progress.sent(bytes: data.count, at: lastMoment.monotonic)
      if cursor != nil {
        handover?.pace.sent(
          data.count, perSecond: limits.handoverBytesPerSecond, at: lastMoment.monotonic)
      }
      dispatch(nextMessage)
    }
  }

  private mutating func dispatch(_ message: UInt64) {
    guard let handover, let chunk = handover.chunks[message] else { return }
    let migration = Migration(data: chunk.data, epoch: handover.epoch, from: identity)
    // A member's newest address is in the map in force, a joining node's in the next.
    let address = map?.addresses[chunk.target] ?? handover.next.addresses[chunk.target] ?? ""
    actions.append(
      .send(message: message, to: chunk.target, address: address, .migrate(migration)))
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

  /// Notes now and then how far the copy has come, for a restart to go on from.
  private mutating func noteCheckpoint() {
    guard let current = handover, current.phase == .copying, writeRefusal == nil,
      current.progress.sentBytes >= current.noted &+ UInt64(limits.checkpointBytes),
      let frontier = current.frontier, frontier != current.checkpoint.cursor
    else { return }
    // A copy that was resumed may not have come again to where the one before it was.
    if let resumed = current.resumed, frontier.lexicographicallyPrecedes(resumed.cursor) { return }
    handover?.checkpoint.cursor = frontier
    handover?.noted = current.progress.sentBytes
    openTurn.batch.put(
      StoreLayout.checkpoint,
      CopyCheckpoint(cursor: frontier, version: current.checkpoint.version).encoded)
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
}
