/// Why the transport refused or failed.
public struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// The peer could not be reached.
    case connectFailed
    /// The peer refused the connection or the stream before it did anything.
    case refused
    /// A deadline passed.
    case timedOut
    /// The connection ended before the answer was complete.
    case connectionClosed
    /// The peer is going away and did not process the request.
    case goAway
    /// The peer reset the stream.
    case streamReset
    /// The peer broke the protocol.
    case protocolViolation
    /// Something exceeds a configured limit.
    case tooLarge
    /// The caller took the request back.
    case cancelled
    /// A queue or a budget is full.
    case overloaded
    /// The request cannot be expressed in HTTP.
    case invalidRequest
    /// An address that cannot be read or resolved.
    case invalidAddress
    /// TLS failed: a certificate or a key cannot be used or is refused, or the peers agree on
    /// nothing. Another try would fail as well.
    case tls
    /// The system refused: no descriptors, no permission, the port is taken, and the like.
    case system
  }

  public let code: Code
  /// What was wrong, and how to mend it.
  public let message: String
  /// True only when the request certainly was not processed, so that sending it again is safe.
  public let isRetryable: Bool
  /// The system's error number, 0 when the system did not report one.
  public let systemError: Int32

  public init(
    _ code: Code, _ message: String, isRetryable: Bool = false, systemError: Int32 = 0
  ) {
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
    self.systemError = systemError
  }

  public var description: String { "\(code.rawValue): \(message)" }
}
