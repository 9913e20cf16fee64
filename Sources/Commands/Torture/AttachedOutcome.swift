/// What the clients of a running cluster found.
struct AttachedOutcome: Encodable {
  struct Interruption: Encodable {
    var nanoseconds: UInt64
    /// Seconds since the run began.
    var at: Double
    /// Seconds since 1970.
    var clock: Double

    init(_ interruption: WriteInterruptions.Interruption, begin: Double) {
      nanoseconds = interruption.length * 1_000
      at = Double(interruption.begin) / 1e6
      clock = begin + at
    }

    var text: String {
      "\(Figures.time(nanoseconds)), \(Figures.fixed(at, places: 1)) s after the begin"
        + " (\(Figures.fixed(clock, places: 3)) s since 1970)"
    }
  }

  var seed: UInt64
  var seconds: Double
  /// Requests that were answered as asked, a condition that does not hold included.
  var acknowledged: UInt64
  var acknowledgedWrites: UInt64
  /// Certainly not done.
  var refused: UInt64
  /// May have been done: no answer came in time, or one that said so.
  var unknown: UInt64
  /// Answered with what the interface does not have.
  var failed: UInt64
  var longestWithoutWrite: Interruption
  var longestWithoutWriteOfAKey: Interruption
  var operations: TortureCounts
  var operationsChecked: UInt64
  var keys: Int
  var keysUndecided: Int
  /// Keys that lost what was acknowledged, went back, or show what nobody can explain.
  var lost: Int
  var failures: [String]
  var excerpt: [String]

  /// - Parameter begin: when the run began, in seconds since 1970.
  init(
    seed: UInt64, seconds: Double, begin: Double, clients: TortureClients, judge: TortureJudge
  ) {
    self.seed = seed
    self.seconds = seconds
    operations = clients.counts
    acknowledged = operations.sum(\.answered)
    refused = operations.sum(\.notDone)
    unknown = operations.sum(\.unknown)
    failed = operations.sum(\.broken)
    let interruptions = clients.interruptions
    acknowledgedWrites = interruptions.acknowledged
    longestWithoutWrite = Interruption(interruptions.longest, begin: begin)
    longestWithoutWriteOfAKey = Interruption(interruptions.longestOfAKey, begin: begin)
    operationsChecked = judge.checked
    keys = clients.keys.count
    keysUndecided = judge.undecided
    lost = judge.lostKeys.count
    failures = clients.broken + judge.failures
    excerpt = judge.excerpt
    if acknowledgedWrites == 0 { failures.append("no write was ever acknowledged") }
  }

  var pass: Bool { failures.isEmpty && failed == 0 }

  var text: String {
    var text = "seed \(seed), \(Figures.fixed(seconds, places: 1)) s\n" + operations.text
    text += "acknowledged \(acknowledged), refused \(refused), unknown \(unknown), "
    text += "failed \(failed)\n"
    text += "longest without an acknowledged write: \(longestWithoutWrite.text)\n"
    text += "longest that a key was tried in vain: \(longestWithoutWriteOfAKey.text)\n"
    text += "checked: \(Figures.grouped(operationsChecked)) operations on \(keys) keys"
    text += keysUndecided > 0 ? ", \(keysUndecided) keys undecided\n" : "\n"
    for failure in failures { text += failure + "\n" }
    for line in excerpt { text += "  \(line)\n" }
    return text + "lost \(lost)\n" + (pass ? "PASS\n" : "FAIL\n")
  }
}
