/// What a simulation can make go wrong. Each kind draws from a random stream of its own, so that a
/// run without one kind keeps the others as they were, as far as they can be.
package enum FaultKind: String, CaseIterable, Sendable {
  case messageLost = "message-lost"
  case messageDuplicated = "message-duplicated"
  case messageLate = "message-late"
  /// Messages between some parties do not arrive, one way or both, for a while.
  case partition
  case nodeKilled = "node-killed"
  case nodePaused = "node-paused"
  case coordinatorKilled = "coordinator-killed"
  case coordinatorPaused = "coordinator-paused"
  case launchFailed = "launch-failed"
  case commitSlow = "commit-slow"
  case commitFailed = "commit-failed"
  case diskFull = "disk-full"
  case diskSlow = "disk-slow"
  /// A crash keeps the first of the commits in flight, and no others.
  case commitTorn = "commit-torn"
  case clockSkewed = "clock-skewed"
  case clockJumped = "clock-jumped"
  /// Monotonic clocks that are fast or slow.
  case clockDrifting = "clock-drifting"
  /// A node does not take a module.
  case moduleRefused = "module-refused"

  /// What ends with the instant at which it strikes has a probability, the others a mean pause.
  enum Rhythm {
    case probability(most: Double)
    /// Between this and five times it, in microseconds.
    case pause(least: UInt64)
    /// Decided once a process.
    case process
  }

  var rhythm: Rhythm {
    switch self {
    case .messageLost, .messageDuplicated: .probability(most: 0.08)
    case .messageLate, .commitSlow: .probability(most: 0.05)
    case .commitFailed: .probability(most: 0.02)
    case .launchFailed, .moduleRefused: .probability(most: 0.3)
    case .commitTorn: .probability(most: 1)
    case .partition: .pause(least: 300_000)
    case .nodeKilled: .pause(least: 300_000)
    case .nodePaused, .coordinatorKilled, .diskSlow, .clockJumped: .pause(least: 500_000)
    case .coordinatorPaused, .diskFull: .pause(least: 800_000)
    case .clockSkewed, .clockDrifting: .process
    }
  }
}

/// How often each kind of fault strikes in one run: often never, so that a run concentrates on the
/// others.
struct FaultRates {
  private var probabilities: [FaultKind: Double] = [:]
  /// The mean pause between two faults of a kind, in microseconds.
  private(set) var pauses: [FaultKind: UInt64] = [:]
  private(set) var ofProcesses: Set<FaultKind> = []
  var longestDelay: UInt64
  var longestCommit: UInt64

  init(_ random: inout SplitMix64, without disabled: Set<FaultKind>) {
    longestDelay = 200 + random.below(8_000)
    longestCommit = 200 + random.below(8_000)
    for kind in FaultKind.allCases {
      let strikes = !random.chance(0.3)
      let share = Double(random.below(1_000)) / 1_000
      guard strikes, !disabled.contains(kind) else { continue }
      switch kind.rhythm {
      case .probability(let most): probabilities[kind] = most * share
      case .pause(let least): pauses[kind] = least + UInt64(Double(4 * least) * share)
      case .process: ofProcesses.insert(kind)
      }
    }
  }

  func probability(of kind: FaultKind) -> Double { probabilities[kind] ?? 0 }

  /// From here on nothing goes wrong.
  mutating func calm() {
    probabilities = [:]
    pauses = [:]
    longestDelay = 2_000
    longestCommit = 3_000
  }
}
