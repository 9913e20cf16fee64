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
    key.withUnsafeBytes { bytes in
      let key = hashed(bytes)
      switch command {
      case .get:
        var record: Record?
        let outcome = get(key, ticket: ticket, now: now) { header, value in
          record = Record(
            version: header.version, expiresAt: header.expiresAt, value: Array(value))
        }
        switch outcome {
        case .found: return record.map { .value($0) } ?? .missing
        case .answered(let reply): return reply
        case .waits: return nil
        }
      case .put(let value, let ttl, let condition):
        return value.withUnsafeBytes { value in
          put(key, value, ttl: ttl, if: condition, ticket: ticket, now: now)
        }
      case .delete(let condition):
        return change(key, command, ticket: ticket, now: now) {
          (machine) throws(ClusterError) in
          try machine.delete(key, if: condition, ticket: ticket, now: now)
        }
      case .apply(let condition, let body):
        return change(key, command, ticket: ticket, now: now) {
          (machine) throws(ClusterError) in
          try machine.apply(body, to: key, if: condition, ticket: ticket, now: now)
        }
      }
    }
  }

  package enum ReadOutcome {
    /// The record was handed over.
    case found
    case answered(KeyReply)
    /// The answer follows as a `.reply` action.
    case waits
  }

  /// Reads a key, and hands its live record to `found`, which must only copy it.
  package mutating func get(
    _ key: UnsafeRawBufferPointer, ticket: UInt64, now: Moment,
    _ found: (RecordHeader, UnsafeRawBufferPointer) -> Void
  ) -> ReadOutcome {
    get(hashed(key), ticket: ticket, now: now, found)
  }

  private mutating func get(
    _ key: HashedKey, ticket: UInt64, now: Moment,
    _ found: (RecordHeader, UnsafeRawBufferPointer) -> Void
  ) -> ReadOutcome {
    if handover == nil {
      let isFound = cache.find(key) { record in
        guard let header = RecordHeader(record), header.isLive(at: now.wall) else { return false }
        found(header, RecordHeader.value(of: record))
        return true
      }
      if isFound == true { return .found }
    }
    if case .here = route(key.bytes) {
      do throws(ClusterError) {
        return try read(key, ticket: ticket, now: now, found)
      } catch {
        return .answered(.refused(error))
      }
    }
    return turnAway(key, .get, ticket: ticket, now: now).map { .answered($0) } ?? .waits
  }

  /// Sets a key. The bytes are copied.
  /// - Returns: nil when the answer follows as a `.reply` action.
  package mutating func put(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, ttl: Duration?,
    if condition: KeyCommand.Condition, ticket: UInt64, now: Moment
  ) -> KeyReply? {
    put(hashed(key), value, ttl: ttl, if: condition, ticket: ticket, now: now)
  }

  private mutating func put(
    _ key: HashedKey, _ value: UnsafeRawBufferPointer, ttl: Duration?,
    if condition: KeyCommand.Condition, ticket: UInt64, now: Moment
  ) -> KeyReply? {
    guard isKnownHere(key) || isHere(key.bytes) else {
      let command = KeyCommand.put(value: Array(value), ttl: ttl, condition: condition)
      return turnAway(key, command, ticket: ticket, now: now)
    }
    if let writeRefusal { return .refused(writeRefusal) }
    do throws(ClusterError) {
      let latest = try latest(key)
      let live = latest.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
      guard condition.holds(for: live?.version) else {
        return answer(.preconditionFailed(current: live?.version), about: key, ticket: ticket)
      }
      let expiry = ttl.map { KeyCommand.Expiry.after($0) } ?? .never
      let version = put(
        key, value, expiresAt: expiry.instant(after: live, now: now), over: latest)
      openTurn.replies.append((ticket, .stored(version, created: live == nil)))
      return nil
    } catch {
      return .refused(error)
    }
  }

  package enum ChangeOutcome {
    /// The closure ran, and what it rests on is durable: nobody has to wait.
    case done(Version?)
    /// The closure ran; an `.applied` follows as a `.reply` action once that is durable.
    case waits(Version?)
    /// The closure did not run: the key is not served here now, or nothing can be written.
    case notServed
  }

  /// Changes a key where it lies. `body` is handed the live value, nil when there is none, and must
  /// not keep it; what it returns is copied.
  package mutating func change(
    _ key: UnsafeRawBufferPointer, ticket: UInt64, now: Moment,
    _ body: (UnsafeRawBufferPointer?) -> ValueChange
  ) -> ChangeOutcome {
    let key = hashed(key)
    guard isKnownHere(key) || isHere(key.bytes), writeRefusal == nil,
      let outcome = try? change(key, ticket: ticket, now: now, body)
    else { return .notServed }
    return outcome
  }

  private mutating func change(
    _ key: HashedKey, _ command: KeyCommand, ticket: UInt64, now: Moment,
    _ body: (inout NodeMachine) throws(ClusterError) -> KeyReply?
  ) -> KeyReply? {
    guard isHere(key.bytes) else {
      return turnAway(key, command, ticket: ticket, now: now)
    }
    if let writeRefusal { return .refused(writeRefusal) }
    do throws(ClusterError) {
      return try body(&self)
    } catch {
      return .refused(error)
    }
  }

  /// Answers a request for a key that is not served here now, or keeps it until its fence is
  /// lifted.
  private mutating func turnAway(
    _ key: HashedKey, _ command: KeyCommand, ticket: UInt64, now: Moment
  ) -> KeyReply? {
    switch route(key.bytes) {
    case .elsewhere(let owner, let address):
      return .elsewhere(owner: owner, address: address)
    case .refused(let error):
      return .refused(error)
    case .here, .fenced:
      let request = HeldRequest(
        command: command, key: Array(key.bytes), ticket: ticket,
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

  /// Tells when the client of the request that was just taken stops waiting: if it is held, it is
  /// refused then. One that is carried out already is answered with what became of it.
  public mutating func limit(ticket: UInt64, to deadline: UInt64) {
    guard let last = held.indices.last, held[last].ticket == ticket else { return }
    held[last].clientDeadline = deadline
  }

  package enum Route {
    case here
    case elsewhere(Principal, String)
    /// The key is about to move: whoever asks waits until it has.
    case fenced
    case refused(ClusterError)
  }

  package func route(_ key: [UInt8]) -> Route {
    key.withUnsafeBytes { route($0) }
  }

  private func isHere(_ key: UnsafeRawBufferPointer) -> Bool {
    if case .here = route(key) { true } else { false }
  }

  /// Whether a key is served here that was used lately: the cache knows without the ring.
  private func isKnownHere(_ key: HashedKey) -> Bool {
    handover == nil && cache.contains(key)
  }

  /// Where a key is served.
  func route(_ key: UnsafeRawBufferPointer) -> Route {
    guard let shared, let identity else {
      return .refused(
        ClusterError(
          .notInitialised,
          "this node belongs to no cluster yet; initialise it by init_canister_manager"))
    }
    guard let owner = shared.owner(of: key) else {
      return .refused(ClusterError(.notInitialised, "the ring at this node has no members"))
    }
    guard owner == identity else {
      return .elsewhere(owner, shared.map.addresses[owner] ?? "")
    }
    if handover?.isFenced == true, handover?.next.owner(of: key) != identity {
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
      guard request.clientDeadline > moment.monotonic else {
        actions.append(.reply(request.ticket, .refused(NodeMachine.tooLate)))
        continue
      }
      if let reply = execute(
        request.command, key: request.key, ticket: request.ticket, now: moment)
      {
        actions.append(.reply(request.ticket, reply))
      } else if request.clientDeadline != .max {
        limit(ticket: request.ticket, to: request.clientDeadline)
      }
    }
  }

  private static let tooLate = ClusterError(
    .deadlineExceeded,
    "the key is being moved, and the time that ss-deadline gave is up; nothing was done")

  /// Refuses the requests that have waited for too long. Nothing of them was done.
  mutating func expireHeld(now: Moment) {
    guard !held.isEmpty else { return }
    let moving = ClusterError(
      .overloaded, "the key is being moved and its new owner is not ready; try again shortly")
    var kept = 0
    for index in held.indices {
      let request = held[index]
      let isTooLate = request.clientDeadline <= now.monotonic
      guard isTooLate || request.deadline <= now.monotonic else {
        if kept != index { held.swapAt(kept, index) }
        kept += 1
        continue
      }
      actions.append(
        .reply(request.ticket, .refused(isTooLate ? NodeMachine.tooLate : moving)))
      heldBytes -= request.byteCount
    }
    held.removeSubrange(kept...)
  }

  /// What is durable. Only when that has expired under a write that is not durable yet, the answer
  /// waits: the write may have found it alive, and nobody must see it gone before the write.
  private mutating func read(
    _ key: HashedKey, ticket: UInt64, now: Moment,
    _ found: (RecordHeader, UnsafeRawBufferPointer) -> Void
  ) throws(ClusterError) -> ReadOutcome {
    let header = try durable(key) { record in
      let header = RecordHeader(record)
      if let header, header.isLive(at: now.wall) { found(header, RecordHeader.value(of: record)) }
      return (header, record.count)
    }
    guard let header else { return .answered(.missing) }
    guard let known = header.0 else { throw RecordHeader.unknownFormat(header.1) }
    guard known.valueCount != nil else { return .answered(.missing) }
    if known.isLive(at: now.wall) { return .found }
    guard let pending = pendingWrite(key) else {
      // A write that failed, but may be there after all, may have found it alive, too.
      if let failure, doubtful.contains(Array(key.bytes)) { return .answered(.refused(failure)) }
      return .answered(.missing)
    }
    let live = record(of: pending).flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    let reply = answer(live.map { .value($0) } ?? .missing, about: key, ticket: ticket)
    return reply.map { .answered($0) } ?? .waits
  }
}

extension KeyCommand.Condition {
  func holds(for live: Version?) -> Bool {
    switch self {
    case .none: true
    case .version(let version): live == version
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
