/// What a run found.
struct TortureOutcome: Encodable {
  var seed: UInt64
  var seconds: Double
  var mostNodes: Int
  var keysAtATime: Int
  var clients: Int
  var faults: [String: UInt64] = [:]
  var changes: [String: UInt64] = [:]
  /// Faults that this system does not allow.
  var leftOut: [String] = []
  var operations = TortureCounts()
  var operationsChecked: UInt64 = 0
  var keys = 0
  var keysPresent: UInt64 = 0
  /// Keys with too much at once for the checker's bounds.
  var keysUndecided = 0
  var epoch: UInt64 = 0
  /// How long a client went without any answer.
  var longestUnavailabilityNs: UInt64 = 0
  /// How long the cluster took to come to rest after the faults; nil when it did not.
  var convergenceSeconds: Double?
  /// How often the gateway ended by itself and was started again.
  var gatewayEnds = 0
  /// Lines in the logs that tell of the storage library's assertions, which a full disk sets off.
  var storageAssertions = 0
  var failures: [String] = []
  /// The smallest part of the first history that fails.
  var excerpt: [String] = []
  /// Where data and logs are, of a run that failed.
  var kept: String?

  var pass: Bool { failures.isEmpty }
  var replay: String {
    "scaled-storage torture --seconds \(Figures.fixed(seconds, places: 0)) --seed \(seed) "
      + "--nodes \(mostNodes) --keys \(keysAtATime) --clients \(clients)"
  }

  var text: String {
    var text = "seed \(seed), \(Figures.fixed(seconds, places: 0)) s of faults\n"
    text += "faults: \(TortureOutcome.line(faults))\n"
    text += "changes begun: \(TortureOutcome.line(changes)); epoch \(epoch)\n"
    for fault in leftOut { text += "left out, \(fault)\n" }
    text += "operations:\n" + operations.text
    text += "checked: \(Figures.grouped(operationsChecked)) operations on \(keys) keys"
    text += keysUndecided > 0 ? ", \(keysUndecided) keys undecided\n" : "\n"
    text += "longest without an answer: \(Figures.time(longestUnavailabilityNs))\n"
    if gatewayEnds > 0 { text += "the gateway ended by itself \(gatewayEnds) times\n" }
    if storageAssertions > 0 {
      text += "the storage library's assertions about a full disk: \(storageAssertions) lines\n"
    }
    if let convergenceSeconds {
      text += "at rest \(Figures.fixed(convergenceSeconds, places: 1)) s after the faults\n"
    }
    for failure in failures { text += failure + "\n" }
    for line in excerpt { text += "  \(line)\n" }
    if let kept { text += "data and logs are kept in \(kept)\n" }
    return text + (pass ? "linearizable, nothing lost\nPASS\n" : "run again: \(replay)\nFAIL\n")
  }

  private static func line(_ counts: [String: UInt64]) -> String {
    guard !counts.isEmpty else { return "none" }
    return counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      .joined(separator: ", ")
  }
}
