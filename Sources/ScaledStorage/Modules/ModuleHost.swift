import Cluster
import HTTPTransport
import Logging
import WasmRuntime

/// The module that a node runs: one instance on the node's loop, metered.
final class ModuleHost {
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

  /// What became of a call.
  enum Outcome {
    /// The reply and the change are the host's until its next call.
    case replied
    case failed(Problem)
  }

  let budget: FuelBudget
  private(set) var loaded: LoadedModule?
  private(set) var fuelUsed: UInt64 = 0
  /// Bytes of replies that wait for their commit.
  @exclusivity(unchecked) var waitingBytes = 0
  private let logger: Logger
  @exclusivity(unchecked) private var instance: WasmInstance?
  @exclusivity(unchecked) private var uses: [Use] = []
  /// What calls that fail may still use, of the methods that had such calls.
  @exclusivity(unchecked) private var waste: [FuelBudget?] = []
  /// What methods used before the module was changed.
  private var earlier: [String: Use] = [:]
  private var byPath: [(path: [UInt8], method: Int)] = []

  private static let mostWaitingBytes = 64 << 20
  /// Fuel that failing calls of one method may use in a second, a tenth of a core: a method that
  /// never ends must not take the time of all others.
  private static let wastePerSecond: UInt64 = 250_000_000
  /// What the fresh memory after a failure takes, some 20 microseconds, as fuel.
  private static let freshMemoryFuel: UInt64 = 50_000
  /// The caller that nobody has vouched for (The IC Interface Specification, "Principals").
  private static let anonymous: StaticString = "\u{4}"

  init(budget: FuelBudget, logger: Logger) {
    self.budget = budget
    self.logger = logger
  }

  /// The node's id, which the module sees as its own.
  var id: [UInt8] = [] {
    didSet { instance?.id = id }
  }

  var digest: [UInt8]? { loaded?.module.digest }
  var interface: ModuleInterface? { loaded?.interface }

  /// Puts a module to work in the place of the one before. Calls are never in between.
  /// - Throws: `Problem` when it does not start here; the one before goes on then.
  func adopt(_ loaded: LoadedModule) throws(Problem) {
    do throws(WasmError) {
      let instance = try WasmInstance(loaded.compiled, id: id)
      try instance.start()
      retireUses()
      self.instance = instance
      self.loaded = loaded
      uses = Array(repeating: Use(), count: loaded.interface.methods.count)
      waste = Array(repeating: nil, count: loaded.interface.methods.count)
      byPath = loaded.interface.methods.enumerated().map { (Array("/\($1.name)".utf8), $0) }
    } catch {
      throw Problem(error, isLoading: true)
    }
  }

  private func retireUses() {
    for (index, use) in uses.enumerated() {
      guard let name = loaded?.interface.methods[index].name else { continue }
      earlier[name, default: Use()].add(use)
    }
  }

  /// What each method has used, in the order of names.
  var methodUses: [(name: String, use: Use)] {
    var all = earlier
    for (index, use) in uses.enumerated() {
      guard let name = loaded?.interface.methods[index].name else { continue }
      all[name, default: Use()].add(use)
    }
    return all.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// The place of the method at a path; nil when there is none. O(methods), a few nanoseconds each.
  func method(at path: UnsafeRawBufferPointer) -> Int? {
    for entry in byPath
    where entry.path.count == path.count && path.elementsEqual(entry.path) {
      return entry.method
    }
    return nil
  }

  /// Where the method is now; nil when the module was changed and has none of its kind and name.
  func place(of method: ModuleInterface.Method) -> Int? {
    loaded?.interface.methods.firstIndex {
      $0.name == method.name && $0.kind == method.kind && $0.key == method.key
    }
  }

  // MARK: - Calls

  /// Runs a method.
  /// - Parameters:
  ///   - method: its place in the interface.
  ///   - hasKey: whether there is a key, under which `value` stands.
  func call(
    _ method: Int, _ arguments: UnsafeRawBufferPointer, hasKey: Bool,
    value: UnsafeRawBufferPointer?
  ) -> Outcome {
    guard let instance, let loaded else {
      return .failed(Problem(503, "module_loading", "the module is not loaded yet; try again"))
    }
    if let seconds = budget.secondsToWait { return .failed(ModuleHost.isSpent(seconds)) }
    if let seconds = waste[method]?.secondsToWait { return .failed(ModuleHost.rests(seconds)) }
    guard waitingBytes < ModuleHost.mostWaitingBytes else {
      return .failed(
        Problem(503, "overloaded", "too many replies wait for the disk; try again shortly"))
    }
    let known = loaded.interface.methods[method]
    do throws(WasmError) {
      try instance.call(
        WasmInstance.Call(
          method: known.index, arguments: arguments,
          caller: UnsafeRawBufferPointer(start: ModuleHost.anonymous.utf8Start, count: 1),
          hasKey: hasKey, value: value, balance: budget.remaining))
      meter(method, instance.fuelUsed, failed: false)
      if !instance.printed.isEmpty { log(known.name, instance.printed) }
      return .replied
    } catch {
      // A rejection is an answer like others.
      meter(method, instance.fuelUsed, failed: error.code != .rejected)
      if !instance.printed.isEmpty { log(known.name, instance.printed) }
      if error.code != .rejected {
        logger.debug("\(known.name) of the module failed: \(error.message)")
      }
      return .failed(Problem(error))
    }
  }

  private func meter(_ method: Int, _ fuel: UInt64, failed: Bool) {
    budget.spend(fuel)
    fuelUsed &+= fuel
    uses[method].calls &+= 1
    uses[method].fuel &+= fuel
    if failed {
      uses[method].failures &+= 1
      noteWaste(method, fuel)
    }
  }

  private func noteWaste(_ method: Int, _ fuel: UInt64) {
    let waste =
      waste[method] ?? FuelBudget(perSecond: ModuleHost.wastePerSecond, loop: budget.loop)
    waste.spend(fuel &+ ModuleHost.freshMemoryFuel)
    self.waste[method] = waste
  }

  private func log(_ method: String, _ text: String) {
    logger.debug("\(method) of the module prints: \(text)")
  }

  private static func rests(_ seconds: Int) -> Problem {
    var problem = Problem(
      429, "fuel_budget_spent",
      "calls of this method failed lately after they had used much fuel, so it rests; try again "
        + "shortly")
    problem.retryAfter = seconds
    return problem
  }

  private static func isSpent(_ seconds: Int) -> Problem {
    var problem = Problem(
      429, "fuel_budget_spent",
      "the node's fuel for this second is spent (--fuel-budget); try again shortly")
    problem.retryAfter = seconds
    return problem
  }

  /// The reply of the last call.
  var reply: UnsafeRawBufferPointer {
    instance?.reply ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  var lastFuel: UInt64 { instance?.fuelUsed ?? 0 }

  /// What the last call makes of the value.
  var change: ValueChange {
    switch instance?.change {
    case .set(let bytes)?: .put(bytes, expiry: .keep)
    case .delete?: .delete
    case .keep?, nil: .keep
    }
  }
}
