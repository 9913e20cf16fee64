package import HTTPTransport
import WireProtocol

/// Why a request of a ``ClusterClient`` failed.
public struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Hashable, Sendable {
    /// The request, or the client's own configuration, cannot be used; nothing was sent.
    case invalidRequest
    /// Nobody answered.
    case unreachable
    /// The time that the caller gave is up.
    case deadlineExceeded
    /// The caller's task was cancelled, or the client was shut down.
    case cancelled
    /// Too many requests are under way, here or at the service.
    case overloaded
    /// The service refused; ``ClientError/status`` and ``ClientError/serviceCode`` tell why.
    case rejected
    /// The condition of a write does not hold; nothing was changed.
    case preconditionFailed
    /// The answer, or a value, is not what was asked for.
    case badAnswer
    /// TLS failed: a certificate or a key cannot be used or is refused.
    case insecure
  }

  /// What kind of failure it is.
  public let code: Code
  /// What was wrong and how to mend it, for people: the service's own sentence where it gave one.
  public let message: String
  /// The answer's HTTP status, 400 to 599; nil when there was no answer.
  public internal(set) var status: Int?
  /// The service's stable word for the failure, such as `not_found`; nil when it gave none.
  public internal(set) var serviceCode: String?
  /// Whether the same request may succeed a little later, and nothing was done by this one.
  public internal(set) var isRetryable = false
  /// Whether the request may have been carried out all the same. Always false for reads.
  public internal(set) var isOutcomeUnknown = false

  package init(_ code: Code, _ message: String, isRetryable: Bool = false) {
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
  }

  /// The message, with the status and the service's word for the failure.
  public var description: String {
    var text = message
    if let status {
      text += " (status \(status)\(serviceCode.map { ", \($0)" } ?? ""))"
    }
    if isOutcomeUnknown { text += "; whether it was done is not known" }
    return text
  }
}

extension ClientError {
  static let shutDown = ClientError(.cancelled, "the client was shut down")

  /// What a failure on the way means for who asked.
  package init(_ error: TransportError, message: String? = nil) {
    let code: Code =
      switch error.code {
      case .invalidRequest, .invalidAddress: .invalidRequest
      case .timedOut: .deadlineExceeded
      case .cancelled: .cancelled
      case .overloaded: .overloaded
      case .tls: .insecure
      case .protocolViolation, .tooLarge: .badAnswer
      case .connectFailed, .refused, .connectionClosed, .goAway, .streamReset, .system:
        .unreachable
      }
    self.init(code, message ?? error.message, isRetryable: error.isRetryable)
  }

  /// What an answer that is no success means.
  package init(_ reply: ClusterReply, isRead: Bool) {
    let problem = reply.problem
    let code: Code =
      switch reply.status {
      case 412: .preconditionFailed
      case 429: .overloaded
      default: .rejected
      }
    self.init(code, problem.detail, isRetryable: problem.isRetryable && !reply.isUncertain)
    status = reply.status
    serviceCode = problem.code.isEmpty ? nil : problem.code
    // A condition that fails after an attempt whose answer was lost may fail because of it.
    isOutcomeUnknown = !isRead && (reply.isUncertain || AnswerRule.isDoubtful(problem))
  }
}
