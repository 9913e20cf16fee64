import Synchronization

/// What a client has done: written by its loop only, read by anyone.
final class ClientCounters: Sendable {
  let requests = Count()
  let attempts = Count()
  let extraHops = Count()
  let retries = Count()
  let refreshes = Count()
  let failures = Count()

  final class Count: Sendable {
    private let value = Atomic<UInt64>(0)

    /// Only on the loop: a plain addition, which no other thread makes.
    func add() {
      value.store(value.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    var current: UInt64 { value.load(ordering: .relaxed) }
  }
}
