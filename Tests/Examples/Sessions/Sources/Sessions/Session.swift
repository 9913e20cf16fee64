import ScaledStorage

/// What a web site remembers of a visitor: the value under the session's id.
public struct Session: Hashable, CandidRecord {
  public var user: String
  /// What the site keeps, as it likes.
  public var state: String

  public init(user: String, state: String) {
    self.user = user
    self.state = state
  }

  public static let candidFields = CandidFields(
    Session.init(user:state:), CandidMember("user", \.user), CandidMember("state", \.state))
}

/// A session as it is read.
public struct View: Hashable, CandidRecord {
  public var session: Session
  /// To be given with the next change.
  public var version: UInt64
  /// Milliseconds until it ends, unless it is used before.
  public var remaining: UInt64

  public init(session: Session, version: UInt64, remaining: UInt64) {
    self.session = session
    self.version = version
    self.remaining = remaining
  }

  public static let candidFields = CandidFields(
    View.init(session:version:remaining:), CandidMember("session", \.session),
    CandidMember("version", \.version), CandidMember("remaining", \.remaining))
}
