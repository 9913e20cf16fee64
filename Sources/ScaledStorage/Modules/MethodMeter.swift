import HTTPTransport

/// What the calls of a module's methods use, and which methods have to rest.
final class MethodMeter {
  /// What the calls of one method have used since the node started.
  struct Use {
    var calls: UInt64 = 0
    var failures: UInt64 = 0
    var fuel: UInt64 = 0

    mutating func add(_ other: Use) {
      calls &+= other.calls
      failures &+= other.failures
      fuel &+= other.fuel
    }
  }

  private let loop: EventLoop
  private(set) var fuelUsed: UInt64 = 0
  private var names: [String] = []
  @exclusivity(unchecked) private var uses: [Use] = []
  /// What calls that fail may still cost, of the methods that had such calls.
  @exclusivity(unchecked) private var waste: [FuelBudget?] = []
  /// What methods of modules before used; beyond so many names, of all others together.
  private var earlier: [String: Use] = [:]

  private static let mostEarlierNames = 1_000
  private static let others = "(earlier)"
  /// Fuel that failing calls of one method may cost in a second, a tenth of a core: a method that
  /// never ends must not take the time of all others.
  private static let wastePerSecond: UInt64 = 250_000_000
  /// What instructions use in a nanosecond, as halves.
  private static let fuelPerTwoNanoseconds: UInt64 = 5
  /// Below it, time says more about the machine than about the call.
  private static let shortestCost: UInt64 = 100_000

  init(loop: EventLoop) {
    self.loop = loop
  }

  /// What a call has cost the node: its fuel, or the fuel that so much time is worth, since memory
  /// that is made, filled or freed takes time that no instruction counts.
  static func cost(_ fuel: UInt64, since begun: MonotonicTime) -> UInt64 {
    let taken = MonotonicTime.current().nanoseconds &- begun.nanoseconds
    guard taken >= shortestCost else { return fuel }
    return max(fuel, taken / 2 &* fuelPerTwoNanoseconds)
  }

  /// Starts anew for the methods of another module, which are named by their places.
  func begin(_ names: [String]) {
    for (name, use) in zip(self.names, uses) {
      let isKnown = earlier[name] != nil || earlier.count < MethodMeter.mostEarlierNames
      earlier[isKnown ? name : MethodMeter.others, default: Use()].add(use)
    }
    self.names = names
    uses = Array(repeating: Use(), count: names.count)
    waste = Array(repeating: nil, count: names.count)
  }

  /// What each method has used, in the order of names.
  var methodUses: [(name: String, use: Use)] {
    var all = earlier
    for (name, use) in zip(names, uses) { all[name, default: Use()].add(use) }
    return all.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// Seconds that a method has to rest, since its calls failed at great cost; nil for none.
  func secondsToRest(_ method: Int) -> Int? { waste[method]?.secondsToWait }

  func note(_ method: Int, _ fuel: UInt64, cost: UInt64, hasFailed: Bool) {
    fuelUsed &+= fuel
    uses[method].calls &+= 1
    uses[method].fuel &+= fuel
    guard hasFailed else { return }
    uses[method].failures &+= 1
    let wasted =
      waste[method] ?? FuelBudget(perSecond: MethodMeter.wastePerSecond, loop: loop)
    wasted.spend(cost)
    waste[method] = wasted
  }
}
