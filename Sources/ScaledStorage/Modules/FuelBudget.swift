import HTTPTransport

/// What a node may spend on calls of its module: refilled as time passes, up to one second's worth.
///
/// A call begins while something is left and may leave a debt, which later seconds pay off: so a
/// call's own limit is the same whatever the balance.
final class FuelBudget {
  let perSecond: UInt64
  let loop: EventLoop
  @exclusivity(unchecked) private var balance: Int64
  @exclusivity(unchecked) private var refilledAt: MonotonicTime

  init(perSecond: UInt64, loop: EventLoop) {
    self.perSecond = min(max(1, perSecond), FuelBudget.largest)
    self.loop = loop
    balance = Int64(self.perSecond)
    refilledAt = loop.now
  }

  /// A million times what a core does.
  static let largest: UInt64 = 1_000_000_000_000_000

  /// What is left, 0 when there is a debt.
  var remaining: UInt64 {
    refill()
    return UInt64(max(0, balance))
  }

  /// Whole seconds until a call may begin again; nil when it may now.
  var secondsToWait: Int? {
    refill()
    guard balance <= 0 else { return nil }
    return 1 + Int(clamping: UInt64(balance.magnitude) / perSecond)
  }

  func spend(_ fuel: UInt64) {
    let left = balance.subtractingReportingOverflow(Int64(clamping: fuel))
    balance = left.overflow ? .min : left.partialValue
  }

  private func refill() {
    let now = loop.now
    guard now != refilledAt else { return }
    let elapsed = now.nanoseconds &- refilledAt.nanoseconds
    guard elapsed < FuelBudget.second else {
      // Debts are paid off second by second.
      let gained = perSecond.multipliedReportingOverflow(by: elapsed / FuelBudget.second)
      add(gained.overflow ? .max : gained.partialValue)
      refilledAt = now
      return
    }
    let (fuel, rest) = FuelBudget.second.dividingFullWidth(
      perSecond.multipliedFullWidth(by: elapsed))
    guard fuel > 0 else { return }
    add(fuel)
    // What makes less than one unit counts the next time.
    refilledAt = MonotonicTime(nanoseconds: now.nanoseconds &- rest / perSecond)
  }

  private static let second: UInt64 = 1_000_000_000

  private func add(_ fuel: UInt64) {
    let sum = balance.addingReportingOverflow(Int64(clamping: fuel))
    balance = min(Int64(perSecond), sum.overflow ? .max : sum.partialValue)
  }
}
