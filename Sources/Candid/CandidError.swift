/// A failure to read, write or convert Candid.
///
/// No such failure mends itself: `isRetryable` is always false, the same input fails again.
public struct CandidError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong; stable, to branch on.
  public enum Code: String, Hashable, Sendable {
    /// Bytes that are no Candid message (or no UTF-8, no JSON, no base64) at all.
    case malformed
    /// A value that does not have, and cannot be coerced to, the expected type.
    case typeMismatch = "type_mismatch"
    /// Deeper, larger or costlier than `CandidLimits` allows.
    case limitExceeded = "limit_exceeded"
    /// Text that does not follow the grammar of Candid's text format or of `.did` files.
    case syntax
    /// A type that refers to an unknown name, to itself only, or that repeats a field.
    case invalidType = "invalid_type"
    /// A principal's text that is not in canonical form.
    case invalidPrincipal = "invalid_principal"
  }

  /// What kind of thing went wrong.
  public var code: Code
  /// What was wrong, and what was expected instead.
  public var message: String
  /// Where in the input, in bytes from its start; nil when there is no input, as when encoding.
  public var offset: Int?

  /// A failure of this kind; `offset` in bytes from the start of the input.
  public init(_ code: Code, _ message: String, at offset: Int? = nil) {
    self.code = code
    self.message = message
    self.offset = offset
  }

  /// Always false: the same input fails again.
  public var isRetryable: Bool { false }

  public var description: String {
    guard let offset else { return "\(code.rawValue): \(message)" }
    return "\(code.rawValue) at byte \(offset): \(message)"
  }
}
