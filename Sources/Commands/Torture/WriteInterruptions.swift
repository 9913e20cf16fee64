import ClusterTestKit

/// How long writes were not acknowledged, by the clock of the clients, in microseconds: by none of
/// them at all, and for one key that was tried.
struct WriteInterruptions {
  /// A time without an acknowledged write.
  struct Interruption: Equatable {
    var length: UInt64 = 0
    var begin: UInt64 = 0
  }

  private(set) var longest = Interruption()
  private(set) var longestOfAKey = Interruption()
  private(set) var acknowledged: UInt64 = 0
  private var last: UInt64?
  /// When the first write was sent that failed after the latest that was acknowledged, by slot.
  private var failingSince: [Int: UInt64] = [:]

  /// Notes what came of an operation on the key in a slot. A condition that does not hold counts
  /// as well: the key's node has answered.
  mutating func add(
    _ operation: KeyOperation, slot: Int
  ) {
    guard operation.command != .get else { return }
    switch operation.outcome {
    case .notDone, .unknown:
      if failingSince[slot] == nil { failingSince[slot] = operation.invoked }
    case .stored, .deleted, .incremented, .missing, .preconditionFailed, .value:
      note(until: operation.returned)
      last = operation.returned
      acknowledged += 1
      guard let begin = failingSince.removeValue(forKey: slot) else { return }
      noteKey(since: begin, until: operation.returned)
    }
  }

  /// Counts what has not ended by the end of the run as well.
  mutating func close(begin: UInt64, end: UInt64) {
    if last == nil { last = begin }
    note(until: end)
    for begin in failingSince.values { noteKey(since: begin, until: end) }
  }

  private mutating func note(until end: UInt64) {
    guard let last, end > last, end - last > longest.length else { return }
    longest = Interruption(length: end - last, begin: last)
  }

  private mutating func noteKey(since begin: UInt64, until end: UInt64) {
    guard end > begin, end - begin > longestOfAKey.length else { return }
    longestOfAKey = Interruption(length: end - begin, begin: begin)
  }
}
