/// What a run of counters found.
struct CounterOutcome: Encodable {
  struct Counters: Encodable {
    var counters: Int
    var increments: UInt64
    /// Writes that were refused because another stream was faster.
    var conflicts: UInt64
    /// Increments of which it is not known whether they were done.
    var uncertain: UInt64
    var lost: UInt64
    /// Increments that nobody asked for.
    var gained: UInt64
    /// The longest time that one write took, with its repetitions.
    var longestWriteNs: UInt64
    /// The longest time in which no write at all was acknowledged.
    var longestPauseNs: UInt64
  }

  var connections = 1
  var streams = 1
  var seed: UInt64
  var seconds: Double
  var requests: UInt64
  var failed: UInt64
  var firstFailure: String?
  var perSecond: Double
  var reads: Latencies.Summary?
  var writes: Latencies.Summary?
  var counters: Counters

  /// Whether every increment is there once. Failures, of nodes that are killed for example, do no
  /// harm as long as each increment that was acknowledged is there.
  var isSound: Bool { counters.lost == 0 && counters.gained == 0 }

  var text: String {
    var text =
      "\(connections) connection\(connections == 1 ? "" : "s") with \(streams) streams, seed "
      + "\(seed)\n\(Figures.grouped(requests)) requests in \(Figures.fixed(seconds, places: 2)) s: "
      + "\(Figures.fixed(perSecond, places: 0))/s, \(Figures.grouped(failed)) failed\n"
    if let firstFailure { text += "first failure: \(firstFailure)\n" }
    if let reads { text += "reads:  \(reads.text)\n" }
    if let writes { text += "writes: \(writes.text)\n" }
    text +=
      "\(Figures.grouped(counters.increments)) increments of "
      + "\(Figures.grouped(counters.counters)) counters, \(Figures.grouped(counters.conflicts)) "
      + "conflicts, \(counters.uncertain) uncertain\n"
      + "longest write \(Figures.time(counters.longestWriteNs)), longest time without a write "
      + "\(Figures.time(counters.longestPauseNs))\n"
    return text
      + (isSound
        ? "no increment was lost\n"
        : "\(counters.lost) increments were LOST, \(counters.gained) were done twice\n")
  }
}
