/// Why the cluster refuses an event or a stored form.
public struct ClusterError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// The node has no ring yet.
    case notInitialised = "not_initialised"
    /// The node already belongs to a cluster, under another identity.
    case alreadyInitialised = "already_initialised"
    /// The event speaks of an epoch that has passed, or that this node cannot join.
    case staleEpoch = "stale_epoch"
    /// The event does not fit what the node is doing.
    case conflict
    /// A node is named that is not a member.
    case unknownNode = "unknown_node"
    /// The other side, of an earlier program, does not know the method.
    case unknownMethod = "unknown_method"
    /// The message or the stored form cannot be read.
    case malformed
    /// Stored bytes are damaged or come from a newer program.
    case corruption
    /// The store cannot take the write.
    case storage = "storage_failed"
    /// The store failed while it took a write: whether it did is not known.
    case outcomeUnknown = "outcome_unknown"
    /// The disk is full.
    case noSpace = "no_space"
    /// A queue is full or a wait took too long.
    case overloaded
    /// The node is not certain that no other has its identity.
    case fenced
    /// The client's time was up before anything was done.
    case deadlineExceeded = "deadline_exceeded"
  }

  public var code: Code
  /// What was wrong and how to mend it.
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message: what a program that ends with the error prints.
  public var description: String { message }

  /// Whether the same request may succeed a little later.
  public var isRetryable: Bool {
    switch code {
    case .notInitialised, .conflict, .storage, .noSpace, .overloaded, .fenced,
      .deadlineExceeded:
      true
    case .alreadyInitialised, .staleEpoch, .unknownNode, .unknownMethod, .malformed, .corruption,
      .outcomeUnknown:
      false
    }
  }
}
