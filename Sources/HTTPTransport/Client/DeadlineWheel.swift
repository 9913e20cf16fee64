/// Deadlines of outstanding exchanges in a hashed timing wheel (Varghese and Lauck, "Hashed and
/// Hierarchical Timing Wheels", 1987): adding and removing cost constant time and no allocation,
/// which a timer of the loop per request would not.
///
/// Deadlines further away than one turn of the wheel stay in their bucket and are looked at once a
/// turn. A deadline is reported up to one tick late and never early.
struct DeadlineWheel {
  static let tick: UInt64 = 4_000_000
  private static let buckets = 1_024

  private var heads = [Int32](repeating: -1, count: buckets)
  private(set) var count = 0
  /// Ticks up to this one were looked at.
  private var current: UInt64

  init(now: UInt64) {
    current = now / Self.tick
  }

  /// The tick that reports a deadline, not before the next one to be looked at.
  private func tick(of deadline: UInt64) -> UInt64 {
    max(deadline / Self.tick + 1, current + 1)
  }

  /// Adds an exchange by its `deadline` and returns the instant at which
  /// ``advance(to:table:into:)`` is due for it.
  mutating func insert(_ exchange: ClientExchange, table: ExchangeTable) -> UInt64 {
    let tick = tick(of: exchange.deadline)
    let bucket = Int(tick % UInt64(Self.buckets))
    let head = heads[bucket]
    exchange.bucket = Int32(bucket)
    exchange.previousInBucket = -1
    exchange.nextInBucket = head
    table[head]?.previousInBucket = exchange.slot
    heads[bucket] = exchange.slot
    count += 1
    return tick * Self.tick
  }

  /// Removes an exchange; does nothing when it is not in the wheel.
  mutating func remove(_ exchange: ClientExchange, table: ExchangeTable) {
    guard exchange.bucket >= 0 else { return }
    if let previous = table[exchange.previousInBucket] {
      previous.nextInBucket = exchange.nextInBucket
    } else {
      heads[Int(exchange.bucket)] = exchange.nextInBucket
    }
    table[exchange.nextInBucket]?.previousInBucket = exchange.previousInBucket
    exchange.bucket = -1
    exchange.nextInBucket = -1
    exchange.previousInBucket = -1
    count -= 1
  }

  /// Removes the exchanges whose deadline passed and appends their slots to `due`.
  mutating func advance(to now: UInt64, table: ExchangeTable, into due: inout [Int32]) {
    let target = now / Self.tick
    guard target > current else { return }
    let steps = min(target - current, UInt64(Self.buckets))
    for tick in (target - steps + 1)...target {
      var slot = heads[Int(tick % UInt64(Self.buckets))]
      while let exchange = table[slot] {
        slot = exchange.nextInBucket
        if exchange.deadline <= now {
          remove(exchange, table: table)
          due.append(exchange.slot)
        }
      }
    }
    current = target
  }

  /// When to call ``advance(to:table:into:)`` next, nil when the wheel is empty.
  func nextDue() -> UInt64? {
    guard count > 0 else { return nil }
    for step in 1...UInt64(Self.buckets) {
      let tick = current + step
      if heads[Int(tick % UInt64(Self.buckets))] >= 0 { return tick * Self.tick }
    }
    return nil
  }
}
