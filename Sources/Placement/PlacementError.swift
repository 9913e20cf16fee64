/// Why a ring or a hash key was refused.
public struct PlacementError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// A hash key of another length than 32 bytes.
    case invalidHashKey
    /// A capacity outside of 1 to ``AnchorHash/maximumCapacity``.
    case invalidCapacity
    /// A member id that is empty or too long.
    case invalidMember
    /// No bucket is left for another member.
    case ringFull
    /// The log of joins and leaves has reached its bound.
    case logFull
    /// The member is in the ring already.
    case alreadyMember
    /// The member is not in the ring.
    case notMember
    /// An epoch that is not greater than the present one.
    case staleEpoch
  }

  public let code: Code
  /// What was wrong, and how to mend it.
  public let message: String
  /// The index of the operation in the log that was refused, when a log was replayed.
  public let logIndex: Int?

  init(_ code: Code, _ message: String, logIndex: Int? = nil) {
    self.code = code
    self.message = message
    self.logIndex = logIndex
  }

  /// False: the same ring refuses the same change again.
  public var isRetryable: Bool { false }

  public var description: String {
    guard let logIndex else { return "\(code.rawValue): \(message)" }
    return "\(code.rawValue): \(message) (operation \(logIndex) of the log)"
  }
}
