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
  var failures: [Failure] = []

  /// A run that broke a promise.
  struct Failure: Encodable {
    var seed: UInt64
    var violation: String
    /// The last events in words.
    var trace: [String]

    var replay: String { "scaled-storage simulate --seeds \(seed)" }
  }

  mutating func add(_ report: SimulationReport, _ failure: Failure?) {
    seeds += 1
    simulatedHours += Double(report.simulatedTime) / 3.6e9
    events += UInt64(report.events)
    operations.merge(report.operations.byKind, uniquingKeysWith: +)
    faults.merge(report.faults.byKind, uniquingKeysWith: +)
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
    text += failures.isEmpty ? "PASS\n" : "FAIL: \(failures.count) seeds broke a promise\n"
    return text
  }

  private static func text(_ failure: Failure) -> String {
    "seed \(failure.seed) broke a promise: \(failure.violation)\n"
      + "replay it: \(failure.replay)\n" + failure.trace.map { "  \($0)\n" }.joined()
  }

  private static func line(_ title: String, _ counts: [String: UInt64]) -> String {
    let parts = counts.sorted { $0.key < $1.key }
      .map { "\($0.key) \(Figures.grouped($0.value))" }
    return "\(title): \(parts.isEmpty ? "none" : parts.joined(separator: ", "))\n"
  }

  private enum Key: String, CodingKey {
    case seeds, seconds, seedsPerMinute, simulatedHours, events, operations, faults, changes
    case failures, pass
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
    try container.encode(failures, forKey: .failures)
    try container.encode(failures.isEmpty, forKey: .pass)
  }
}
