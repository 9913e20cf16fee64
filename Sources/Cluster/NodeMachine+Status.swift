/// What a node tells of itself.
extension NodeMachine {
  /// What it does for clients at this moment.
  public var status: NodeStatus {
    guard let identity, let map else { return .initialized }
    if let failure { return .error(.broadcast(failure.message)) }
    guard let handover else {
      if map.contains(identity) { return .ready }
      // A member to be holds the ring, but owns nothing of it.
      return map.hasLeft(identity) ? .shutDown : .initialized
    }
    if handover.phase == .failed { return .error(.migration("the handover has to be aborted")) }
    if !map.contains(identity) { return .scaleUp }
    if !handover.next.contains(identity) { return .scaleDown }
    return handover.isOutgoing ? .scaleUp : .migrating
  }

  /// What the cache of values has done since the node started.
  package var cacheFigures: CacheFigures {
    CacheFigures(
      hits: cache.hits, misses: cache.misses, bytes: cache.byteCount, limit: cache.limit)
  }

  /// What health reports tell of the handover under way.
  public var handoverStatus: HandoverStatus? {
    guard let handover else { return nil }
    return HandoverStatus(
      epoch: handover.epoch, phase: handover.phase.rawValue, sentKeys: handover.sentKeys,
      backlog: UInt64(handover.dirty.count), progress: handover.progress)
  }
}

/// What a node's cache of values has done, and what it takes.
package struct CacheFigures: Hashable, Sendable {
  package var hits: UInt64
  package var misses: UInt64
  package var bytes: Int
  package var limit: Int
}
