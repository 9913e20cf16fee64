package import Candid
import Cluster
import ScaledStorage
import WireProtocol

/// The argument of `scale`.
struct ScaleRequest: CandidRecord {
  var action: ScaleAction
  /// Whether to tell only what would happen.
  var plan: Bool?
  /// How many nodes join or leave, 1 when absent; with `To`, how many there are to be.
  var count: UInt32?
  /// With `Drain`, who is to leave: ids, or their numbers.
  var nodes: [String]?

  static let candidFields = CandidFields(
    ScaleRequest.init(action:plan:count:nodes:), CandidMember("action", \.action),
    CandidMember("plan", \.plan), CandidMember("count", \.count), CandidMember("nodes", \.nodes))
}

extension ScaleRequest {
  /// What is asked for, in short.
  var summary: String {
    switch action {
    case .drain: "drain " + (nodes ?? []).prefix(16).map { $0.prefix(80) }.joined(separator: ", ")
    case .cancel: "cancel"
    case .up, .down, .to: "\(action.rawValue.lowercased()) \(count ?? 1)"
    }
  }
}

enum ScaleAction: String, CaseIterable, CandidVariant {
  case up = "Up"
  case down = "Down"
  case to = "To"
  case drain = "Drain"
  case cancel = "Cancel"
}

/// The result of `scale`. What old readers know comes first; they skip the rest.
package struct ScaleResult: CandidRecord {
  /// The first of the nodes that join; nil for a plan.
  package var node: Principal?
  package var nodes: UInt32
  /// About how many keys move.
  package var moves: UInt64
  package var message: String
  // From here on absent in the answers of earlier gateways.
  /// About how many bytes of keys and values move.
  package var bytes: UInt64?
  package var joining: [Principal]?
  package var leaving: [Principal]?
  /// Who has what before and after it.
  package var shares: [Share]?
  /// Why the scaler will not leave it at that.
  package var warning: String?

  package struct Share: CandidRecord {
    package var node: Principal
    /// `member`, `joining` or `leaving`.
    package var role: String
    package var keys: UInt64
    package var bytes: UInt64
    package var keysAfter: UInt64
    package var bytesAfter: UInt64

    package static let candidFields = CandidFields(
      Share.init(node:role:keys:bytes:keysAfter:bytesAfter:), CandidMember("node", \.node),
      CandidMember("role", \.role), CandidMember("keys", \.keys), CandidMember("bytes", \.bytes),
      CandidMember("keys_after", \.keysAfter), CandidMember("bytes_after", \.bytesAfter))
  }

  package static let candidFields = CandidFields(
    ScaleResult.init(node:nodes:moves:message:bytes:joining:leaving:shares:warning:),
    CandidMember("node", \.node), CandidMember("nodes", \.nodes), CandidMember("moves", \.moves),
    CandidMember("message", \.message), CandidMember("bytes", \.bytes),
    CandidMember("joining", \.joining), CandidMember("leaving", \.leaving),
    CandidMember("shares", \.shares), CandidMember("warning", \.warning))
}

/// What an operator asks for, as it concerns the ring at this moment.
struct ScaleOrder {
  var joining = 0
  var leaving: [Principal] = []
  /// The number of nodes that was named.
  var target: Int?

  /// - Parameter leavingOrder: the members in the order in which they would best leave.
  /// - Throws: `ClusterError` with code `.malformed` for a request that makes no sense.
  init(_ request: ScaleRequest, leavingOrder members: [Principal]) throws(ClusterError) {
    let count = Int(request.count ?? 1)
    switch request.action {
    case .up:
      guard count >= 1 else { throw ClusterError(.malformed, "1 or more nodes can join") }
      joining = count
    case .down:
      guard count >= 1 else { throw ClusterError(.malformed, "1 or more nodes can leave") }
      leaving = Array(members.prefix(count))
    case .to:
      guard request.count != nil, count >= 1 else {
        throw ClusterError(.malformed, "say how many nodes there are to be, 1 or more, as count")
      }
      target = count
      joining = max(0, count - members.count)
      leaving = Array(members.prefix(max(0, members.count - count)))
    case .drain:
      leaving = try (request.nodes ?? []).map { name throws(ClusterError) in
        try ScaleOrder.node(name)
      }
      guard !leaving.isEmpty else {
        throw ClusterError(.malformed, "name the nodes that are to leave, as nodes")
      }
    case .cancel:
      break
    }
  }

  /// The node that is called so: by its id, or the number from which the id is made.
  static func node(_ name: String) throws(ClusterError) -> Principal {
    if let number = UInt64(decimal: name), number > 0 { return .canister(number: number) }
    guard let node = Principal(name) else {
      throw ClusterError(
        .malformed,
        "\"\(name.prefix(80))\" is no node's id, such as \(Principal.canister(number: 3).text), "
          + "and no number of one, such as 3")
    }
    return node
  }
}

extension ScaleResult {
  /// What the order would mean.
  init(_ order: ScaleOrder, _ coordinator: Coordinator) {
    let plan = coordinator.machine.plan(joining: order.joining, leaving: order.leaving)
    let policy = coordinator.policy
    self.init(
      node: nil, nodes: UInt32(clamping: plan.nodes), moves: plan.movedKeys,
      message: ScaleResult.sentence(plan, order), bytes: plan.movedBytes,
      joining: order.joining > 0 ? coordinator.machine.nextNodes(order.joining) : [],
      leaving: order.leaving, shares: plan.shares.map(Share.init), warning: nil)
    let tooFull = plan.shares.first { $0.role != .leaving && policy.shouldScaleUp($0.after) }
    if let tooFull, !order.leaving.isEmpty {
      warning =
        "the scaler would bring nodes again: \(tooFull.node.text) would hold about "
        + "\(tooFull.after.keys) keys, \(tooFull.after.bytes) bytes"
    }
  }

  private static func sentence(_ plan: ScalePlan, _ order: ScaleOrder) -> String {
    let before = plan.shares.count { $0.role != .joining }
    let present = before == 1 ? "1 node holds" : "\(before) nodes hold"
    let text = "\(present) \(plan.keys) keys; "
    let moving = "about \(plan.movedKeys) of them move"
    if order.joining > 0 {
      return text + "with \(plan.nodes) nodes \(moving), all to the new "
        + (order.joining == 1 ? "node" : "nodes")
    }
    guard !order.leaving.isEmpty else { return text + "nothing changes" }
    let rest = plan.nodes == 1 ? "all to the one that stays" : "to the other \(plan.nodes)"
    return text + "without \(order.leaving.map(\.text).joined(separator: ", ")) \(moving), \(rest)"
  }
}

extension ScaleResult.Share {
  init(_ share: ScalePlan.Share) {
    self.init(
      node: share.node, role: share.role.rawValue, keys: share.before.keys,
      bytes: share.before.bytes, keysAfter: share.after.keys, bytesAfter: share.after.bytes)
  }
}

extension Coordinator {
  /// Answers `scale`: does what is asked for, or tells what that would mean.
  /// - Throws: `ClusterError` that tells why not.
  func answer(_ request: ScaleRequest) throws(ClusterError) -> ScaleResult {
    let order = try ScaleOrder(
      request, leavingOrder: leavingOrder(of: machine.state.map.members))
    if order.joining > 0 { try checkRoom(for: order.joining) }
    if !order.leaving.isEmpty { try checkMayLeave(order.leaving) }
    var result = ScaleResult(order, self)
    if request.action == .cancel { return try answerCancel(result, isPlan: request.plan == true) }
    guard request.plan != true else { return result }
    let later = "; GET /ring tells when"
    if order.joining > 0 {
      let nodes = try addNodes(order.joining, reason: "asked for by hand")
      result.node = nodes.first
      result.message =
        nodes.count == 1
        ? "\(nodes[0].text) is joining\(later) it has"
        : "\(names(nodes)) are joining\(later) they have"
    } else if !order.leaving.isEmpty {
      try removeNodes(order.leaving, reason: "asked for by hand")
      result.message =
        order.leaving.count == 1
        ? "\(order.leaving[0].text) is leaving\(later) it has"
        : "\(names(order.leaving)) are leaving\(later) they have"
    } else if let target = order.target {
      result.message = "there are \(target) nodes already; the scaler keeps at least as many"
    }
    if let target = order.target { keepAtLeast(target) }
    return result
  }

  private func answerCancel(
    _ result: ScaleResult, isPlan: Bool
  ) throws(ClusterError) -> ScaleResult {
    var result = result
    guard let change = machine.state.change else {
      throw ClusterError(.conflict, "no change of the ring is under way")
    }
    let names = names(change.joining + change.leaving)
    let verb = change.leaving.isEmpty ? "join" : "leave"
    if isPlan {
      result.message =
        change.isDecided
        ? "the change is decided and cannot be undone any more" : "\(names) would not \(verb)"
      return result
    }
    try cancelChange()
    result.message = "\(names) will not \(verb): the change is undone"
    return result
  }

  private func names(_ nodes: [Principal]) -> String {
    nodes.map(\.text).joined(separator: ", ")
  }
}
