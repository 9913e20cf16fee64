public import Candid

/// What a caller wants of one key.
public enum KeyCommand {
  case get
  case put(value: [UInt8], ttl: Duration?, condition: Condition)
  case delete(condition: Condition)
  /// Runs the closure on the live record, or nil when there is none, and stores what it returns.
  ///
  /// The closure runs at most once per call of `NodeMachine.execute` that reaches the key's owner,
  /// and only when the condition holds.
  case apply(if: Condition = .none, (Record?) -> Change)

  /// What a closure makes of the value.
  public enum Change {
    case keep
    case put(value: [UInt8], expiry: Expiry)
    case delete
  }

  /// When a changed value expires.
  public enum Expiry: Hashable, Sendable {
    /// When the value before it would have; a new value never does.
    case keep
    case never
    case after(Duration)
  }

  /// RFC 9110 section 13.1: when to act at all.
  public enum Condition: Hashable, Sendable {
    case none
    /// `if-match` with a version: the key must be at that version.
    case version(Version)
    /// `if-match: *`: the key must exist.
    case exists
    /// `if-none-match: *`: the key must not exist.
    case missing
  }
}

/// The answer to a `KeyCommand`.
public enum KeyReply: Sendable {
  case value(Record)
  case missing
  case stored(Version, created: Bool)
  case deleted(Version)
  /// The closure of `.apply` ran and what it made of the value is durable.
  case applied(Version?)
  /// Nothing was changed; `current` is the version that stands, if there is one.
  case preconditionFailed(current: Version?)
  /// The key lives at another node.
  case elsewhere(owner: Principal, address: String)
  case refused(ClusterError)
}
