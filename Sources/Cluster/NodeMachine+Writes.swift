import Placement
import Storage

/// What a write does, once it is known to be for this node.
extension NodeMachine {
  mutating func delete(
    _ key: HashedKey, if condition: KeyCommand.Condition, ticket: UInt64, now: Moment
  ) throws(ClusterError) -> KeyReply? {
    let live = try latest(key).flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    guard condition.holds(for: live?.version) else {
      return answer(.preconditionFailed(current: live?.version), about: key, ticket: ticket)
    }
    guard let live else { return answer(.missing, about: key, ticket: ticket) }
    openTurn.replies.append((ticket, .deleted(remove(live, key: key))))
    return nil
  }

  mutating func apply(
    _ body: (Record?) -> KeyCommand.Change, to key: HashedKey, if condition: KeyCommand.Condition,
    ticket: UInt64, now: Moment
  ) throws(ClusterError) -> KeyReply? {
    let latest = try latestRecord(key)
    let live = latest.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    guard condition.holds(for: live?.version) else {
      return answer(.preconditionFailed(current: live?.version), about: key, ticket: ticket)
    }
    let reply: KeyReply
    switch body(live) {
    case .keep:
      return answer(.applied(live?.version), about: key, ticket: ticket)
    case .put(let value, let expiry):
      let expiresAt = expiry.instant(after: live?.header, now: now)
      let version = value.withUnsafeBytes { value in
        put(key, value, expiresAt: expiresAt, over: latest?.header)
      }
      reply = .applied(version)
    case .delete:
      guard let live else { return answer(.applied(nil), about: key, ticket: ticket) }
      reply = .applied(remove(live.header, key: key))
    }
    openTurn.replies.append((ticket, reply))
    return nil
  }

  /// Changes a value where it lies, without a copy of it.
  mutating func change(
    _ key: HashedKey, ticket: UInt64, now: Moment, _ body: (UnsafeRawBufferPointer?) -> ValueChange
  ) throws(ClusterError) -> ChangeOutcome {
    var latest: RecordHeader?
    var unknown: ClusterError?
    let change = try withLatest(key) { record in
      guard let record else { return body(nil) }
      latest = RecordHeader(record)
      guard let latest else {
        unknown = RecordHeader.unknownFormat(record.count)
        return .keep
      }
      return body(latest.isLive(at: now.wall) ? RecordHeader.value(of: record) : nil)
    }
    if let unknown { throw unknown }
    let live = latest.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    let version: Version
    switch change {
    case .keep:
      guard pendingWrite(key) != nil else { return .done(live?.version) }
      openTurn.replies.append((ticket, .applied(live?.version)))
      return .waits(live?.version)
    case .put(let value, let expiry):
      version = put(
        key, value, expiresAt: expiry.instant(after: live, now: now), over: latest)
    case .delete:
      guard let live else {
        guard pendingWrite(key) != nil else { return .done(nil) }
        openTurn.replies.append((ticket, .applied(nil)))
        return .waits(nil)
      }
      version = remove(live, key: key)
    }
    openTurn.replies.append((ticket, .applied(version)))
    return .waits(version)
  }

  /// An answer that changes nothing. When it rests on a write that is not yet durable, it waits.
  mutating func answer(
    _ reply: KeyReply, about key: HashedKey, ticket: UInt64
  ) -> KeyReply? {
    guard pendingWrite(key) != nil else { return reply }
    openTurn.replies.append((ticket, reply))
    return nil
  }

  mutating func put(
    _ key: HashedKey, _ value: UnsafeRawBufferPointer, expiresAt: UInt64?,
    over latest: RecordHeader?
  ) -> Version {
    let header = RecordHeader(
      version: newVersion(after: latest?.version), expiresAt: expiresAt, valueCount: value.count)
    stage(header, value, key: key, over: latest)
    return header.version
  }

  /// Deletes a live record. While keys move in, its tombstone stays, so that no late chunk can
  /// bring the key back; otherwise nothing can, and nothing is left.
  mutating func remove(_ live: RecordHeader, key: HashedKey) -> Version {
    let version = newVersion(after: live.version)
    stage(
      RecordHeader(version: version, valueCount: nil), UnsafeRawBufferPointer(start: nil, count: 0),
      key: key, over: live)
    return version
  }

  /// Whether a deletion has to be remembered: a chunk that is late, or a copy that begins again
  /// after a restart, must not bring the key back.
  private var keepsTombstones: Bool { handover != nil || isPreparing }

  mutating func stage(_ record: Record, key: [UInt8], over latest: RecordHeader?) {
    key.withUnsafeBytes { key in
      (record.value ?? []).withUnsafeBytes { value in
        stage(record.header, value, key: hashed(key), over: latest)
      }
    }
  }

  /// Puts a record into the open turn, with its index entries and its weight in the statistics.
  mutating func stage(
    _ header: RecordHeader, _ value: UnsafeRawBufferPointer, key: HashedKey,
    over latest: RecordHeader?
  ) {
    retire(latest, key: key.bytes)
    let before = pendingWrite(key)
    let start = openTurn.batch.end
    var record = start..<start
    if header.valueCount == nil, !keepsTombstones {
      openTurn.batch.delete(kind: StoreLayout.data, key: key.bytes)
    } else {
      record = header.withEncoded { header in
        openTurn.batch.put(kind: StoreLayout.data, key: key.bytes, header: header, value: value)
      }
    }
    let keyRange = start + 1..<start + 1 + key.bytes.count
    let write = PendingWrites.Write(
      hash: key.hash, sequence: lastSequence + 1, key: keyRange, record: record)
    if let before { pending.replace(before, with: write) } else { pending.insert(write) }
    openTurn.touched.append(
      Turn.Touch(hash: key.hash, version: header.version, key: keyRange, record: record))
    guard header.valueCount != nil else { return }
    statistics.keys &+= 1
    statistics.bytes &+= UInt64(key.bytes.count + value.count)
    if let expiry = header.expiresAt {
      openTurn.batch.put(StoreLayout.expiryKey(Array(key.bytes), at: expiry), [])
    }
  }

  /// Takes the record that stood under `key` out of the indexes and the statistics.
  mutating func retire(_ record: RecordHeader?, key: UnsafeRawBufferPointer) {
    guard let record, let valueCount = record.valueCount else { return }
    statistics.keys = statistics.keys == 0 ? 0 : statistics.keys - 1
    let weight = UInt64(key.count + valueCount)
    statistics.bytes = statistics.bytes < weight ? 0 : statistics.bytes - weight
    if let expiry = record.expiresAt {
      openTurn.batch.delete(StoreLayout.expiryKey(Array(key), at: expiry))
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
      guard let record = try latest(key), record.valueCount != nil, record.expiresAt == time else {
        openTurn.batch.delete(entry.key)
        continue
      }
      key.withUnsafeBytes { _ = remove(record, key: hashed($0)) }
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

/// What is made of a value in the machine's memory.
package enum ValueChange {
  case keep
  case put(UnsafeRawBufferPointer, expiry: KeyCommand.Expiry)
  case delete
}

extension KeyCommand.Expiry {
  /// Milliseconds since 1970; nil for never.
  func instant(after live: RecordHeader?, now: Moment) -> UInt64? {
    switch self {
    case .keep: live?.expiresAt
    case .never: nil
    case .after(let time): now.wall &+ time.wholeMilliseconds
    }
  }
}
