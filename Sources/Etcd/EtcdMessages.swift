import FoundationEssentials

/// Between our values and etcd's messages.
enum EtcdMessages {
  /// The end of a range of all keys with a prefix (etcd's `range_end`): the prefix with its last
  /// byte raised by one, or a zero byte, "to the last key", when no byte can be raised.
  static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
    guard let last = prefix.lastIndex(where: { $0 < 0xFF }) else { return [0] }
    return prefix[..<last] + [prefix[last] + 1]
  }

  static func entry(_ wire: WireKeyValue) -> EtcdEntry {
    EtcdEntry(
      key: Array(wire.key), value: Array(wire.value), createRevision: wire.createRevision,
      modRevision: wire.modRevision, lease: wire.lease)
  }

  static func range(_ key: [UInt8], isPrefix: Bool) -> WireRangeRequest {
    var request = WireRangeRequest()
    request.key = Data(key)
    if isPrefix { request.rangeEnd = Data(end(ofPrefix: key)) }
    return request
  }

  /// The first key after `key`.
  static func key(after key: [UInt8]) -> Data { Data(key + [0]) }

  static func watch(_ key: [UInt8], isPrefix: Bool) -> WireWatchCreateRequest {
    var request = WireWatchCreateRequest()
    request.key = Data(key)
    if isPrefix { request.rangeEnd = Data(end(ofPrefix: key)) }
    // Else one answer may have any size.
    request.fragment = true
    return request
  }

  static func transaction(_ transaction: EtcdTransaction) -> WireTxnRequest {
    var request = WireTxnRequest()
    request.compare = transaction.compares.map(compare)
    request.success = transaction.success.map(operation)
    request.failure = transaction.failure.map(operation)
    return request
  }

  private static func compare(_ compare: EtcdCompare) -> WireCompare {
    var wire = WireCompare()
    wire.result = .equal
    switch compare {
    case .createRevision(let key, let revision):
      wire.key = Data(key)
      wire.target = .create
      wire.createRevision = revision
    case .modRevision(let key, let revision):
      wire.key = Data(key)
      wire.target = .mod
      wire.modRevision = revision
    case .value(let key, let value):
      wire.key = Data(key)
      wire.target = .value
      wire.value = Data(value)
    }
    return wire
  }

  private static func operation(_ operation: EtcdOperation) -> WireRequestOp {
    var wire = WireRequestOp()
    switch operation {
    case .put(let key, let value, let lease):
      var put = WirePutRequest()
      put.key = Data(key)
      put.value = Data(value)
      put.lease = lease
      wire.requestPut = put
    case .delete(let key, let isPrefix):
      var delete = WireDeleteRangeRequest()
      delete.key = Data(key)
      if isPrefix { delete.rangeEnd = Data(end(ofPrefix: key)) }
      wire.requestDeleteRange = delete
    case .range(let key, let isPrefix):
      wire.requestRange = range(key, isPrefix: isPrefix)
    }
    return wire
  }

  static func outcome(_ response: WireTxnResponse) -> EtcdOutcome {
    EtcdOutcome(
      succeeded: response.succeeded, revision: response.header.revision,
      ranges: response.responses.compactMap { operation in
        guard case .responseRange(let range)? = operation.response else { return nil }
        return range.kvs.map(entry)
      })
  }

  static func change(_ event: WireEvent) -> EtcdChange {
    event.type == .delete ? .deleted(Array(event.kv.key)) : .put(entry(event.kv))
  }
}
