/// A key and what etcd knows of it.
package struct EtcdEntry: Hashable, Sendable {
  package let key: [UInt8]
  package let value: [UInt8]
  /// The revision that created the key, after it was deleted for the last time.
  package let createRevision: Int64
  /// The revision that wrote the value.
  package let modRevision: Int64
  /// The lease with which the key goes; 0 without one.
  package let lease: Int64

  package init(
    key: [UInt8], value: [UInt8], createRevision: Int64, modRevision: Int64, lease: Int64 = 0
  ) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
    self.lease = lease
  }
}

/// Entries in the order of their keys, as they stood at one revision.
package struct EtcdRange: Hashable, Sendable {
  package let entries: [EtcdEntry]
  /// The revision of the store at which this was read: a watch goes on from the next one.
  package let revision: Int64

  package init(entries: [EtcdEntry], revision: Int64) {
    self.entries = entries
    self.revision = revision
  }

  /// The revision after this one; the last one there is has none.
  package static func revision(after revision: Int64) -> Int64 {
    revision == .max ? revision : revision + 1
  }
}

/// What has to hold for a transaction's `success`.
package enum EtcdCompare: Hashable, Sendable {
  /// 0 when the key must be absent.
  case createRevision([UInt8], equals: Int64)
  /// 0 when the key must be absent.
  case modRevision([UInt8], equals: Int64)
  /// Fails when the key is absent.
  case value([UInt8], equals: [UInt8])
}

/// A step of a transaction.
package enum EtcdOperation: Hashable, Sendable {
  case put([UInt8], [UInt8], lease: Int64 = 0)
  case delete([UInt8], isPrefix: Bool)
  case range([UInt8], isPrefix: Bool)
}

/// Steps that are taken all at once: `success` when every comparison holds, else `failure`.
package struct EtcdTransaction: Hashable, Sendable {
  package var compares: [EtcdCompare]
  package var success: [EtcdOperation]
  package var failure: [EtcdOperation]

  package init(
    compares: [EtcdCompare] = [], success: [EtcdOperation] = [], failure: [EtcdOperation] = []
  ) {
    self.compares = compares
    self.success = success
    self.failure = failure
  }
}

package struct EtcdOutcome: Hashable, Sendable {
  /// Whether the comparisons held.
  package let succeeded: Bool
  /// The revision of the store after the transaction: that of its writes, where it had some.
  package let revision: Int64
  /// What the `range` steps of the branch that was taken found, in their order.
  package let ranges: [[EtcdEntry]]

  package init(succeeded: Bool, revision: Int64, ranges: [[EtcdEntry]] = []) {
    self.succeeded = succeeded
    self.revision = revision
    self.ranges = ranges
  }
}

/// What became of a key.
package enum EtcdChange: Hashable, Sendable {
  case put(EtcdEntry)
  case deleted([UInt8])
}

package enum EtcdWatchEvent: Hashable, Sendable {
  /// Changes in their order, up to and with `revision`.
  case events([EtcdChange], revision: Int64)
  /// etcd forgot the history before this revision, and what was missed with it. The watch ended:
  /// range again, and watch from there.
  case compacted(Int64)
}
