/// A request on one key as its client saw it: what was asked, when, and what came of it.
///
/// Values are numbers, so that histories are small: a client writes values that no other request
/// writes, or counts.
package struct KeyOperation: Hashable, Sendable, Codable {
  package enum Command: Hashable, Sendable, Codable {
    case get
    /// `ttl` is in milliseconds.
    case put(value: UInt64, ttl: UInt64?, condition: Condition)
    case delete(condition: Condition)
    /// Adds 1 to the value, or makes it 1 where there is none, in one step; a TTL ends with it.
    case increment
  }

  /// When to act at all; the versions are those that answers show.
  package enum Condition: Hashable, Sendable, Codable {
    case none
    case version(UInt64)
    case exists
    case missing
  }

  package enum Outcome: Hashable, Sendable, Codable {
    /// A read: the value and its version.
    case value(UInt64, version: UInt64)
    /// A read or a deletion found nothing.
    case missing
    /// A value was written. `created`: whether there was none before; nil where nobody told.
    case stored(version: UInt64, created: Bool?)
    /// A value was deleted, at a version that is nil where nobody told.
    case deleted(version: UInt64?)
    /// An increment was done; version and new value are nil where nobody told.
    case incremented(version: UInt64?, value: UInt64?)
    /// Nothing was changed; `current` is the version that stands, if there is a value.
    case preconditionFailed(current: UInt64?)
    /// It certainly was not carried out.
    case notDone
    /// It may have been carried out, or will be at any later time, or never.
    case unknown
  }

  package var command: Command
  package var outcome: Outcome
  /// When it was sent, and when the answer came, in microseconds of one clock for all clients. The
  /// second does not matter to an outcome that is unknown.
  package var invoked: UInt64
  package var returned: UInt64

  package init(_ command: Command, _ outcome: Outcome, invoked: UInt64, returned: UInt64) {
    self.command = command
    self.outcome = outcome
    self.invoked = invoked
    self.returned = returned
  }
}

extension KeyOperation: CustomStringConvertible {
  package var description: String {
    let end = outcome == .unknown ? "…" : "\(returned)"
    return "\(invoked)–\(end) µs: \(command.words) → \(outcome.words)"
  }
}

extension KeyOperation.Command {
  package var words: String {
    switch self {
    case .get: "get"
    case .put(let value, let ttl, let condition):
      "put \(value)" + (ttl.map { " for \($0) ms" } ?? "") + condition.words
    case .delete(let condition): "delete" + condition.words
    case .increment: "increment"
    }
  }
}

extension KeyOperation.Condition {
  fileprivate var words: String {
    switch self {
    case .none: ""
    case .version(let version): " if at version \(version)"
    case .exists: " if it exists"
    case .missing: " if it is missing"
    }
  }
}

extension KeyOperation.Outcome {
  package var words: String {
    switch self {
    case .value(let value, let version): "\(value) at version \(version)"
    case .missing: "missing"
    case .stored(let version, let created):
      "stored at version \(version)" + (created == true ? ", created" : "")
    case .deleted(let version): "deleted" + (version.map { " at version \($0)" } ?? "")
    case .incremented(let version, let value):
      "incremented" + (value.map { " to \($0)" } ?? "")
        + (version.map { " at version \($0)" } ?? "")
    case .preconditionFailed(let current):
      "precondition failed, " + (current.map { "version \($0) stands" } ?? "nothing is there")
    case .notDone: "not done"
    case .unknown: "unknown"
    }
  }
}
