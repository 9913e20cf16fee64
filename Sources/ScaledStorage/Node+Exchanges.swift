import Cluster
import HTTPTransport

/// Plain requests, straight from their exchanges: they allocate nothing. What could not be done so
/// is left undone, for ``Node/execute(_:key:deadline:_:)`` to do or to explain.
extension Node {
  /// Reads a key for an exchange, and hands its live record to `found`, which must only copy it.
  func read(
    _ key: UnsafeRawBufferPointer, for exchange: Exchange,
    _ found: (RecordHeader, UnsafeRawBufferPointer) -> Void
  ) -> NodeMachine.ReadOutcome {
    guard !isFenced else { return .answered(.refused(Node.fenced)) }
    let outcome = machine.get(key, ticket: waiters.next, now: now, found)
    if case .waits = outcome { wait(exchange) }
    return outcome
  }

  /// Sets a key for an exchange. Returns nil when the answer follows by ``onReply``.
  func put(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, for exchange: Exchange
  ) -> KeyReply? {
    guard !isFenced else { return .refused(Node.fenced) }
    let reply = machine.put(
      key, value, ttl: nil, if: .none, ticket: waiters.next, now: now)
    if reply == nil { wait(exchange) }
    return reply
  }

  /// Changes a key for an exchange: `body` is handed the value, nil when there is none. When the
  /// change waits for the disk, ``onReply`` follows, with what `held` is after `body`.
  func change(
    _ key: UnsafeRawBufferPointer, for exchange: Exchange, held: @autoclosure () -> Int,
    _ body: (UnsafeRawBufferPointer?) -> ValueChange
  ) -> NodeMachine.ChangeOutcome {
    guard !isFenced else { return .notServed }
    let outcome = runningCommands {
      $0.change(key, ticket: waiters.next, now: now, body)
    }
    if case .waits = outcome { wait(exchange, held: held()) }
    return outcome
  }

  /// Tells when nobody waits any more for the request that was just taken.
  func limitNext(to deadline: MonotonicTime?) {
    guard let deadline else { return }
    machine.limit(ticket: waiters.next, to: deadline.nanoseconds / 1_000_000)
  }

  /// The exchange's request waits under the ticket that came next.
  private func wait(_ exchange: Exchange, held: Int = 0) {
    limitNext(to: exchange.deadline)
    waiters.add(.exchange(exchange.token, held: held))
    scheduleFlush()
  }
}
