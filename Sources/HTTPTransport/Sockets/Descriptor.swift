import Glibc

/// Owns a file descriptor and closes it when it goes out of scope.
public struct Descriptor: ~Copyable, Sendable {
  /// The number, valid as long as this value lives.
  public let rawValue: Int32

  /// Takes ownership of `rawValue`.
  public init(owning rawValue: Int32) {
    self.rawValue = rawValue
  }

  deinit {
    // Linux frees the number even when close reports EINTR: trying again could close another's.
    if rawValue >= 0 { _ = close(rawValue) }
  }
}
