/// What a load did.
struct LoadOutcome: Encodable {
  struct Verification: Encodable {
    var checked: UInt64
    var differing: Int
    var seconds: Double
    var latency: Latencies.Summary
  }

  var lines, stored, empty, refused: UInt64
  var seconds: Double
  var perSecond: Double
  var latency: Latencies.Summary
  var verified: Verification?

  /// - Parameter storedNow: pairs stored in this run; earlier runs may have stored others.
  init(_ progress: LoadProgress, seconds: Double, storedNow: UInt64, latencies: Latencies) {
    lines = progress.lines
    stored = progress.stored
    empty = progress.empty
    refused = progress.refused
    self.seconds = seconds
    perSecond = seconds > 0 ? Double(storedNow) / seconds : 0
    latency = latencies.summary
  }

  var text: String {
    var text =
      "\(Figures.grouped(lines)) lines: \(Figures.grouped(stored)) stored, "
      + "\(Figures.grouped(empty)) empty, \(Figures.grouped(refused)) refused\n"
      + "\(Figures.fixed(seconds, places: 1)) s, \(Figures.fixed(perSecond, places: 0))/s; "
      + latency.text + "\n"
    if let verified {
      text +=
        "verified \(Figures.grouped(verified.checked)) keys in "
        + "\(Figures.fixed(verified.seconds, places: 1)) s: "
        + (verified.differing == 0 ? "all equal" : "\(verified.differing) differ") + "\n"
    }
    return text
  }
}
