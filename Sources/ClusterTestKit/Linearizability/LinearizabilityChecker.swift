/// Decides whether a history of one key is linearizable: whether every operation can have taken
/// effect at one instant between its request and its answer, so that all answers are right.
///
/// Wing, Gong: Testing and Verifying Concurrent Objects (1993), with the just-in-time linearization
/// and the memory of Lowe: Testing for Linearizability (2017): the history is read once, in the
/// order of time, with all configurations that explain it so far; an operation takes effect only
/// when it returns, or when one that returns needs it before. Operations whose outcome is unknown
/// wait in a pool for ever. A configuration that can do all that another can, and more, replaces
/// it, so that this pool does not multiply the configurations.
///
/// O(operations × concurrent operations) for common histories; the bounds end the others.
package struct LinearizabilityChecker: Sendable {
  /// How far the clocks that judge an expiry may differ, in microseconds.
  package var clockUncertainty: UInt64 = 0
  /// The configurations that may be looked at, in all, before the checker gives up.
  package var budget = 2_000_000

  package init() {}

  package enum Verdict: Hashable, Sendable {
    case linearizable
    /// The answer to `operation` cannot be explained, in words.
    case violated(operation: KeyOperation, String)
    /// Too much happened at once for the bounds.
    case undecided(String)
  }

  /// Judges the operations on one key, in any order; `initially` the key has no value.
  package func check(_ history: [KeyOperation]) -> Verdict {
    var run = Run(history, model: KeyModel(clockUncertainty: clockUncertainty), budget: budget)
    return run.verdict()
  }
}

/// One pass over one history.
private struct Run {
  let operations: [KeyOperation]
  let model: KeyModel
  var budget: Int

  /// Operations under way, by the bit that marks them in a configuration.
  private var slots: [Int?] = []
  private var slot: [Int: Int] = [:]
  private var pool: DoubtPool
  private var configurations = ConfigurationSet()

  private static let mostConcurrent = 64

  init(_ history: [KeyOperation], model: KeyModel, budget: Int) {
    operations = history.filter {
      $0.outcome != .notDone && !($0.command == .get && $0.outcome == .unknown)
    }
    self.model = model
    self.budget = budget
    pool = DoubtPool(operations)
    configurations.insert(Configuration())
  }

  mutating func verdict() -> LinearizabilityChecker.Verdict {
    for event in events() {
      let operation = operations[event.index]
      if !event.isReturn {
        guard operation.outcome == .unknown else {
          guard begin(event.index) else {
            return .undecided("more than \(Run.mostConcurrent) operations run at once")
          }
          continue
        }
        if let kind = pool.add(operation, floor: configurations.lowestFloor) {
          configurations.update { $0.gain(kind) }
        }
        continue
      }
      guard let bit = slot.removeValue(forKey: event.index) else { continue }
      let next = linearize(event.index, bit: bit)
      slots[bit] = nil
      guard budget > 0 else {
        return .undecided("too many operations run at once, or have no known outcome, to decide")
      }
      guard !next.isEmpty else { return .violated(operation: operation, complaint(operation)) }
      configurations = next
      for retired in pool.retire(after: operation, floor: configurations.lowestFloor) {
        configurations.update { $0.exchange(retired.kind, for: retired.successor) }
      }
    }
    return .linearizable
  }

  private func events() -> [(time: UInt64, isReturn: Bool, index: Int)] {
    var events: [(time: UInt64, isReturn: Bool, index: Int)] = []
    events.reserveCapacity(2 * operations.count)
    for (index, operation) in operations.enumerated() {
      events.append((operation.invoked, false, index))
      if operation.outcome != .unknown {
        events.append((max(operation.returned, operation.invoked), true, index))
      }
    }
    // At one instant requests come first: what touches counts as concurrent.
    return events.sorted { ($0.time, $0.isReturn ? 1 : 0) < ($1.time, $1.isReturn ? 1 : 0) }
  }

  /// Gives the operation a bit of its own; false when there is none left.
  private mutating func begin(_ index: Int) -> Bool {
    if let free = slots.firstIndex(of: nil) {
      slots[free] = index
      slot[index] = free
      return true
    }
    guard slots.count < Run.mostConcurrent else { return false }
    slot[index] = slots.count
    slots.append(index)
    return true
  }

  /// All configurations in which the operation at `bit` has taken effect, at the latest now.
  private mutating func linearize(_ index: Int, bit: Int) -> ConfigurationSet {
    var done = ConfigurationSet()
    var seen = configurations
    var open = configurations.elements
    // What has gone beyond the version that the answer shows never leads to it.
    let most = operations[index].outcome.greatestFloor
    while let configuration = open.popLast(), budget > 0 {
      budget -= 1
      if configuration.state.floor > most, configuration.mask & (1 << UInt64(bit)) == 0 { continue }
      if configuration.mask & (1 << UInt64(bit)) != 0 {
        var finished = configuration
        finished.mask &= ~(1 << UInt64(bit))
        done.insert(finished)
        continue
      }
      for (other, place) in slots.enumerated() {
        guard let place, configuration.mask & (1 << UInt64(other)) == 0 else { continue }
        model.apply(operations[place], to: configuration.state) { state in
          var next = configuration
          next.state = state
          if other == bit {
            done.insert(next)
          } else {
            next.mask |= 1 << UInt64(other)
            if seen.insert(next) { open.append(next) }
          }
        }
      }
      for kind in configuration.doubts.indices where configuration.doubts[kind] > 0 {
        model.apply(pool.kinds[kind], to: configuration.state) { state in
          var next = configuration
          next.state = state
          next.doubts[kind] -= 1
          if seen.insert(next) { open.append(next) }
        }
      }
    }
    return done
  }

  private func complaint(_ operation: KeyOperation) -> String {
    let states = Set(configurations.elements.map { $0.state.words }).sorted()
    var text = "\(operation) cannot be: before it the key can only have been "
    text += states.prefix(4).joined(separator: ", or ")
    if states.count > 4 { text += ", or \(states.count - 4) more" }
    let others = slots.compactMap { $0 }.map { operations[$0] }.filter { $0 != operation }
    if !others.isEmpty {
      text += "; at the same time: " + others.map { "\($0)" }.joined(separator: "; ")
    }
    return text
  }
}

extension KeyOperation.Outcome {
  /// The greatest version of a write before an operation of this outcome.
  fileprivate var greatestFloor: UInt64 {
    switch self {
    case .value(_, let version), .preconditionFailed(let version?): version
    case .stored(let version, _), .deleted(let version?), .incremented(let version?, _):
      version == 0 ? 0 : version - 1
    case .missing, .deleted, .incremented, .preconditionFailed, .notDone, .unknown: .max
    }
  }
}

extension KeyState {
  fileprivate var words: String {
    guard let value else { return "missing" }
    let known = version.map { "\($0)" } ?? "unknown above \(floor)"
    let expiry = expiresAfter == .max ? "" : ", expiring at \(expiresAfter) µs"
    return "\(value) at version \(known)" + expiry
  }
}
