/// How long a loop's turns took, from when it was woken to when all of the turn was done.
package struct TurnTimes: Sendable {
  /// Upper bounds of the buckets, in nanoseconds; a last one takes the rest.
  package static let bounds: [UInt64] = [
    100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
  ]

  /// One count for each of ``bounds``, and one for what took longer; not cumulative.
  package private(set) var buckets = [UInt64](repeating: 0, count: bounds.count + 1)
  /// Of all turns, in nanoseconds.
  package private(set) var sum: UInt64 = 0
  package private(set) var longest: UInt64 = 0

  mutating func add(_ nanoseconds: UInt64) {
    sum &+= nanoseconds
    if nanoseconds > longest { longest = nanoseconds }
    let bucket =
      switch nanoseconds {
      case ...100_000: 0
      case ...1_000_000: 1
      case ...10_000_000: 2
      case ...100_000_000: 3
      case ...1_000_000_000: 4
      default: 5
      }
    buckets[bucket] &+= 1
  }
}
