import Candid
import Cluster

/// The argument of `scale`.
struct ScaleRequest: CandidConvertible {
  /// Whether to tell only what would happen.
  var isPlan: Bool

  static let candidType = CandidType.record(fields: [
    "action": .variant(cases: ["Up": .null]), "plan": .opt(.bool),
  ])

  var candidValue: CandidValue {
    .record(fields: ["action": .variant("Up"), "plan": .opt(.bool(isPlan))])
  }

  init(candidValue: CandidValue) throws(CandidError) {
    let plan: Bool? = try CandidRecord(candidValue).field("plan")
    isPlan = plan ?? false
  }
}

/// The result of `scale`.
struct ScaleResult {
  var node: Principal?
  var nodes: UInt32
  var moves: UInt64
  var message: String

  static let candidType = CandidType.record(fields: [
    "node": .opt(.principal), "nodes": .nat32, "moves": .nat64, "message": .text,
  ])

  var candidValue: CandidValue {
    .record(fields: [
      "node": node.candidValue, "nodes": .nat32(nodes), "moves": .nat64(moves),
      "message": .text(message),
    ])
  }
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
