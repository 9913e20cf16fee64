/// Why etcd, or the way to it, failed a call.
package struct EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Hashable, Sendable {
    /// No endpoint could be reached, or none has a leader at the moment.
    case unavailable
    /// No answer came in time.
    case deadlineExceeded
    /// etcd does not do what was asked: another try would fail as well.
    case refused
    /// etcd does not know or trust the caller.
    case unauthenticated
    /// The request or the answer exceeds a limit.
    case tooLarge
    /// etcd is out of space, or limits the rate.
    case exhausted
    /// What came back is not what etcd says.
    case protocolViolation
    /// The client was shut down.
    case cancelled
  }

  package let code: Code
  package let message: String
  /// Whether the call may have been carried out all the same: a transaction has to be looked for
  /// before it is sent again.
  package let isOutcomeUnknown: Bool

  package init(_ code: Code, _ message: String, isOutcomeUnknown: Bool = false) {
    self.code = code
    self.message = message
    self.isOutcomeUnknown = isOutcomeUnknown
  }

  package var description: String { "\(code.rawValue): \(message)" }

  /// Whether another endpoint may do better.
  var isOfEndpoint: Bool {
    switch code {
    case .unavailable, .deadlineExceeded, .protocolViolation: true
    case .refused, .unauthenticated, .tooLarge, .exhausted, .cancelled: false
    }
  }
}
