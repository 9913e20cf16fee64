import CLinux

/// What a descriptor is ready for, or what one waits for.
struct Readiness: OptionSet {
  let rawValue: UInt32

  static let readable = Readiness(rawValue: EPOLLIN.rawValue)
  static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
  /// Both directions are shut down. Always reported, never asked for.
  static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue)
  /// The socket carries an error. Always reported, never asked for.
  static let failed = Readiness(rawValue: EPOLLERR.rawValue)
}

/// Told by the loop that its descriptor is ready. Level-triggered: told again each turn until the
/// cause is gone or the interest is changed.
protocol ReadinessHandler: AnyObject {
  func ready(_ readiness: Readiness)
}

/// Collects output during a turn and writes it once, at the turn's end, after the hooks of
/// ``EventLoop/atEndOfTurn(_:)``.
protocol TurnFlushable: AnyObject {
  func flush()
}

/// Told once that the turn in which it asked for it has ended, its output included.
protocol TurnObserver: AnyObject {
  func turnEnded(at time: MonotonicTime)
}

/// Names a registration. A stale one is harmless: its slot's generation has moved on.
struct WatchID: Hashable, Sendable {
  let slot: UInt32
  let generation: UInt32

  var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}

/// The registered descriptors: slots that are reused, told apart by a generation.
struct WatchTable {
  private struct Slot {
    var generation: UInt32 = 0
    var handler: (any ReadinessHandler)?
  }

  private var slots: [Slot] = []
  private var free: [UInt32] = []

  mutating func insert(_ handler: any ReadinessHandler) -> WatchID {
    let slot: UInt32
    if let reused = free.popLast() {
      slot = reused
    } else {
      slot = UInt32(truncatingIfNeeded: slots.count)
      slots.append(Slot())
    }
    slots[Int(slot)].handler = handler
    return WatchID(slot: slot, generation: slots[Int(slot)].generation)
  }

  func handler(packed: UInt64) -> (any ReadinessHandler)? {
    let slot = Int(UInt32(truncatingIfNeeded: packed))
    guard slot < slots.count, slots[slot].generation == UInt32(truncatingIfNeeded: packed >> 32)
    else { return nil }
    return slots[slot].handler
  }

  /// Returns whether `id` was live.
  mutating func remove(_ id: WatchID) -> Bool {
    let slot = Int(id.slot)
    guard slot < slots.count, slots[slot].generation == id.generation,
      slots[slot].handler != nil
    else { return false }
    slots[slot].handler = nil
    slots[slot].generation &+= 1
    free.append(id.slot)
    return true
  }
}
