/// How many streams of one connection may be reset: a bucket of tokens that fills up again over a
/// time, so that resets are spread instead of coming in bursts.
struct ResetBudget {
  private var left = 0
  private var windowEnd: UInt64 = 0

  /// How long an abandoned stream may still be answered before it is reset.
  static let patience: UInt64 = 1_000_000_000
  /// Abandoned streams that one connection looks after; others end when their answers come.
  static let maxLingering = 4_096

  /// Takes one reset, false when the window has none left.
  mutating func take(now: UInt64, _ limits: ClientLimits) -> Bool {
    if now >= windowEnd {
      left = limits.maxResets
      windowEnd = now &+ limits.resetWindow.clampedNanoseconds
    }
    guard left > 0 else { return false }
    left -= 1
    return true
  }
}

/// A stream whose answer nobody waits for any more.
struct LingeringStream {
  let id: Int32
  let since: UInt64
}
