import ClusterTestKit

/// What many runs of the simulator came to.
struct SimulationOutcome: Encodable {
  var seeds: UInt64 = 0
  var seconds = 0.0
  var simulatedHours = 0.0
  var events: UInt64 = 0
  var operations: [String: UInt64] = [:]
  var faults: [String: UInt64] = [:]
  var changes: [String: UInt64] = [:]
  /// Keys whose history was too tangled to be judged.
  var undecided: UInt64 = 0
  var failures: [Failure] = []

  /// A run that broke a promise.
  struct Failure: Encodable {
    let seed: UInt64
    let violation: String
    /// The commands that repeat it, and the smallest run found that fails.
    let replay: String
    let smaller: String
    /// The last events of the smaller run in words.
    let trace: [String]

    init(
      plan: SimulationPlan, smaller: SimulationPlan? = nil, violation: String,
      trace: [String] = []
    ) {
      seed = plan.seed
      self.violation = violation
      replay = Failure.command(plan)
      self.smaller = Failure.command(smaller ?? plan)
      self.trace = trace
    }

    /// What a plan is as a command.
    static func command(_ plan: SimulationPlan) -> String {
      let usual = SimulationPlan(seed: plan.seed)
      var text = "scaled-storage simulate --seeds \(plan.seed)"
      if plan.faultyTime != usual.faultyTime { text += " --time \(plan.faultyTime / 1_000)" }
      if plan.clients != usual.clients { text += " --clients \(plan.clients)" }
      if let keys = plan.mostKeys { text += " --keys \(keys)" }
      if let mutation = plan.mutation { text += " --mutation \(mutation.rawValue)" }
      for kind in FaultKind.allCases where plan.without.contains(kind) {
        text += " --without \(kind.rawValue)"
      }
      return text
    }
  }

  mutating func add(_ report: SimulationReport, _ failure: Failure?) {
    seeds += 1
    simulatedHours += Double(report.simulatedTime) / 3.6e9
    events += UInt64(report.events)
    operations.merge(report.operations.byKind, uniquingKeysWith: +)
    faults.merge(report.faults.byKind, uniquingKeysWith: +)
    undecided += UInt64(report.undecided)
    changes.merge(report.changes.byKind, uniquingKeysWith: +)
    if let failure { failures.append(failure) }
  }

  private var seedsPerMinute: Double { seconds > 0 ? Double(seeds) / seconds * 60 : 0 }

  var text: String {
    var text = failures.map(SimulationOutcome.text).joined()
    text += "seeds: \(Figures.grouped(seeds)) in \(Figures.clock(seconds)), "
    text += "\(Figures.fixed(seedsPerMinute, places: 0)) a minute\n"
    text += "simulated: \(Figures.fixed(simulatedHours, places: 2)) hours, "
    text += "\(Figures.grouped(events)) events\n"
    text += SimulationOutcome.line("operations", operations)
    text += SimulationOutcome.line("faults", faults)
    text += SimulationOutcome.line("changes", changes)
    if undecided > 0 { text += "keys whose history could not be judged: \(undecided)\n" }
    text += failures.isEmpty ? "PASS\n" : "FAIL: \(failures.count) seeds broke a promise\n"
    return text
  }

  private static func text(_ failure: Failure) -> String {
    "seed \(failure.seed) broke a promise: \(failure.violation)\n"
      + "repeat it: \(failure.replay)\nin short: \(failure.smaller)\n"
      + failure.trace.map { "  \($0)\n" }.joined()
  }

  private static func line(_ title: String, _ counts: [String: UInt64]) -> String {
    let parts = counts.sorted { $0.key < $1.key }
      .map { "\($0.key) \(Figures.grouped($0.value))" }
    return "\(title): \(parts.isEmpty ? "none" : parts.joined(separator: ", "))\n"
  }

  private enum Key: String, CodingKey {
    case seeds, seconds, seedsPerMinute, simulatedHours, events, operations, faults, changes
    case undecided, failures, pass
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(seeds, forKey: .seeds)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(seedsPerMinute, forKey: .seedsPerMinute)
    try container.encode(simulatedHours, forKey: .simulatedHours)
    try container.encode(events, forKey: .events)
    try container.encode(operations, forKey: .operations)
    try container.encode(faults, forKey: .faults)
    try container.encode(changes, forKey: .changes)
    try container.encode(undecided, forKey: .undecided)
    try container.encode(failures, forKey: .failures)
    try container.encode(failures.isEmpty, forKey: .pass)
  }
}
