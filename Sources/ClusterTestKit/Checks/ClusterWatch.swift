import Candid
import Cluster
import Placement
import Storage

/// Watches who serves what, and the epochs, over all lives of all nodes.
struct ClusterWatch {
  /// All that the route of a key depends on.
  struct Stance: Hashable {
    var epoch: UInt64
    var revision: UInt64
    var handover: UInt64?
    var phase: String?

    var words: String {
      "epoch \(epoch), revision \(revision)"
        + (handover.map { ", epoch \($0) \(phase ?? "")" } ?? "")
    }
  }

  /// What one node does with each key.
  private enum Role: Hashable {
    case serves
    case holds
    case sends(to: Principal)
    case refuses
  }

  private let keys: [[UInt8]]
  private var stances: [Principal: Stance] = [:]
  private var roles: [Principal: [Role]] = [:]
  private var epochs: [Principal: UInt64] = [:]
  private var digests: [UInt64: UInt64] = [:]

  init(keys: [[UInt8]]) {
    self.keys = keys
  }

  func stance(of node: SimulatedNode) -> Stance? {
    guard let map = node.machine.map else { return nil }
    let handover = node.machine.handoverStatus
    return Stance(
      epoch: map.ring.epoch, revision: map.revision, handover: handover?.epoch,
      phase: handover?.phase)
  }

  func isNew(_ stance: Stance, of node: SimulatedNode) -> Bool { stances[node.id] != stance }

  /// Looks at a node whose stance is new. Returns the promise that it broke, or nil.
  mutating func changed(_ node: SimulatedNode, to stance: Stance) -> String? {
    guard let map = node.machine.map else { return nil }
    stances[node.id] = stance
    if let before = epochs.updateValue(map.ring.epoch, forKey: node.id), before > map.ring.epoch {
      return "\(node.id.text) went from epoch \(before) back to \(map.ring.epoch)"
    }
    if let known = digests.updateValue(map.ring.digest, forKey: map.ring.epoch),
      known != map.ring.digest
    {
      return "two rings claim epoch \(map.ring.epoch)"
    }
    let machine = node.machine
    let mine = keys.map { key -> Role in
      switch machine.route(key) {
      case .here: .serves
      case .fenced: .holds
      case .elsewhere(let owner, _): .sends(to: owner)
      case .refused: .refuses
      }
    }
    guard roles.updateValue(mine, forKey: node.id) != mine else { return nil }
    return broken(by: node.id, mine)
  }

  private func broken(by node: Principal, _ mine: [Role]) -> String? {
    for (other, theirs) in roles.sorted(by: { $0.key < $1.key }) where other != node {
      for index in keys.indices {
        let name = String(decoding: keys[index], as: UTF8.self)
        if mine[index] == .serves, theirs[index] == .serves {
          return "both \(other.text) and \(node.text) serve \(name)"
        }
        if mine[index] == .sends(to: other), theirs[index] == .sends(to: node) {
          return "\(other.text) and \(node.text) send clients of \(name) to each other"
        }
      }
    }
    return nil
  }

  mutating func stopped(_ node: SimulatedNode) {
    stances[node.id] = nil
    roles[node.id] = nil
  }

  mutating func forget(_ node: Principal) {
    stances[node] = nil
    roles[node] = nil
    epochs[node] = nil
  }
}
