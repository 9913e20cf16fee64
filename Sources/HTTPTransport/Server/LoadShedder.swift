/// Decides which new requests are refused when a server cannot keep up, so that those it takes are
/// answered in time. Time is what it is told.
///
/// After CoDel (RFC 8289): a queue is harmful when the wait stays above the target for a whole
/// interval; bursts that drain are not. The part that is refused grows while that lasts and
/// shrinks when the queue is short again. What has waited a few times the target already is refused
/// in any case: whoever asked may have given up, and refusing is how the queue gets short.
struct LoadShedder {
  private let target: Duration
  private let interval: Duration
  /// How often the part is adjusted.
  private let step: Duration
  /// The turn of which the wait is known.
  private(set) var turn: UInt64 = 0
  /// The part of new requests that is refused, in `whole`.
  private(set) var share = 0
  /// What was refused too little because a request is not divisible.
  private var owed = 0
  /// The start of the first turn since which all waits were above the target.
  private var aboveSince: MonotonicTime?
  private var nextStep = MonotonicTime(nanoseconds: 0)

  static let whole = 1 << 16
  private static let stepsPerInterval = 10
  /// How many times the target nobody waits while requests are refused.
  private static let excess = 3
  /// Some requests are taken in any case: without them nobody would see that the server is free.
  private static let largestShare = whole * 15 / 16
  /// The part of what is left by which the share changes in one step.
  private static let growth = 8
  private static let decline = 6
  private static let smallestStep = whole / 128

  init(target: Duration, interval: Duration) {
    self.target = max(target, .microseconds(1))
    self.interval = max(interval, .microseconds(1))
    step = max(interval / LoadShedder.stepsPerInterval, .nanoseconds(1))
  }

  var isShedding: Bool { share > 0 }

  /// A turn begins in which requests have waited up to `wait`.
  mutating func begin(turn: UInt64, wait: Duration, now: MonotonicTime) {
    self.turn = turn
    if wait <= target {
      aboveSince = nil
      if share > 0, now >= nextStep { shrink(wait, now) }
      return
    }
    guard let aboveSince else { return aboveSince = now }
    guard share > 0 ? now >= nextStep : now - aboveSince >= interval else { return }
    share += (LoadShedder.largestShare - share) / LoadShedder.growth
    nextStep = now + step
  }

  /// Whether the next request, which has waited for `wait`, is refused. Refusals are spread evenly.
  mutating func refuses(wait: Duration) -> Bool {
    guard isShedding else { return false }
    if wait > target * LoadShedder.excess { return true }
    owed += share
    guard owed >= LoadShedder.whole else { return false }
    owed -= LoadShedder.whole
    return true
  }

  /// Between half of the target and all of it the part is right.
  private mutating func shrink(_ wait: Duration, _ now: MonotonicTime) {
    // Without requests nobody asks; the steps of that time count too.
    var steps = (now - nextStep).clampedNanoseconds / step.clampedNanoseconds
    nextStep = now + step
    guard wait < target / 2 else { return }
    if steps >= UInt64(LoadShedder.stepsPerInterval) { return share = 0 }
    repeat {
      share = max(share - share / LoadShedder.decline - LoadShedder.smallestStep, 0)
      steps = steps == 0 ? 0 : steps - 1
    } while steps > 0
  }
}
