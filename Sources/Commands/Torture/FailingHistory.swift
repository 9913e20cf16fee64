import ClusterTestKit

/// The smallest part of a history that fails still: what nobody can explain, without the rest.
struct FailingHistory {
  private(set) var operations: [KeyOperation]

  private static let mostShown = 40

  /// - Parameter operation: the one whose answer cannot be explained.
  init(
    _ history: [KeyOperation], until operation: KeyOperation, checker: LinearizabilityChecker
  ) {
    operations = history.filter { $0.invoked <= operation.returned && $0.outcome != .notDone }
      .sorted { $0.invoked < $1.invoked }
    startAtLatestWrite(checker)
    leaveOutReads(checker)
  }

  /// Leaves out what came before a write that nothing overlaps, as late as possible: from there on
  /// only the writes of unknown outcome matter, which may come later.
  private mutating func startAtLatestWrite(_ checker: LinearizabilityChecker) {
    for (index, write) in operations.enumerated().reversed() {
      guard case .put(let value, let ttl, _) = write.command,
        case .stored(let version, _) = write.outcome
      else { continue }
      let known = operations.indices.filter { $0 != index && operations[$0].outcome != .unknown }
      guard
        known.allSatisfy({
          operations[$0].returned < write.invoked || operations[$0].invoked > write.returned
        })
      else { continue }
      var first = write
      first.command = .put(value: value, ttl: ttl, condition: .none)
      first.outcome = .stored(version: version, created: nil)
      let part =
        [first]
        + operations.indices.filter {
          operations[$0].outcome == .unknown || operations[$0].invoked > write.returned
        }.map { operations[$0] }
      if case .violated = checker.check(part) {
        operations = part
        return
      }
    }
  }

  /// What changes nothing can be left out without making a sound history fail.
  private mutating func leaveOutReads(_ checker: LinearizabilityChecker) {
    var piece = max(operations.count / 2, 1)
    while true {
      var start = 0
      while start < operations.count {
        let end = min(start + piece, operations.count)
        let kept = operations.indices.filter { index in
          !(start..<end).contains(index) || !operations[index].changesNothing
        }.map { operations[$0] }
        if kept.count < operations.count, case .violated = checker.check(kept) {
          operations = kept
        } else {
          start = end
        }
      }
      guard piece > 1 else { break }
      piece /= 2
    }
  }

  var lines: [String] {
    let rest = operations.count - FailingHistory.mostShown
    return (rest > 0 ? ["… \(rest) operations before"] : [])
      + operations.suffix(FailingHistory.mostShown).map(\.description)
  }
}

extension KeyOperation {
  fileprivate var changesNothing: Bool {
    switch outcome {
    case .value, .missing, .preconditionFailed, .notDone: true
    case .unknown: command == .get
    case .stored, .deleted, .incremented: false
    }
  }
}
