package import Candid
import Cluster

/// The argument of `rolling_restart`.
struct RollingRestartRequest: CandidRecord {
  enum Action: String, CaseIterable, CandidVariant {
    case start = "Start"
    case cancel = "Cancel"
    case status = "Status"
  }

  var action: Action
  /// With `Start`, who is to start again, in this order: ids, or their numbers; absent is all.
  var nodes: [String]?

  static let candidFields = CandidFields(
    RollingRestartRequest.init(action:nodes:), CandidMember("action", \.action),
    CandidMember("nodes", \.nodes))

  /// What is asked for, in short.
  var summary: String {
    guard action == .start, let nodes, !nodes.isEmpty else { return action.rawValue.lowercased() }
    return "start " + nodes.prefix(16).map { String($0.prefix(80)) }.joined(separator: ", ")
  }
}

/// The result of `rolling_restart`.
package struct RollingRestartStatus: CandidRecord {
  package struct Turn: CandidRecord {
    package var node: Principal
    /// `waiting`, `restarting`, or `restarted`.
    package var state: String

    package static let candidFields = CandidFields(
      Turn.init(node:state:), CandidMember("node", \.node), CandidMember("state", \.state))
  }

  package var isUnderWay: Bool
  /// `done`, `cancelled` or `failed`; nil while it is under way and when there never was one.
  package var outcome: String?
  /// In the order of their turns.
  package var nodes: [Turn]
  /// Why it was given up; nil unless it was.
  package var failure: String?

  package static let candidFields = CandidFields(
    RollingRestartStatus.init(isUnderWay:outcome:nodes:failure:),
    CandidMember("under_way", \.isUnderWay), CandidMember("outcome", \.outcome),
    CandidMember("nodes", \.nodes), CandidMember("failure", \.failure))

  private init(isUnderWay: Bool, outcome: String?, nodes: [Turn], failure: String?) {
    self.isUnderWay = isUnderWay
    self.outcome = outcome
    self.nodes = nodes
    self.failure = failure
  }

  init(_ machine: CoordinatorMachine) {
    let restarts = machine.state.restarts
    isUnderWay = machine.isRestarting
    outcome =
      switch restarts?.outcome {
      case nil: nil
      case .done: "done"
      case .cancelled: "cancelled"
      case .failed: "failed"
      }
    failure = restarts?.failure
    nodes = []
    for (index, node) in (restarts?.nodes ?? []).enumerated() {
      let done = restarts?.done ?? 0
      let isNow = index == done && restarts?.incarnation != nil
      nodes.append(
        Turn(node: node, state: index < done ? "restarted" : isNow ? "restarting" : "waiting"))
    }
  }
}
