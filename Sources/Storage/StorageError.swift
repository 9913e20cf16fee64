/// Why the store refused or failed.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// A read, a write or a sync failed.
    case ioError
    /// The disk or the quota is full.
    case noSpace
    /// Stored bytes do not have the form or the checksum that they were written with.
    case corruption
    /// The data was written by a newer program.
    case unsupportedFormat
    /// The engine, the snapshot or the committer was closed.
    case closed
    /// Another process holds the directory.
    case locked
    /// A key, value or batch beyond ``StorageLimits``.
    case tooLarge
    /// An argument that no store could serve.
    case invalidArgument
    /// A snapshot ended because the engine reopened its database.
    case snapshotLost
    /// An earlier commit failed, and the owner has not resumed the committer.
    case suspended
    /// The committer's queue is full.
    case overloaded
    /// The system gave no thread or lock.
    case resourceExhausted
  }

  public let code: Code
  /// What was wrong, and how to mend it.
  public let message: String
  /// The directory or file, when there is one.
  public let path: String?

  public init(_ code: Code, _ message: String, path: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
  }

  /// Whether the same call may succeed later without a change to its arguments.
  public var isRetryable: Bool {
    switch code {
    case .ioError, .noSpace, .locked, .snapshotLost, .suspended, .overloaded, .resourceExhausted:
      true
    case .corruption, .unsupportedFormat, .closed, .tooLarge, .invalidArgument: false
    }
  }

  public var description: String {
    guard let path else { return "\(code.rawValue): \(message)" }
    return "\(code.rawValue): \(message) (\(path))"
  }
}
