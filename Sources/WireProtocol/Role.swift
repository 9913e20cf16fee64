/// What a caller may do. Each role may also do what those before it may.
public enum Role: String, CaseIterable, Comparable, Sendable {
  /// What is for anyone: health checks and descriptions of the interface.
  case none
  /// Reading values, calling queries, and looking at the cluster.
  case read
  /// Changing values and calling updates.
  case write
  /// Changing the cluster: its size and its module.
  case admin
  /// What the cluster's own programs tell each other. Who knows the cluster's credential has it.
  case cluster

  private var rank: Int {
    switch self {
    case .none: 0
    case .read: 1
    case .write: 2
    case .admin: 3
    case .cluster: 4
    }
  }

  public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }
}
