import Cluster
public import ScaledStorage

extension TestCluster {
  // MARK: - Values

  /// The value under a key, read from its owner past the service: without methods and middleware.
  /// - Throws: `CallError` `bad_value` when what is stored is no `Value`.
  public func value(of key: some StorageKey) throws(CallError) -> Value? {
    try entry(of: key)?.value
  }

  /// The value under a key with its version; nil when there is none.
  /// - Throws: `CallError` `bad_value` when what is stored is no `Value`.
  public func entry(of key: some StorageKey) throws(CallError) -> StoredEntry<Value>? {
    guard case .value(let record) = try bed.execute(.get, key: key.keyBytes),
      let value = try form.value(of: record)
    else { return nil }
    return StoredEntry(
      value: value, version: record.version.rawValue, expiresAt: record.expiresAt)
  }

  /// Sets the value under a key, past the service.
  ///
  /// - Parameters:
  ///   - value: what is to be stored.
  ///   - key: where.
  ///   - ttl: after how much virtual time it expires; nil: never.
  ///   - condition: when to do so at all.
  /// - Returns: the value's version.
  /// - Throws: `CallError` `precondition_failed` when the condition does not hold.
  @discardableResult
  public func setValue(
    _ value: Value, for key: some StorageKey, ttl: Duration? = nil,
    if condition: UpsertCondition = .none
  ) throws(CallError) -> UInt64 {
    try setStoredBytes(
      try form.bytes(of: value), for: key, ttl: ttl, if: condition)
  }

  /// Removes the value under a key, past the service.
  /// - Returns: whether there was one.
  /// - Throws: `CallError` when the cluster cannot do it.
  @discardableResult
  public func removeValue(for key: some StorageKey) throws(CallError) -> Bool {
    if case .deleted = try bed.execute(.delete(condition: .none), key: key.keyBytes) {
      return true
    }
    return false
  }

  /// The bytes that are stored under a key; nil when there are none.
  /// - Throws: `CallError` when the cluster cannot read them.
  public func storedBytes(of key: some StorageKey) throws(CallError) -> [UInt8]? {
    guard case .value(let record) = try bed.execute(.get, key: key.keyBytes) else { return nil }
    return record.value
  }

  /// Stores bytes under a key as they are: what an earlier version of the service has left, for
  /// instance.
  ///
  /// - Parameters:
  ///   - bytes: what is to be stored.
  ///   - key: where.
  ///   - ttl: after how much virtual time it expires; nil: never.
  ///   - condition: when to do so at all.
  /// - Returns: the value's version.
  /// - Throws: `CallError` `precondition_failed` when the condition does not hold.
  @discardableResult
  public func setStoredBytes(
    _ bytes: [UInt8], for key: some StorageKey, ttl: Duration? = nil,
    if condition: UpsertCondition = .none
  ) throws(CallError) -> UInt64 {
    let command = KeyCommand.put(value: bytes, ttl: ttl, condition: condition.ofCommand)
    switch try bed.execute(command, key: key.keyBytes) {
    case .stored(let version, _): return version.rawValue
    case .preconditionFailed:
      throw CallError.preconditionFailed("the value is not as the condition says")
    default: throw CallError.noAnswer("the node gave no answer that a write can have")
    }
  }
}
