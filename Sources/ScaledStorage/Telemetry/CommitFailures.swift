import HTTPTransport
import Storage

/// Which failed commits are told of: a full disk is tried again and again, and may be the one that
/// the log is on.
struct CommitFailures {
  /// Since the last commit that succeeded.
  private(set) var count = 0
  private var toldAt = MonotonicTime(nanoseconds: 0)

  private static let spacing = Duration.seconds(60)

  /// - Returns: whether to tell of it: the first, one a minute, and all that are of another kind.
  mutating func isNews(_ error: StorageError, at now: MonotonicTime) -> Bool {
    count &+= 1
    guard count == 1 || error.code != .noSpace || now >= toldAt + CommitFailures.spacing else {
      return false
    }
    toldAt = now
    return true
  }

  /// A commit succeeded.
  /// - Returns: how many had failed before it, one after the other.
  mutating func end() -> Int {
    defer { count = 0 }
    return count
  }
}
