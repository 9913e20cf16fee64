/// Is told of answers that somebody may ask about: those of requests that have a span, those that
/// blame the server, and slow ones.
package protocol AnswerObserver: AnyObject {
  /// The answer is complete and about to be queued; fields can still be added.
  func answering(_ exchange: Exchange)
}

extension HTTPServer {
  /// Has `observer`, which the server keeps, told from now on.
  package func observe(by observer: any AnswerObserver, slowerThan slow: Duration?) {
    core.observer = observer
    core.slowNanoseconds = slow?.clampedNanoseconds ?? .max
  }
}

extension ServerCore {
  /// Asked for every answer, before the observer is looked up: nearly none is.
  @inline(__always)
  func isNotable(_ exchange: Exchange) -> Bool {
    if exchange.status >= 500 { return exchange.isTimed || exchange.span != nil }
    let waited = loop.now.nanoseconds &- exchange.arrival.nanoseconds
    return exchange.span != nil || (waited > slowNanoseconds && exchange.isTimed)
  }
}

extension Exchange {
  /// How long the request has waited, as far as the loop can tell at the start of its turn.
  package var waited: Duration {
    guard let connection else { return .zero }
    return connection.server.loop.now - arrival
  }
}
