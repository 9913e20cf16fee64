import Storage

/// Where a record is found: among the writes that are not durable yet, in the cache, in the store.
extension NodeMachine {
  @inline(__always)
  func hashed(_ key: UnsafeRawBufferPointer) -> HashedKey { HashedKey(key, seed: tableSeed) }

  // MARK: - What is not durable yet

  /// The last write of the key, unless it is durable.
  func pendingWrite(_ key: HashedKey) -> PendingWrites.Write? {
    guard pending.count > 0 else { return nil }
    return pending.find(key.hash) { isKey($0, key) }
  }

  func isPending(_ key: [UInt8]) -> Bool {
    key.withUnsafeBytes { pendingWrite(hashed($0)) != nil }
  }

  func isKey(_ write: PendingWrites.Write, _ key: HashedKey) -> Bool {
    var isEqual = false
    withBytes(at: write.key, of: write.sequence) { isEqual = key.equals($0) }
    return isEqual
  }

  /// Hands bytes of the batch of a turn that is not settled to `body`.
  private func withBytes(
    at range: Range<Int>, of sequence: UInt64, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    if sequence > lastSequence {
      openTurn.batch.withBytes(at: range, body)
    } else if let first = inFlight.first?.sequence, sequence >= first {
      inFlight[Int(sequence - first)].batch.withBytes(at: range, body)
    } else if let first = finishing.first?.sequence, sequence >= first {
      finishing[Int(sequence - first)].batch.withBytes(at: range, body)
    }
  }

  private func header(of write: PendingWrites.Write) -> RecordHeader? {
    guard !write.record.isEmpty else { return nil }
    var header: RecordHeader?
    withBytes(at: write.record, of: write.sequence) { header = RecordHeader($0) }
    return header
  }

  func record(of write: PendingWrites.Write) -> Record? {
    guard !write.record.isEmpty else { return nil }
    var record: Record?
    withBytes(at: write.record, of: write.sequence) { record = Record(stored: $0) }
    return record
  }

  /// Makes of a write of a turn that is durable what reads find. A later write of the key may be
  /// in the store already: then the store tells.
  mutating func settle(_ touch: Turn.Touch, of turn: Turn) {
    turn.batch.withBytes(at: touch.key) { bytes in
      let key = HashedKey(bytes, hash: touch.hash)
      let write = pendingWrite(key)
      let isLast = write?.sequence == turn.sequence
      if let write, isLast { pending.remove(write) }
      guard isLast, failure == nil, !touch.record.isEmpty, mayCache(bytes) else {
        return cache.remove(key)
      }
      turn.batch.withBytes(at: touch.record) { cache.put(key, $0) }
    }
  }

  /// Only keys of this node are cached: while no handover is under way, what is found there needs
  /// no look at the ring. When the ring changes, the cache starts anew.
  private func mayCache(_ key: UnsafeRawBufferPointer) -> Bool {
    handover == nil || shared?.owner(of: key) == identity
  }

  // MARK: - What is durable

  /// Hands the stored form of what is durable under `key` to `body`; nil when there is nothing.
  mutating func durable<Result>(
    _ key: HashedKey, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(ClusterError) -> Result? {
    if let found = cache.find(key, body) { return found }
    cache.misses &+= 1
    guard let stored = try read(StoreLayout.dataKey(Array(key.bytes))) else { return nil }
    return stored.withUnsafeBytes { stored in
      if failure == nil, mayCache(key.bytes) { cache.put(key, stored) }
      return body(stored)
    }
  }

  // MARK: - What writes build on

  /// What stands under `key` as later writes must see it, tombstones and expired ones included.
  mutating func latest(_ key: HashedKey) throws(ClusterError) -> RecordHeader? {
    if let write = pendingWrite(key) { return header(of: write) }
    guard let header = try durable(key, { (RecordHeader($0), $0.count) }) else { return nil }
    guard let known = header.0 else { throw RecordHeader.unknownFormat(header.1) }
    return known
  }

  mutating func latest(_ key: [UInt8]) throws(ClusterError) -> RecordHeader? {
    try key.withUnsafeBufferPointer { (bytes) throws(ClusterError) -> RecordHeader? in
      try latest(hashed(UnsafeRawBufferPointer(bytes)))
    }
  }

  /// Hands the stored form of what stands under `key` to `body`; nil when there is nothing.
  mutating func withLatest<Result>(
    _ key: HashedKey, _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(ClusterError) -> Result {
    if let write = pendingWrite(key) {
      guard !write.record.isEmpty else { return body(nil) }
      var result: Result?
      withBytes(at: write.record, of: write.sequence) { result = body($0) }
      return result ?? body(nil)
    }
    return try durable(key) { body($0) } ?? body(nil)
  }

  /// The same with its value.
  mutating func latestRecord(_ key: HashedKey) throws(ClusterError) -> Record? {
    if let write = pendingWrite(key) { return record(of: write) }
    guard let record = try durable(key, { (Record(stored: $0), $0.count) }) else { return nil }
    guard let known = record.0 else { throw RecordHeader.unknownFormat(record.1) }
    return known
  }
}
