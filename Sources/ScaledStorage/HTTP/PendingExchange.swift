package import HTTPTransport

/// An exchange that is answered once: within its handler, or later.
package final class PendingExchange {
  private let server: HTTPServer
  private let token: ExchangeToken
  private var exchange: Exchange?
  private var isAnswered = false

  /// - Parameter isWaiting: the exchange's handler returned already.
  package init(_ exchange: Exchange, of server: HTTPServer, isWaiting: Bool = false) {
    self.server = server
    self.exchange = isWaiting ? nil : exchange
    token = exchange.token
  }

  /// The exchange itself, as long as its client is there.
  package var current: Exchange? { exchange ?? server.exchange(token) }

  package func answer(_ answer: Answer) {
    guard !isAnswered else { return }
    isAnswered = true
    if let exchange {
      answer.write(to: exchange)
    } else if let exchange = server.exchange(token) {
      answer.write(to: exchange)
      exchange.finish()
    }
  }

  /// What the handler returns. From here on the exchange is reached by its token only.
  package func disposition() -> Disposition {
    exchange = nil
    return isAnswered ? .done : .later
  }
}
