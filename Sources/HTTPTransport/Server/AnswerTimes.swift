/// How long a server's answers took: from when the request had arrived, as far as its loop can tell
/// (``EventLoop/inputSince``), to the end of the turn in which its answer was handed out.
///
/// Eight buckets to each power of two, so that a percentile is right to within a sixteenth. Noting
/// an answer compares and adds; the clock is read once a turn, which the loop does anyway.
package final class AnswerTimes {
  /// The figures of a period.
  package struct Summary: Hashable, Sendable {
    package var count: UInt64
    /// Half of the answers took no longer; zero without answers.
    package var median: Duration
    /// 99 in 100 took no longer; zero without answers.
    package var slowestHundredth: Duration
  }

  /// Answers of this turn to requests of one kind that arrived at one time.
  private struct Batch: BitwiseCopyable {
    /// In nanoseconds of the loop's clock.
    var arrival: UInt64
    var count: UInt32
    var kind: UInt8
    var isTimed: Bool
  }

  /// What is counted besides, since the server began.
  package let totals = AnswerCounts()

  private let loop: EventLoop
  private let turn = PlainList<Batch>(capacity: 16)
  @exclusivity(unchecked) private var counts = [UInt64](
    repeating: 0, count: AnswerTimes.bucketCount)
  @exclusivity(unchecked) private var total: UInt64 = 0

  /// The times below eight have buckets of their own, as have eight parts of each later power.
  private static let bucketCount = 8 * (64 - 2)
  /// Room for batches that is kept for later turns.
  private static let keptBatches = 1_024

  init(loop: EventLoop) {
    self.loop = loop
  }

  /// Counts an answer that is complete.
  func note(_ exchange: Exchange) {
    let kind = exchange.kind
    totals.count(kind, status: exchange.validStatus)
    let arrival = exchange.arrival.nanoseconds
    let isTimed = exchange.isTimed
    if turn.isEmpty { loop.tellAtTurnEnd(self) }
    if let last = turn.elements.last, last.arrival == arrival, last.kind == kind,
      last.isTimed == isTimed
    {
      turn[turn.count - 1].count &+= 1
    } else {
      turn.append(Batch(arrival: arrival, count: 1, kind: kind, isTimed: isTimed))
    }
  }

  /// Counts a time.
  func add(_ nanoseconds: UInt64, count: UInt64 = 1) {
    counts[AnswerTimes.bucket(of: nanoseconds)] &+= count
    total &+= count
  }

  /// The figures since this was last called.
  package func take() -> Summary {
    let summary = Summary(
      count: total, median: percentile(50), slowestHundredth: percentile(99))
    for index in counts.indices { counts[index] = 0 }
    total = 0
    return summary
  }

  private func percentile(_ percent: UInt64) -> Duration {
    guard total > 0 else { return .zero }
    // The rank, from 1: at least `percent` in a hundred are not behind it.
    let rank = total - total / 100 * (100 - percent) - total % 100 * (100 - percent) / 100
    var passed: UInt64 = 0
    for (index, count) in counts.enumerated() {
      passed += count
      if passed >= rank { return .nanoseconds(AnswerTimes.middle(of: index)) }
    }
    return .zero
  }

  /// The power of two above the third gives the row, the three bits behind its first the place.
  static func bucket(of nanoseconds: UInt64) -> Int {
    guard nanoseconds >= 8 else { return Int(nanoseconds) }
    let shift = 60 - nanoseconds.leadingZeroBitCount
    return 8 * (shift + 1) + Int(nanoseconds >> UInt64(shift) & 7)
  }

  /// The nanoseconds in the middle of a bucket.
  static func middle(of bucket: Int) -> Int64 {
    guard bucket >= 8 else { return Int64(bucket) }
    let shift = UInt64(bucket / 8 - 1)
    let start = (8 + UInt64(bucket % 8)) << shift
    return Int64(clamping: start + (1 << shift) / 2)
  }
}

extension AnswerTimes: TurnObserver {
  func turnEnded(at time: MonotonicTime) {
    for batch in turn.elements {
      let taken = max(time.nanoseconds, batch.arrival) - batch.arrival
      totals.add(taken, kind: batch.kind, count: UInt64(batch.count))
      if batch.isTimed { add(taken, count: UInt64(batch.count)) }
    }
    turn.reset(keeping: AnswerTimes.keptBatches)
  }
}
