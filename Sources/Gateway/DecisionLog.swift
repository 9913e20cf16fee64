package import Candid

/// What was decided lately about the nodes, and what came of it.
///
/// It is kept in memory, for the status page, the log and metrics; a gateway that starts again
/// begins an empty one.
package struct DecisionLog: Sendable {
  /// One decision.
  package struct Entry: Sendable {
    /// Counts from 1, without a gap.
    package let number: UInt64
    /// Milliseconds since 1970.
    package let time: UInt64
    package let origin: Origin
    package let action: Action
    /// How many nodes join, leave, or start again.
    package let count: Int
    /// Those that do, as far as they have names.
    package let nodes: [Principal]
    package let reason: String
    /// The epoch of the ring to be; nil when no change began.
    package let epoch: UInt64?
    package fileprivate(set) var outcome: Outcome
    /// Why it came to nothing.
    package fileprivate(set) var detail: String?
    /// When the outcome was known, in milliseconds since 1970; nil while it is not.
    package fileprivate(set) var endedAt: UInt64?
  }

  package enum Origin: String, CaseIterable, Sendable {
    /// The policy.
    case scaler
    /// Somebody, by `scale` or `rolling_restart`.
    case `operator`
    /// The change was under way when the gateway started.
    case earlier
  }

  package enum Action: String, CaseIterable, Sendable {
    case grow, shrink
    /// Of nodes, one at a time.
    case restart
  }

  package enum Outcome: String, CaseIterable, Sendable {
    case underWay = "under_way"
    case done
    /// It was given up because somebody said so, or the gateway stopped.
    case cancelled
    /// It was given up because a step failed.
    case failed
    /// It was only told (`--scale-dry-run`).
    case dryRun = "dry_run"
    /// It could not begin.
    case refused
  }

  /// What decisions are counted by.
  package struct Kind: Hashable, Sendable {
    package let origin: Origin
    package let action: Action
    package let outcome: Outcome
  }

  package static let capacity = 256

  /// The latest, at most ``capacity``, the oldest first.
  package private(set) var entries: [Entry] = []
  /// Moves on whenever ``entries`` change.
  package private(set) var revision: UInt64 = 0
  /// How many came to each end since the gateway started.
  package private(set) var totals: [Kind: UInt64] = [:]
  private var lastNumber: UInt64 = 0

  /// The decision whose change is under way; at most one is.
  package var underWay: Entry? { entries.last { $0.outcome == .underWay } }

  /// Adds a decision.
  /// - Parameter now: milliseconds since 1970.
  mutating func add(
    _ action: Action, by origin: Origin, count: Int, nodes: [Principal] = [], reason: String,
    epoch: UInt64? = nil, outcome: Outcome, detail: String? = nil, now: UInt64
  ) -> Entry {
    lastNumber += 1
    revision += 1
    let entry = Entry(
      number: lastNumber, time: now, origin: origin, action: action, count: count, nodes: nodes,
      reason: reason, epoch: epoch, outcome: outcome, detail: detail,
      endedAt: outcome == .underWay ? nil : now)
    if entries.count == DecisionLog.capacity { entries.removeFirst() }
    entries.append(entry)
    tally(entry)
    return entry
  }

  /// Notes what came of the decision that is under way; nil when none is.
  mutating func end(_ outcome: Outcome, detail: String? = nil, now: UInt64) -> Entry? {
    guard let index = entries.lastIndex(where: { $0.outcome == .underWay }) else { return nil }
    revision += 1
    entries[index].outcome = outcome
    entries[index].detail = detail
    entries[index].endedAt = now
    tally(entries[index])
    return entries[index]
  }

  private mutating func tally(_ entry: Entry) {
    guard entry.outcome != .underWay else { return }
    let kind = Kind(origin: entry.origin, action: entry.action, outcome: entry.outcome)
    totals[kind, default: 0] += 1
  }
}
