import Candid
import Cluster

/// The argument of `scale`.
struct ScaleRequest: CandidRecord {
  var action: ScaleAction
  /// Whether to tell only what would happen.
  var plan: Bool?

  static let candidFields = CandidFields(
    ScaleRequest.init(action:plan:), CandidMember("action", \.action), CandidMember("plan", \.plan))
}

enum ScaleAction: String, CaseIterable, CandidVariant {
  case up = "Up"
}

/// The result of `scale`.
struct ScaleResult: CandidRecord {
  var node: Principal?
  var nodes: UInt32
  var moves: UInt64
  var message: String

  static let candidFields = CandidFields(
    ScaleResult.init(node:nodes:moves:message:),
    CandidMember("node", \.node), CandidMember("nodes", \.nodes), CandidMember("moves", \.moves),
    CandidMember("message", \.message))
}

/// What one more node would mean: of the keys, 1/(n + 1) move, all of them to the new node.
struct ScalePlan {
  let nodes: Int
  let moves: UInt64
  let message: String

  init(_ coordinator: Coordinator) {
    let members = coordinator.map.members
    nodes = members.count + 1
    let keys = members.reduce(0) { $0 &+ (coordinator.reports[$1]?.size ?? 0) }
    moves = keys / UInt64(nodes)
    let present = members.count == 1 ? "1 node holds" : "\(members.count) nodes hold"
    message =
      "\(present) \(keys) keys; with \(nodes) nodes about \(moves) of them move, "
      + "all to the new node"
  }
}
