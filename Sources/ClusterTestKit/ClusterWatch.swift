import Candid
import Cluster
import Placement
import Storage

/// Watches who serves what, and the epochs, over all lives of all nodes.
struct ClusterWatch {
  /// All that the route of a key depends on.
  private struct Stance: Hashable {
    var epoch: UInt64
    var revision: UInt64
    var handover: UInt64?
    var phase: String?
  }

  private var stances: [Principal: Stance] = [:]
  private var serving: [Principal: Set<Int>] = [:]
  private var epochs: [Principal: UInt64] = [:]
  private var digests: [UInt64: UInt64] = [:]

  /// Looks at a node that may have changed. Returns the promise that it broke, or nil.
  mutating func changed(_ node: SimulatedNode, running: [SimulatedNode]) -> String? {
    guard let map = node.machine.map else { return nil }
    let handover = node.machine.handoverStatus
    let stance = Stance(
      epoch: map.ring.epoch, revision: map.revision, handover: handover?.epoch,
      phase: handover?.phase)
    guard stances.updateValue(stance, forKey: node.id) != stance else { return nil }
    if let before = epochs.updateValue(map.ring.epoch, forKey: node.id), before > map.ring.epoch {
      return "\(node.id.text) went from epoch \(before) back to \(map.ring.epoch)"
    }
    if let known = digests.updateValue(map.ring.digest, forKey: map.ring.epoch),
      known != map.ring.digest
    {
      return "two rings claim epoch \(map.ring.epoch)"
    }
    let keys = SimulatedClients.allKeys
    let served = keys.indices.filter { index in
      if case .here = node.machine.route(keys[index]) { true } else { false }
    }
    serving[node.id] = Set(served)
    for (other, theirs) in serving where other != node.id {
      if let key = theirs.intersection(served).min() {
        let name = String(decoding: keys[key], as: UTF8.self)
        return "both \(other.text) and \(node.id.text) serve \(name)"
      }
    }
    return nil
  }

  mutating func stopped(_ node: SimulatedNode) {
    stances[node.id] = nil
    serving[node.id] = nil
  }

  mutating func forget(_ node: Principal) {
    stances[node] = nil
    serving[node] = nil
    epochs[node] = nil
  }
}

/// A recount of one node's store.
struct StoreAudit {
  private(set) var keys: [[UInt8]] = []
  private(set) var wrong: String?

  init(_ node: SimulatedNode) throws {
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

extension SimulatedDisk {
  func everything(from: [UInt8], upTo: [UInt8]) throws -> [ScanEntry] {
    try scan(from: from, upTo: upTo, limit: ScanLimit(count: .max, bytes: .max)).entries
  }
}
