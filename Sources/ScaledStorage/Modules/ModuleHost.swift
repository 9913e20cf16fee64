import Candid
import Cluster
import HTTPTransport
import Logging
import WasmRuntime
import WireProtocol

/// The module that a node runs: one instance on the node's loop, metered.
final class ModuleHost {
  /// What became of a call.
  enum Outcome {
    /// The reply and the change are the host's until its next call.
    case replied
    case failed(Problem)
  }

  /// A module whose memory is made, ready to be put to work.
  struct Prepared {
    let loaded: LoadedModule
    let instance: WasmInstance
  }

  let budget: FuelBudget
  private(set) var loaded: LoadedModule?
  /// Bytes of replies that wait for their commit.
  @exclusivity(unchecked) var waitingBytes = 0
  let meter: MethodMeter
  private let requestKinds: RequestKinds
  /// What a call of each method is counted as.
  private(set) var countedAs: [UInt8] = []
  private let logger: Logger
  @exclusivity(unchecked) private var instance: WasmInstance?
  private var byPath: [(path: [UInt8], method: Int)] = []
  private var keyKinds: [CallScanner.Kind] = []
  /// Why the module's last start failed, and until when it is not tried again.
  private var failedStart: (problem: Problem, until: MonotonicTime)?

  private static let mostWaitingBytes = 64 << 20
  private static let startPause = Duration.seconds(1)
  /// The caller that nobody has vouched for (The IC Interface Specification, "Principals").
  private static let anonymous: StaticString = "\u{4}"

  init(budget: FuelBudget, kinds: RequestKinds = RequestKinds([]), logger: Logger) {
    self.budget = budget
    requestKinds = kinds
    self.logger = logger
    meter = MethodMeter(loop: budget.loop)
  }

  /// The node's id, which the module sees as its own.
  var id: [UInt8] = [] {
    didSet { instance?.id = id }
  }

  var digest: [UInt8]? { loaded?.module.digest }
  var interface: ModuleInterface? { loaded?.interface }

  /// Makes a module's memory.
  /// - Throws: `Problem` when it does not start here.
  func prepare(_ loaded: LoadedModule) throws(Problem) -> Prepared {
    do throws(WasmError) {
      let instance = try WasmInstance(loaded.compiled, id: id)
      try instance.start()
      return Prepared(loaded: loaded, instance: instance)
    } catch {
      throw Problem(error, isLoading: true)
    }
  }

  /// Puts a module to work in the place of the one before. Calls are never in between.
  func adopt(_ prepared: Prepared) {
    instance = prepared.instance
    instance?.id = id
    loaded = prepared.loaded
    failedStart = nil
    let interface = prepared.loaded.interface
    meter.begin(interface.methods.map(\.name))
    byPath = interface.methods.enumerated().map { (Array("/\($1.name)".utf8), $0) }
    countedAs = interface.methods.map { requestKinds.add($0.name) }
    keyKinds = interface.methods.map { CallScanner.Kind($0, interface) }
  }

  /// The place of the method at a path; nil when there is none. O(methods), a few nanoseconds each.
  func method(at path: UnsafeRawBufferPointer) -> Int? {
    for entry in byPath
    where entry.path.count == path.count && path.elementsEqual(entry.path) {
      return entry.method
    }
    return nil
  }

  /// The key of a plain call; nil where it is not plainly there.
  func key(of method: Int, in message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    CallScanner.key(of: message, keyKinds[method])
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
    if let seconds = budget.secondsToWait {
      return ModuleHost.tooMany(
        "fuel_budget_spent", "the node's fuel for this second is spent (--fuel-budget)", seconds)
    }
    if let seconds = meter.secondsToRest(method) {
      return ModuleHost.tooMany(
        "module_resting", "calls of this method failed lately at great cost, so it rests", seconds)
    }
    guard waitingBytes < ModuleHost.mostWaitingBytes else {
      return .failed(
        Problem(503, "overloaded", "too many replies wait for the disk; try again shortly"))
    }
    if !instance.isStarted, let problem = restart(instance) { return .failed(problem) }
    let known = loaded.interface.methods[method]
    let begun = MonotonicTime.current()
    var failure: WasmError?
    do throws(WasmError) {
      try instance.call(
        WasmInstance.Call(
          method: known.index, arguments: arguments,
          caller: UnsafeRawBufferPointer(start: ModuleHost.anonymous.utf8Start, count: 1),
          hasKey: hasKey, value: value, balance: budget.remaining))
    } catch {
      failure = error
    }
    let cost = MethodMeter.cost(instance.fuelUsed, since: begun)
    budget.spend(cost)
    // A rejection is an answer like others.
    let hasFailed = failure.map { $0.code != .rejected } ?? false
    meter.note(method, instance.fuelUsed, cost: cost, hasFailed: hasFailed)
    if !instance.printed.isEmpty {
      logger.debug("\(known.name) of the module prints: \(instance.printed)")
    }
    guard let failure else { return .replied }
    if hasFailed { logger.debug("\(known.name) of the module failed: \(failure.message)") }
    return .failed(Problem(failure))
  }

  /// Makes a fresh memory after a call that failed. What that takes is the node's, not the next
  /// caller's. Returns why there is none.
  private func restart(_ instance: WasmInstance) -> Problem? {
    if let failedStart, budget.loop.now < failedStart.until { return failedStart.problem }
    let begun = MonotonicTime.current()
    defer { budget.spend(MethodMeter.cost(instance.fuelUsed, since: begun)) }
    do throws(WasmError) {
      try instance.start()
      failedStart = nil
      return nil
    } catch {
      let problem = Problem(503, "module_loading", error.message)
      failedStart = (problem, budget.loop.now + ModuleHost.startPause)
      logger.warning("the module: \(error.message)")
      return problem
    }
  }

  private static func tooMany(_ code: String, _ detail: String, _ seconds: Int) -> Outcome {
    var problem = Problem(429, code, detail + "; try again shortly")
    problem.retryAfter = seconds
    return .failed(problem)
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

extension CallScanner.Kind {
  /// What the key of a method is by its types.
  fileprivate init(_ method: ModuleInterface.Method, _ interface: ModuleInterface) {
    guard let index = method.keyArgument, let types = method.parameters?.types,
      index < types.count, let environment = interface.candid?.environment
    else {
      self = .either
      return
    }
    self = (try? environment.resolve(types[index])) == .text ? .text : .blob
  }
}
