import Candid
import Placement
import Storage

extension NodeMachine {
  /// Reads identity, ring, counters and unfinished business back from the store.
  mutating func restore() throws(ClusterError) {
    try restoreCounters()
    guard let bytes = try read(StoreLayout.identity) else { return }
    guard let identity = try? Principal(bytes), let stored = try read(StoreLayout.map) else {
      throw ClusterError(.corruption, "the stored identity of this node cannot be read")
    }
    let map = try ClusterMap(encoded: stored)
    self.identity = identity
    self.map = map
    if let stored = try read(StoreLayout.handover) {
      let record = try HandoverRecord(encoded: stored)
      handover = try resumedHandover(record, map: map, identity: identity)
    }
    if try read(StoreLayout.purge) != nil {
      purge = Purge(cursor: StoreLayout.dataRange.from)
    }
  }

  /// Which keys changed since the copy began is forgotten, but they have later versions than any
  /// that the copy began with: it goes over all keys again and passes over the others.
  private func resumedHandover(
    _ record: HandoverRecord, map: ClusterMap, identity: Principal
  ) throws(ClusterError) -> Handover {
    let stored = try read(StoreLayout.checkpoint)
    let checkpoint = stored.flatMap(CopyCheckpoint.init(encoded:))
    var handover = Handover(
      next: record.next, current: map, node: identity,
      version: checkpoint?.version ?? lastVersion, statistics: statistics)
    if record.isFenced {
      handover.phase = .fenced
      handover.cursor = nil
    } else if let checkpoint {
      handover.checkpoint = checkpoint
      handover.resumed = checkpoint
    } else if handover.isOutgoing {
      handover.phase = .failed
      handover.cursor = nil
    }
    return handover
  }

  /// Stores state of the layers above, under names of theirs; nil removes. Answered by `.respond`.
  public mutating func store(_ entries: [(name: String, value: [UInt8]?)], ticket: UInt64) {
    if let writeRefusal { return actions.append(.respond(ticket, .failure(writeRefusal))) }
    for entry in entries {
      let key = StoreLayout.extraKey(entry.name)
      if let value = entry.value {
        openTurn.batch.put(key, value)
      } else {
        openTurn.batch.delete(key)
      }
    }
    openTurn.controls.append(ticket)
  }

  /// What `store` made durable under `name`.
  /// - Throws: `ClusterError` with code `.storage`.
  public func stored(_ name: String) throws(ClusterError) -> [UInt8]? {
    try read(StoreLayout.extraKey(name))
  }

  /// Statistics and versions as the store has them: at the start, and after a failed commit.
  mutating func restoreCounters() throws(ClusterError) {
    statistics = try read(StoreLayout.statistics).map(Statistics.init(encoded:)) ?? Statistics()
    guard let reserve = try read(StoreLayout.versionReserve) else {
      // A reserve that did not become durable is none.
      reservedVersion = Version(0)
      return
    }
    guard reserve.count == 8 else {
      throw ClusterError(.corruption, "the stored version counter has \(reserve.count) bytes")
    }
    reservedVersion = Version(reserve.bigEndian(at: 0))
    lastVersion = max(lastVersion, reservedVersion)
  }
}

extension NodeMachine.Statistics {
  /// Version 1: a marker byte, keys and bytes big-endian.
  var encoded: [UInt8] {
    var bytes: [UInt8] = [1]
    bytes.appendBigEndian(keys)
    bytes.appendBigEndian(self.bytes)
    return bytes
  }

  init(encoded bytes: [UInt8]) throws(ClusterError) {
    guard bytes.count == 17, bytes[0] == 1 else {
      throw ClusterError(.corruption, "the stored statistics have an unknown format")
    }
    keys = bytes.bigEndian(at: 1)
    self.bytes = bytes.bigEndian(at: 9)
  }
}
