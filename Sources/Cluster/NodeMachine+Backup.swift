import Candid
import Placement
import Storage

/// What backups ask of a node, and what a restore brings.
extension NodeMachine {
  /// Why the store does not hold exactly what this node owns at `epoch`; nil when it does. While
  /// keys move, some are at two nodes.
  package func unsettled(at epoch: UInt64) -> ClusterError? {
    guard let identity, let map else {
      return ClusterError(.notInitialised, "this node belongs to no cluster")
    }
    if let failure { return failure }
    guard map.ring.epoch == epoch else {
      return ClusterError(
        .staleEpoch, "the ring of \(identity.text) is of epoch \(map.ring.epoch), not \(epoch)")
    }
    guard map.contains(identity) else {
      return ClusterError(.conflict, "\(identity.text) is no member of the ring")
    }
    guard handover == nil, !isPreparing, isDurable(structureBarrier) else {
      return ClusterError(.conflict, "keys are being handed over at \(identity.text); try again")
    }
    guard purge == nil else {
      return ClusterError(
        .conflict, "keys that moved away are still being removed at \(identity.text); try again")
    }
    return nil
  }

  /// Stores records of a backup; what has expired is left out. All of them must be served here now,
  /// else nothing is done. Answered by `.respond`.
  ///
  /// They get new versions, as any write does: a handover under way and those who hold versions of
  /// this cluster rely on versions that grow.
  ///
  /// - Parameter isOwn: the backup is of this cluster: the newer of two versions wins, deletions
  ///   that are remembered among them. Otherwise what is there stays, so that it may be repeated.
  package mutating func restore(
    _ records: [(key: [UInt8], record: Record)], isOwn: Bool, now: Moment, ticket: UInt64
  ) -> RestoreCounts {
    var counts = RestoreCounts()
    if let writeRefusal {
      actions.append(.respond(ticket, .failure(writeRefusal)))
      return counts
    }
    for entry in records {
      switch route(entry.key) {
      case .here: continue
      case .refused(let error):
        actions.append(.respond(ticket, .failure(error)))
      case .fenced, .elsewhere:
        refuse(ticket, .conflict, "keys of the records are not served here now; look at the ring")
      }
      return counts
    }
    // They would take every later version with them, to the last one that there is.
    if isOwn, let map, let record = records.first(where: { !$0.record.version.isGiven(in: map) }) {
      refuse(
        ticket, .malformed,
        "a record has the version \(record.record.version.rawValue), which no node can have "
          + "given by epoch \(map.ring.epoch); the backup is damaged or of another cluster")
      return counts
    }
    do throws(ClusterError) {
      for (key, record) in records {
        try restore(record, under: key, isOwn: isOwn, now: now, &counts)
      }
      openTurn.controls.append(ticket)
    } catch {
      actions.append(.respond(ticket, .failure(error)))
    }
    return counts
  }

  private mutating func restore(
    _ record: Record, under key: [UInt8], isOwn: Bool, now: Moment, _ counts: inout RestoreCounts
  ) throws(ClusterError) {
    guard let value = record.value, record.isLive(at: now.wall) else {
      counts.expired += 1
      return
    }
    let latest = try latest(key)
    if let latest, isOwn ? latest.version >= record.version : latest.isLive(at: now.wall) {
      counts.kept += 1
      return
    }
    // Versions of another cluster mean nothing here.
    if isOwn { lastVersion = max(lastVersion, record.version) }
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        _ = put(hashed(key), value, expiresAt: record.expiresAt, over: latest)
      }
    }
    counts.stored += 1
  }
}

extension Version {
  /// Whether a node may have given it in the epoch of `map` or before.
  fileprivate func isGiven(in map: ClusterMap) -> Bool {
    rawValue >> Version.counterBits <= map.ring.epoch
  }
}
