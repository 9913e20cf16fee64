/// What a run of counters that a module increments found.
struct CallCounterOutcome: Encodable {
  struct Counters: Encodable {
    var counters = 0
    /// How many increments were to be done.
    var expected: UInt64 = 0
    /// How many were, by answers and versions.
    var increments: UInt64 = 0
    /// How many the counters show together at the end.
    var sum: UInt64 = 0
    /// Counters that show another number than was done on them.
    var differing = 0
    /// Increments that were found to be done by the version, their answer being lost.
    var resolved: UInt64 = 0
    /// Answers with another number than the increment had to bring.
    var wrongAnswers: UInt64 = 0
    /// The longest time that one increment took, with its repetitions.
    var longestIncrementNs: UInt64 = 0
    /// The longest time in which none at all was done.
    var longestPauseNs: UInt64 = 0
    /// Why it ended before the total.
    var gaveUp: String?
  }

  var connections = 1
  var streams = 1
  var method: String
  var seed: UInt64
  var seconds: Double
  /// Attempts that were not answered well; each was made good.
  var failed: UInt64
  var firstFailure: String?
  var perSecond: Double
  /// Times of calls that succeeded.
  var calls: Latencies.Summary?
  var counters: Counters

  /// Whether every increment is there once.
  var isSound: Bool {
    counters.gaveUp == nil && counters.sum == counters.expected && counters.differing == 0
      && counters.wrongAnswers == 0
  }

  var text: String {
    var text =
      "\(connections) connection\(connections == 1 ? "" : "s") with \(streams) "
      + "stream\(streams == 1 ? "" : "s"), calls of \(method), seed \(seed)\n"
      + "\(Figures.grouped(counters.increments)) increments of "
      + "\(Figures.grouped(counters.counters)) counters in \(Figures.fixed(seconds, places: 2)) s: "
      + "\(Figures.fixed(perSecond, places: 0))/s, \(Figures.grouped(failed)) attempts failed, "
      + "\(Figures.grouped(counters.resolved)) resolved by the version\n"
    if let firstFailure { text += "first failure: \(firstFailure)\n" }
    if let calls { text += "calls: \(calls.text)\n" }
    text +=
      "longest increment \(Figures.time(counters.longestIncrementNs)), longest time without one "
      + "\(Figures.time(counters.longestPauseNs))\n"
    if let reason = counters.gaveUp { text += "it ended early: \(reason)\n" }
    let sum = "sum \(Figures.grouped(counters.sum)) of \(Figures.grouped(counters.expected))"
    guard !isSound else { return text + "\(sum): exact\n" }
    return text
      + "\(sum): WRONG, \(counters.differing) counters differ, \(counters.wrongAnswers) answers "
      + "were wrong\n"
  }
}
