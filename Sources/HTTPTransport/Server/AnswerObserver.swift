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
  @inline(__always)
  func tell(_ observer: any AnswerObserver, of exchange: Exchange) {
    let isNotable =
      exchange.isTimed
      && (exchange.status >= 500
        || loop.now.nanoseconds &- exchange.arrival.nanoseconds > slowNanoseconds)
    if isNotable || exchange.span != nil { observer.answering(exchange) }
  }
}

extension Exchange {
  /// How long the request has waited, as far as the loop can tell at the start of its turn.
  package var waited: Duration {
    guard let connection else { return .zero }
    return connection.server.loop.now - arrival
  }
}
