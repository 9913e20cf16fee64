import Candid
import Cluster
import Logging
import Placement
import ScaledStorage

/// The decisions about the nodes, kept and told.
extension Coordinator {
  /// Begins the entry of a change that has just begun.
  func noteBeginning(by origin: DecisionLog.Origin, reason: String) {
    guard let change = machine.state.change else { return }
    note(
      change.leaving.isEmpty ? .grow : .shrink, by: origin,
      count: change.joining.count + change.leaving.count, nodes: change.joining + change.leaving,
      reason: reason, epoch: change.epoch, outcome: .underWay)
  }

  /// Adds a decision, and tells the log.
  func note(
    _ action: DecisionLog.Action, by origin: DecisionLog.Origin, count: Int,
    nodes: [Principal] = [], reason: String, epoch: UInt64? = nil,
    outcome: DecisionLog.Outcome, detail: String? = nil
  ) {
    log(
      decisions.add(
        action, by: origin, count: count, nodes: nodes, reason: reason, epoch: epoch,
        outcome: outcome, detail: detail, now: WallClock.milliseconds))
  }

  /// Notes what came of the change of the ring once it is over. Called after each step of the
  /// machine: looking costs a comparison.
  func noteEnd() {
    guard let epoch = epochUnderWay, machine.state.change?.epoch != epoch else { return }
    epochUnderWay = nil
    let isDone = machine.state.map.ring.epoch >= epoch
    let outcome: DecisionLog.Outcome =
      isDone ? .done : cancelledEpoch == epoch ? .cancelled : .failed
    let detail = isDone ? nil : machine.lastFailure
    if let entry = decisions.end(outcome, detail: detail, now: WallClock.milliseconds) {
      log(entry)
    }
  }

  func log(_ entry: DecisionLog.Entry) {
    if entry.outcome == .underWay { epochUnderWay = entry.epoch }
    var fields: Logger.Metadata = [
      "decision": "\(entry.number)", "origin": "\(entry.origin.rawValue)",
      "action": "\(entry.action.rawValue)", "count": "\(entry.count)",
      "outcome": "\(entry.outcome.rawValue)", "reason": "\(entry.reason)",
    ]
    if !entry.nodes.isEmpty { fields["nodes"] = .array(entry.nodes.map { "\($0.text)" }) }
    if let epoch = entry.epoch { fields["epoch"] = "\(epoch)" }
    if let detail = entry.detail { fields["detail"] = "\(detail)" }
    if let endedAt = entry.endedAt, endedAt > entry.time {
      fields["milliseconds"] = "\(endedAt - entry.time)"
    }
    logger.log(level: entry.outcome.level, "\(entry.sentence)", metadata: fields)
  }
}

extension DecisionLog.Entry {
  /// Such as `scaler: grow by 2 nodes, done`.
  fileprivate var sentence: String {
    let who = origin == .earlier ? "begun earlier" : origin.rawValue
    let verb = action == .restart ? "restart of" : "\(action.rawValue) by"
    let what = "\(verb) \(count) node\(count == 1 ? "" : "s")"
    return "\(who): \(what), \(outcome.words), since \(reason)"
      + (detail.map { ": \($0)" } ?? "")
  }
}

extension DecisionLog.Outcome {
  fileprivate var words: String {
    switch self {
    case .underWay: "under way"
    case .dryRun: "only told (dry run)"
    case .done, .cancelled, .failed, .refused: rawValue
    }
  }

  fileprivate var level: Logger.Level {
    switch self {
    case .underWay, .done, .dryRun, .cancelled: .notice
    case .failed, .refused: .warning
    }
  }
}
