import HTTPTransport

/// How long commits took, from when they were handed to the committer to when the loop heard.
package struct CommitTimes {
  static let bounds: [UInt64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
    100_000_000, 250_000_000, 1_000_000_000, 10_000_000_000,
  ]

  private(set) var buckets = [UInt64](repeating: 0, count: bounds.count + 1)
  private(set) var sum: UInt64 = 0
  var failures: UInt64 = 0
  /// Those under way, in the order of their sequences.
  private var begun: [(sequence: UInt64, at: MonotonicTime)] = []

  mutating func begin(_ sequence: UInt64, at time: MonotonicTime) {
    begun.append((sequence, time))
  }

  mutating func end(through sequence: UInt64, at time: MonotonicTime) {
    var count = 0
    for commit in begun {
      guard commit.sequence <= sequence else { break }
      add(max(time.nanoseconds, commit.at.nanoseconds) - commit.at.nanoseconds)
      count += 1
    }
    begun.removeFirst(count)
  }

  private mutating func add(_ nanoseconds: UInt64) {
    let bucket = CommitTimes.bounds.firstIndex { nanoseconds <= $0 } ?? CommitTimes.bounds.count
    buckets[bucket] &+= 1
    sum &+= nanoseconds
  }
}
