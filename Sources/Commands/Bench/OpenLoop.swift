/// The starts of an open loop, as a value whose time the caller tells.
///
/// A generator that waits for answers sends less while the target is slow, and so measures least
/// when there is most to measure: coordinated omission. Here a start that cannot be made stays due,
/// and its response time counts from when it should have been made, as Gil Tene proposed with wrk2.
///
/// What is due is not stored: two cursors on one schedule, one at what has arrived and one at what
/// was taken, make a queue of any length.
struct OpenLoop {
  private var arriving: ArrivalSchedule
  private var taking: ArrivalSchedule
  /// Nanoseconds from the beginning; what would arrive then or later does not.
  private let end: UInt64
  private var remaining: UInt64
  private var due: UInt64 = 0

  /// - Parameters:
  ///   - end: nanoseconds after the beginning.
  ///   - limit: arrivals at most.
  init(_ schedule: ArrivalSchedule, until end: UInt64 = .max, limit: UInt64 = .max) {
    arriving = schedule
    taking = schedule
    self.end = end
    remaining = limit
  }

  /// How many starts are due and not taken.
  var behind: UInt64 { due }

  /// Whether nothing arrives any more.
  var hasArrived: Bool { remaining == 0 || arriving.next >= end }

  /// When the next start arrives, in nanoseconds after the beginning.
  var nextArrival: UInt64? { hasArrived ? nil : arriving.next }

  /// Lets arrive what is due at `time`, in nanoseconds after the beginning, as long as no more
  /// than `limit` are behind.
  mutating func advance(to time: UInt64, limit: UInt64 = .max) {
    while !hasArrived, arriving.next <= time, due < limit {
      arriving.advance()
      remaining -= 1
      due += 1
    }
  }

  /// The longest due start: when it should have been made.
  mutating func take() -> UInt64? {
    guard due > 0 else { return nil }
    due -= 1
    defer { taking.advance() }
    return taking.next
  }
}
