import Synchronization

/// Lines of the log that nobody took, of the whole process: there is one standard error.
package enum LostLogLines {
  private static let total = Atomic<UInt64>(0)

  package static var count: UInt64 { total.load(ordering: .relaxed) }

  package static func add() {
    total.add(1, ordering: .relaxed)
  }
}
