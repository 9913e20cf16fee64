/// Answers requests.
public protocol RequestHandler: AnyObject {
  /// Called on the loop once a whole request arrived. Either fills in the answer and returns
  /// `.done`, or keeps ``Exchange/token`` and returns `.later`.
  ///
  /// It must not block: the whole loop waits for it.
  func handle(_ exchange: Exchange) -> Disposition

  /// Whether a request may be refused with 503 because the server cannot keep up. Asked only then;
  /// what others need to see that the server lives, or to relieve it, is not to be refused.
  func isSheddable(_ exchange: Exchange) -> Bool
}

extension RequestHandler {
  public func isSheddable(_ exchange: Exchange) -> Bool { true }
}

/// What a handler did with a request.
public enum Disposition: Sendable {
  /// The answer is in the exchange.
  case done
  /// The answer follows: ``HTTPServer/exchange(_:)`` finds the exchange again by its token, and
  /// ``Exchange/finish()`` sends it.
  case later
}

/// Names an exchange that is to be answered later. It goes stale, and stays so, when the stream is
/// reset, the connection ends, or the answer is given.
public struct ExchangeToken: Hashable, Sendable {
  let slot: UInt32
  let generation: UInt32
  let stream: UInt32
}
