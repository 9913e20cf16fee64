public import Candid
import Placement
import Storage

extension NodeMachine {
  /// Makes this node a member of a cluster, or the first node of a new one. Idempotent.
  ///
  /// The answer follows as a `.respond` action once it is durable.
  public mutating func initialise(identity: Principal, map: ClusterMap, ticket: UInt64) {
    guard awaitStructure(ticket) else { return }
    if let known = self.identity {
      guard known == identity, self.map?.ring.hashKey == map.ring.hashKey else {
        refuse(
          ticket, .alreadyInitialised,
          "this node already is \(known.text); start a new node with an empty data directory")
        return
      }
      handle(.ringChanged(map), ticket: ticket)
      return
    }
    if let writeRefusal { return actions.append(.respond(ticket, .failure(writeRefusal))) }
    openTurn.batch.put(StoreLayout.identity, identity.bytes)
    openTurn.batch.put(StoreLayout.map, map.encoded)
    changeStructure(.initialised(identity, map))
    openTurn.controls.append(ticket)
  }

  /// Takes a control event. The answer follows as a `.respond` action.
  public mutating func handle(_ event: CanisterManagerEvent, ticket: UInt64) {
    guard let map, let identity else {
      refuse(ticket, .notInitialised, "initialise this node first, by init_canister_manager")
      return
    }
    if let writeRefusal { return actions.append(.respond(ticket, .failure(writeRefusal))) }
    switch event {
    case .nodeCreated(let text): announce(text, joined: true, map: map, ticket: ticket)
    case .nodeDeleted(let text): announce(text, joined: false, map: map, ticket: ticket)
    case .migrate(let migration): receive(migration, ticket: ticket)
    case .prepare(let next):
      prepare(next, current: map, identity: identity, ticket: ticket)
    case .fence(let epoch): fence(epoch, ticket: ticket)
    case .ringChanged(let next):
      install(next, current: map, identity: identity, ticket: ticket)
    case .abort(let epoch): abort(epoch, ticket: ticket)
    }
  }

  /// Asks to be forgotten by its cluster, in which it is no member, as the map shows. The answer
  /// follows as a `.retire` action, or as a refusal in a `.respond` action; also when the store is
  /// full.
  public mutating func retire(_ next: ClusterMap, ticket: UInt64) {
    guard let current = map, let identity else {
      return refuse(ticket, .notInitialised, "this node belongs to no cluster")
    }
    guard next.ring.hashKey == current.ring.hashKey else {
      return refuse(
        ticket, .conflict, "\(identity.text) belongs to another cluster, which has its data")
    }
    guard (next.ring.epoch, next.revision) >= (current.ring.epoch, current.revision) else {
      return refuse(
        ticket, .staleEpoch,
        "the map of epoch \(next.ring.epoch), revision \(next.revision) is older than that of "
          + "\(identity.text): epoch \(current.ring.epoch), revision \(current.revision)")
    }
    guard !next.contains(identity) else {
      return refuse(
        ticket, .conflict, "\(identity.text) is a member of the ring; let it leave first")
    }
    actions.append(.retire(ticket))
  }

  /// The original's announcements carry no ring, so they change nothing: the ring comes by
  /// `RingChanged`. One that fits the ring is confirmed, any other is refused.
  private mutating func announce(_ text: String, joined: Bool, map: ClusterMap, ticket: UInt64) {
    guard let node = Principal(text) else {
      refuse(ticket, .malformed, "\"\(text.prefix(80))\" is not a node's id (a principal)")
      return
    }
    guard map.contains(node) == joined else {
      refuse(
        ticket, joined ? .unknownNode : .conflict,
        "\(node.text) is \(joined ? "no" : "a") member of the ring at epoch \(map.ring.epoch); "
          + "the coordinator changes the ring by RingChanged")
      return
    }
    actions.append(.respond(ticket, .success(())))
  }

  // MARK: - Handover, both sides

  private mutating func prepare(
    _ next: ClusterMap, current: ClusterMap, identity: Principal, ticket: UInt64
  ) {
    guard awaitStructure(ticket) else { return }
    if let handover, handover.epoch == next.ring.epoch, handover.phase != .failed {
      guard handover.next.ring == next.ring else {
        refuse(ticket, .conflict, "another ring is being prepared for epoch \(next.ring.epoch)")
        return
      }
      if next.revision > handover.next.revision {
        guard !handover.isFencePersisting || handover.phase == .fenced else {
          refuse(ticket, .conflict, "the fence is not durable yet; send this event again")
          return
        }
        openTurn.batch.put(
          StoreLayout.handover,
          HandoverRecord(next: next, isFenced: handover.phase == .fenced).encoded)
        changeStructure(.targetsMoved(next))
      }
      openTurn.controls.append(ticket)
      return
    }
    guard handover == nil else {
      refuse(ticket, .conflict, "another handover is under way; abort it first")
      return
    }
    guard next.ring.epoch > current.ring.epoch, next.ring.hashKey == current.ring.hashKey else {
      refuse(
        ticket, .staleEpoch,
        "epoch \(next.ring.epoch) does not follow epoch \(current.ring.epoch) of this node")
      return
    }
    guard purge?.mayWait ?? true else {
      refuse(ticket, .conflict, "keys of an earlier handover are still being removed; try again")
      return
    }
    let handover = Handover(
      next: next, current: current, node: identity, version: lastVersion, statistics: statistics)
    openTurn.batch.put(
      StoreLayout.handover, HandoverRecord(next: next, isFenced: false).encoded)
    openTurn.batch.put(StoreLayout.checkpoint, handover.checkpoint.encoded)
    isPreparing = true
    changeStructure(.handoverPrepared(handover))
    openTurn.controls.append(ticket)
  }

  private mutating func receive(_ migration: Migration, ticket: UInt64) {
    guard awaitStructure(ticket) else { return }
    guard let handover, handover.isIncoming, migration.epoch == handover.epoch else {
      refuse(
        ticket, .staleEpoch,
        "no keys are expected here"
          + (migration.epoch.map { " for epoch \($0)" } ?? " without an epoch"))
      return
    }
    do throws(ClusterError) {
      let entries = try TransferChunk.records(in: migration.data)
      guard entries.allSatisfy({ handover.next.owner(of: $0.key) == identity }) else {
        throw ClusterError(.malformed, "the chunk holds keys that do not come to this node")
      }
      for (key, record) in entries {
        let latest = try latest(key)
        if let latest, latest.version >= record.version { continue }
        stage(record, key: key, over: latest)
      }
      openTurn.controls.append(ticket)
    } catch {
      actions.append(.respond(ticket, .failure(error)))
    }
  }

  private mutating func fence(_ epoch: UInt64, ticket: UInt64) {
    guard var current = handover, current.epoch == epoch, current.phase != .failed else {
      refuse(ticket, .staleEpoch, "no handover of epoch \(epoch) is under way here")
      return
    }
    switch current.phase {
    case .fenced:
      actions.append(.respond(ticket, .success(())))
      return
    case .fencing:
      current.fenceTickets.append(ticket)
    case .copying, .copied, .failed:
      current.phase = .fencing
      current.fenceBarrier = writeBarrier
      current.fenceTickets.append(ticket)
    }
    handover = current
  }

  /// Puts a newer ring, or newer addresses, in force.
  private mutating func install(
    _ next: ClusterMap, current: ClusterMap, identity: Principal, ticket: UInt64
  ) {
    guard awaitStructure(ticket) else { return }
    guard next.ring.hashKey == current.ring.hashKey else {
      refuse(ticket, .conflict, "the ring is of another cluster")
      return
    }
    if next.ring.epoch < current.ring.epoch
      || (next.ring.epoch == current.ring.epoch && next.revision <= current.revision)
    {
      openTurn.controls.append(ticket)  // known already; answered once that is durable
      return
    }
    if next.ring.epoch == current.ring.epoch, next.ring.digest != current.ring.digest {
      actions.append(.alarm("two rings claim epoch \(next.ring.epoch); the new one is refused"))
      refuse(ticket, .conflict, "another ring already is in force at epoch \(next.ring.epoch)")
      return
    }
    if next.ring.epoch > current.ring.epoch {
      // Ownership changes hands by a fenced handover only.
      guard let handover, handover.epoch == next.ring.epoch, handover.next.ring == next.ring,
        !handover.isOutgoing || handover.phase == .fenced
      else {
        refuse(
          ticket, .conflict,
          "epoch \(next.ring.epoch) is not the outcome of a handover that was fenced here")
        return
      }
      openTurn.batch.delete(StoreLayout.handover)
      openTurn.batch.delete(StoreLayout.checkpoint)
      // Who has left keeps what it had until its data goes as a whole: a last copy, just in case.
      if next.contains(identity) { openTurn.batch.put(StoreLayout.purge, [1]) }
    }
    openTurn.batch.put(StoreLayout.map, next.encoded)
    changeStructure(.mapChanged(next))
    openTurn.controls.append(ticket)
  }

  private mutating func abort(_ epoch: UInt64, ticket: UInt64) {
    guard awaitStructure(ticket) else { return }
    guard let handover, handover.epoch == epoch else {
      openTurn.controls.append(ticket)  // nothing to undo, or undone already
      return
    }
    openTurn.batch.delete(StoreLayout.handover)
    openTurn.batch.delete(StoreLayout.checkpoint)
    openTurn.batch.put(StoreLayout.purge, [1])
    changeStructure(.handoverAborted(epoch: epoch))
    openTurn.controls.append(ticket)
  }

  private mutating func changeStructure(_ transition: Transition) {
    openTurn.transitions.append(transition)
    structureBarrier = lastSequence + 1
  }

  /// Whether identity, ring and handover are as the store has them; else the event is refused, to
  /// be sent again.
  private mutating func awaitStructure(_ ticket: UInt64) -> Bool {
    if isDurable(structureBarrier) { return true }
    refuse(ticket, .conflict, "the event before this one is not durable; send this one again")
    return false
  }

  mutating func refuse(_ ticket: UInt64, _ code: ClusterError.Code, _ message: String) {
    actions.append(.respond(ticket, .failure(ClusterError(code, message))))
  }

  // MARK: - Once durable

  mutating func complete(_ turn: Turn) {
    for touch in turn.touched { settle(touch, of: turn) }
    noteMovingChanges(turn)
    for transition in turn.transitions { apply(transition) }
    for answer in turn.replies { actions.append(.reply(answer.ticket, answer.reply)) }
    for ticket in turn.controls { actions.append(.respond(ticket, .success(()))) }
  }

  /// A copy under way has to send again what changed, or may have.
  mutating func noteMovingChanges(_ turn: Turn) {
    // The handover itself is not held, for its changes would be copied.
    guard handover?.isOutgoing == true, let identity, let map, let next = handover?.next else {
      return
    }
    for touch in turn.touched {
      let key = turn.key(of: touch)
      guard map.owner(of: key) == identity, next.owner(of: key) != identity else { continue }
      handover?.markDirty(key, touch.version)
    }
  }

  private mutating func apply(_ transition: Transition) {
    switch transition {
    case .recovered:
      recover()
    case .initialised(let identity, let map):
      self.identity = identity
      self.map = map
    case .mapChanged(let next):
      let flips = next.ring.epoch > (map?.ring.epoch ?? 0)
      map = next
      guard flips else { return }
      handover = nil
      // A key that comes back to this node later may have been deleted where it was meanwhile.
      cache.removeAll()
      if let identity, next.contains(identity) {
        purge = Purge(cursor: StoreLayout.dataRange.from, barrier: writeBarrier)
      }
      releaseHeld()
    case .handoverPrepared(let handover):
      isPreparing = false
      if self.handover == nil { self.handover = handover }
    case .targetsMoved(let next):
      if handover?.epoch == next.ring.epoch { handover?.next = next }
    case .handoverFenced(let epoch):
      guard var current = handover, current.epoch == epoch else { return }
      current.phase = .fenced
      for ticket in current.fenceTickets { actions.append(.respond(ticket, .success(()))) }
      current.fenceTickets = []
      handover = current
    case .handoverAborted(let epoch):
      guard let aborted = handover, aborted.epoch == epoch else { return }
      for ticket in aborted.fenceTickets {
        refuse(ticket, .conflict, "the handover was aborted")
      }
      handover = nil
      cache.removeAll()
      purge = Purge(cursor: StoreLayout.dataRange.from, barrier: writeBarrier)
      releaseHeld()
    case .purgePageDone(let resume):
      if let resume { purge?.cursor = resume } else { purge?.isScanned = true }
    case .purgeFinished:
      purge = nil
    }
  }

  /// Undoes what a turn that failed had set in motion.
  mutating func revert(_ transition: Transition) {
    switch transition {
    case .handoverFenced:
      handover?.isFencePersisting = false
    case .purgePageDone, .purgeFinished:
      purge?.barrier = 0
    case .handoverPrepared:
      // It may be stored after all, and with it tombstones that nobody needs.
      purge = Purge(cursor: StoreLayout.dataRange.from, mayWait: true)
    case .initialised, .mapChanged, .targetsMoved, .handoverAborted, .recovered:
      break
    }
  }
}
