import Cluster
import Placement
import Storage

/// A recount of one node's store.
struct StoreAudit {
  private(set) var keys: [[UInt8]] = []
  private(set) var wrong: String?

  init(_ node: SimulatedNode, countsMatter: Bool) throws {
    var counted: UInt64 = 0
    var bytes: UInt64 = 0
    var expiries: Set<[UInt8]> = []
    let range = StoreLayout.dataRange
    for entry in try node.disk.everything(from: range.from, upTo: range.upTo) {
      let key = StoreLayout.userKey(entry.key)
      let record = try Record(encoded: entry.value)
      guard let value = record.value else {
        wrong = "a tombstone is left"
        continue
      }
      if node.machine.map?.owner(of: key) != node.id { wrong = "a key of another node is left" }
      keys.append(key)
      counted += 1
      bytes += UInt64(key.count + value.count)
      if let expiry = record.expiresAt { expiries.insert(StoreLayout.expiryKey(key, at: expiry)) }
    }
    let statistics = node.machine.statistics
    guard countsMatter else { return }
    if counted != statistics.keys || bytes != statistics.bytes {
      wrong = "it counts \(statistics) but stores \(counted) keys of \(bytes) bytes"
    }
    let expiry = StoreLayout.expiryRange(through: .max - 1)
    let indexed = try node.disk.everything(from: expiry.from, upTo: expiry.upTo)
    if Set(indexed.map(\.key)) != expiries {
      wrong = "the index of expiries has \(indexed.count) entries for \(expiries.count) values"
    }
  }
}
