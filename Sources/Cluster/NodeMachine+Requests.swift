package import Candid
import Placement
import Storage

extension NodeMachine {
  /// Runs a command on a key.
  ///
  /// - Parameters:
  ///   - ticket: names the request in a later `.reply` action.
  ///   - now: the time, for expiry and for waiting.
  /// - Returns: the answer if it is known at once, else nil: it follows as a `.reply` action.
  public mutating func execute(
    _ command: KeyCommand, key: [UInt8], ticket: UInt64, now: Moment
  ) -> KeyReply? {
    switch route(key) {
    case .here:
      do throws(ClusterError) {
        if case .get = command { return try read(key, ticket: ticket, now: now) }
        if let writeRefusal { return .refused(writeRefusal) }
        return try write(command, key: key, ticket: ticket, now: now)
      } catch {
        return .refused(error)
      }
    case .elsewhere(let owner, let address):
      return .elsewhere(owner: owner, address: address)
    case .refused(let error):
      return .refused(error)
    case .fenced:
      let request = HeldRequest(
        command: command, key: key, ticket: ticket,
        deadline: now.monotonic &+ limits.heldMilliseconds)
      guard held.count < limits.heldRequests, heldBytes + request.byteCount <= limits.heldBytes
      else {
        return .refused(
          ClusterError(
            .overloaded, "too many requests wait for a handover to end; try again shortly"))
      }
      // The request must not be run later at a time before it came.
      lastMoment = now
      held.append(request)
      heldBytes += request.byteCount
      return nil
    }
  }

  package enum Route {
    case here
    case elsewhere(Principal, String)
    /// The key is about to move: whoever asks waits until it has.
    case fenced
    case refused(ClusterError)
  }

  package func route(_ key: [UInt8]) -> Route {
    guard let map, let identity else {
      return .refused(
        ClusterError(
          .notInitialised,
          "this node belongs to no cluster yet; initialise it by init_canister_manager"))
    }
    guard let owner = map.owner(of: key) else {
      return .refused(ClusterError(.notInitialised, "the ring at this node has no members"))
    }
    guard owner == identity else {
      return .elsewhere(owner, map.addresses[owner] ?? "")
    }
    if let handover, handover.isFenced, handover.next.owner(of: key) != identity {
      return .fenced
    }
    return .here
  }

  /// Runs the requests that waited for a fence again: it has been lifted.
  mutating func releaseHeld(now: Moment? = nil) {
    guard !held.isEmpty else { return }
    let released = held
    held = []
    heldBytes = 0
    for request in released {
      let moment = now ?? lastMoment
      if let reply = execute(
        request.command, key: request.key, ticket: request.ticket, now: moment)
      {
        actions.append(.reply(request.ticket, reply))
      }
    }
  }

  /// Refuses the requests that have waited for too long. Nothing of them was done.
  mutating func expireHeld(now: Moment) {
    guard let first = held.first, first.deadline <= now.monotonic else { return }
    let refusal = ClusterError(
      .overloaded, "the key is being moved and its new owner is not ready; try again shortly")
    let expired = held.prefix { $0.deadline <= now.monotonic }
    for request in expired {
      actions.append(.reply(request.ticket, .refused(refusal)))
      heldBytes -= request.byteCount
    }
    held.removeFirst(expired.count)
  }

  /// What is durable. Only when that has expired under a write that is not durable yet, the answer
  /// waits: the write may have found it alive, and nobody must see it gone before the write.
  private mutating func read(
    _ key: [UInt8], ticket: UInt64, now: Moment
  ) throws(ClusterError) -> KeyReply? {
    guard let record = try durableRecord(key), record.value != nil else { return .missing }
    if record.isLive(at: now.wall) { return .value(record) }
    guard let pending = pending[key] else {
      // A write that failed, but may be there after all, may have found it alive, too.
      if doubtful.contains(key), let failure { return .refused(failure) }
      return .missing
    }
    let live = pending.record.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    return answer(live.map { .value($0) } ?? .missing, about: key, ticket: ticket)
  }

  // MARK: - Writing

  private mutating func write(
    _ command: KeyCommand, key: [UInt8], ticket: UInt64, now: Moment
  ) throws(ClusterError) -> KeyReply? {
    let latest = try latestRecord(key)
    let live = latest.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    let reply: KeyReply
    switch command {
    case .get:
      return live.map { .value($0) } ?? .missing
    case .put(let value, let ttl, let condition):
      guard condition.holds(for: live) else {
        return answer(.preconditionFailed(current: live?.version), about: key, ticket: ticket)
      }
      let version = put(value, ttl: ttl, key: key, over: latest, now: now)
      reply = .stored(version, created: live == nil)
    case .delete(let condition):
      guard condition.holds(for: live) else {
        return answer(.preconditionFailed(current: live?.version), about: key, ticket: ticket)
      }
      guard let live else { return answer(.missing, about: key, ticket: ticket) }
      reply = .deleted(remove(live, key: key))
    case .apply(let change):
      switch change(live) {
      case .keep:
        return answer(.applied(live?.version), about: key, ticket: ticket)
      case .put(let value, let ttl):
        reply = .applied(put(value, ttl: ttl, key: key, over: latest, now: now))
      case .delete:
        guard let live else { return answer(.applied(nil), about: key, ticket: ticket) }
        reply = .applied(remove(live, key: key))
      }
    }
    openTurn.replies.append((ticket, reply))
    return nil
  }

  /// An answer that changes nothing. When it rests on a write that is not yet durable, it waits.
  private mutating func answer(_ reply: KeyReply, about key: [UInt8], ticket: UInt64) -> KeyReply? {
    guard pending[key] != nil else { return reply }
    openTurn.replies.append((ticket, reply))
    return nil
  }

  private mutating func put(
    _ value: [UInt8], ttl: Duration?, key: [UInt8], over latest: Record?, now: Moment
  ) -> Version {
    let record = Record(
      version: newVersion(after: latest?.version),
      expiresAt: ttl.map { now.wall &+ $0.wholeMilliseconds }, value: value)
    stage(record, key: key, over: latest)
    return record.version
  }

  /// Deletes a live record. While keys move in, its tombstone stays, so that no late chunk can
  /// bring the key back; otherwise nothing can, and nothing is left.
  mutating func remove(_ live: Record, key: [UInt8]) -> Version {
    let version = newVersion(after: live.version)
    stage(Record(version: version, value: nil), key: key, over: live)
    return version
  }

  /// Whether a deletion has to be remembered: a chunk that is late, or a copy that begins again
  /// after a restart, must not bring the key back.
  private var keepsTombstones: Bool { handover != nil || isPreparing }

  /// Puts a record into the open turn, with its index entries and its weight in the statistics.
  mutating func stage(_ record: Record, key: [UInt8], over latest: Record?) {
    retire(latest, key: key)
    if record.value == nil, !keepsTombstones {
      openTurn.batch.delete(StoreLayout.dataKey(key))
      pending[key] = Pending(record: nil, sequence: lastSequence + 1)
    } else {
      openTurn.batch.put(StoreLayout.dataKey(key), record.encoded)
      pending[key] = Pending(record: record, sequence: lastSequence + 1)
    }
    if let value = record.value {
      statistics.keys &+= 1
      statistics.bytes &+= UInt64(key.count + value.count)
      if let expiry = record.expiresAt {
        openTurn.batch.put(StoreLayout.expiryKey(key, at: expiry), [])
      }
    }
    openTurn.touched.append((key, record.version))
  }

  /// Takes the record that stood under `key` out of the indexes and the statistics.
  mutating func retire(_ record: Record?, key: [UInt8]) {
    guard let record, let value = record.value else { return }
    statistics.keys = statistics.keys == 0 ? 0 : statistics.keys - 1
    let weight = UInt64(key.count + value.count)
    statistics.bytes = statistics.bytes < weight ? 0 : statistics.bytes - weight
    if let expiry = record.expiresAt {
      openTurn.batch.delete(StoreLayout.expiryKey(key, at: expiry))
    }
  }

  // MARK: - Expiry

  /// Deletes a bounded number of expired records. Returns whether more are due.
  mutating func sweepExpired(now: Moment) throws(ClusterError) -> Bool {
    guard identity != nil, handover?.isFenced != true, purge == nil, isDurable(sweepBarrier)
    else { return false }
    let range = StoreLayout.expiryRange(through: now.wall)
    let page = try scan(from: range.from, upTo: range.upTo)
    var removed = false
    for entry in page.entries {
      guard let (time, key) = StoreLayout.expiryEntry(entry.key), case .here = route(key)
      else { continue }
      removed = true
      guard let record = try latestRecord(key), record.value != nil, record.expiresAt == time else {
        openTurn.batch.delete(entry.key)
        continue
      }
      _ = remove(record, key: key)
    }
    if removed { sweepBarrier = lastSequence + 1 }
    return removed && page.next != nil
  }

  func scan(from: [UInt8], upTo: [UInt8]) throws(ClusterError) -> ScanPage {
    do throws(StorageError) {
      return try store.scan(
        from: from, upTo: upTo,
        limit: ScanLimit(count: limits.sliceEntries, bytes: limits.chunkBytes))
    } catch {
      throw ClusterError(.storage, "the store could not be scanned: \(error.message)")
    }
  }
}

extension KeyCommand.Condition {
  func holds(for live: Record?) -> Bool {
    switch self {
    case .none: true
    case .version(let version): live?.version == version
    case .exists: live != nil
    case .missing: live == nil
    }
  }
}

/// An instant, read by the driver.
public struct Moment: Hashable, Sendable {
  /// Milliseconds since 1970, for expiry.
  public var wall: UInt64
  /// Milliseconds of a clock that never jumps, for waiting.
  public var monotonic: UInt64

  public init(wall: UInt64, monotonic: UInt64) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

extension Duration {
  /// At least one millisecond; negative durations count as one, and it saturates at about 292
  /// million years.
  var wholeMilliseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 1 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
    if overflow { return UInt64.max / 4 }
    return max(1, min(whole &+ UInt64(attoseconds / 1_000_000_000_000_000), UInt64.max / 4))
  }
}
