import Candid

/// The argument of `restart_node`.
struct RestartOrder: CandidRecord {
  /// The incarnation that is to end; nil is any.
  var incarnation: UInt64?

  static let candidFields = CandidFields(
    RestartOrder.init(incarnation:), CandidMember("incarnation", \.incarnation))
}
