import HTTPTransport
import WireProtocol

/// What is to be done about an answer, or about none: the rules by which requests are repeated.
///
/// A request is sent again only when it certainly was not done, or when doing it twice is the same
/// as doing it once.
enum AnswerRule: Equatable {
  /// It stands.
  case stands
  /// The answer is at another place.
  case follow
  /// Send it again, not before the pause has passed that the service asked for.
  case again(after: Duration?)
  /// Send it again; this attempt may have been carried out.
  case againInDoubt

  /// - Parameter isRepeatable: whether doing the request twice is the same as doing it once.
  static func decide(_ response: ClientResponse, isRepeatable: Bool) -> AnswerRule {
    switch response.status {
    case 307: return .follow
    case 409, 429, 502, 503, 504, 508: break
    default: return .stands
    }
    let problem = ServerProblem(
      status: response.status, contentType: response.header("content-type"), body: response.body)
    let pause = response.header("retry-after").flatMap(Int64.init)
      .map { Duration.seconds(min(max($0, 0), 86_400)) }
    switch (response.status, problem.code) {
    // Whoever routed by a ring that has passed is to look again. Without the server's word for it
    // something may have been done: a method's own steps fail with these codes too.
    case (409, "stale_epoch"), (508, "too_many_hops"): break
    case (409, _), (508, _): return .stands
    // Who is overloaded and does not say for how long has more than a moment's trouble.
    case (429, _), (503, _): if pause == nil { return .stands }
    default: break
    }
    if problem.isRetryable { return .again(after: pause) }
    return isRepeatable && mayHavePassed(problem) ? .againInDoubt : .stands
  }

  /// Whether trouble between the servers, or before them, may be all that was wrong; what a server
  /// refuses of its own is refused again.
  private static func mayHavePassed(_ problem: ServerProblem) -> Bool {
    switch problem.code {
    case "", "outcome_unknown", "node_unreachable": true
    default: false
    }
  }

  /// The same for a request that was not answered.
  static func decide(_ error: TransportError, isRepeatable: Bool) -> AnswerRule {
    switch error.code {
    case .invalidRequest, .invalidAddress, .tooLarge, .cancelled, .protocolViolation, .tls, .system:
      return .stands
    case .connectFailed, .refused, .timedOut, .connectionClosed, .goAway, .streamReset,
      .overloaded:
      if error.isRetryable { return .again(after: nil) }
      return isRepeatable ? .againInDoubt : .stands
    }
  }

  /// Whether a request that failed so never left.
  static func isCertain(_ error: TransportError) -> Bool {
    switch error.code {
    case .invalidRequest, .invalidAddress, .tls, .connectFailed, .refused: true
    default: error.isRetryable
    }
  }

  /// Whether a server that answered so may have acted.
  static func isDoubtful(_ problem: ServerProblem) -> Bool {
    guard !problem.isRetryable else { return false }
    switch (problem.status, problem.code) {
    case (_, "outcome_unknown"), (502...504, _): return true
    // Who failed without a word of ours is a program between client and service.
    case (500..., let code): return code.isEmpty
    default: return false
    }
  }
}
