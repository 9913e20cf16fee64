import Candid
import Cluster

/// Watches which modules nodes have, against what the coordinator could not forget any more.
struct ModuleWatch {
  /// What a restart of the coordinator would go on from.
  private var durable: CoordinatorState?
  /// Whether all nodes have had a module: before, some have none.
  private var isEquipped = false

  /// Notes a state that is durable. Returns the promise that it breaks, or nil.
  mutating func persisted(_ state: CoordinatorState, running: [SimulatedNode]) -> String? {
    let before = durable?.map
    durable = state
    if state.moduleDigest != nil, !state.isModuleRolling { isEquipped = true }
    guard let before else { return nil }
    for node in running where state.map.contains(node.id) && !before.contains(node.id) {
      guard isAccepted(node.module?.digest) else {
        return "\(node.id.text) became a member without an accepted module"
      }
    }
    return brokenPromise(running)
  }

  /// A member that would serve calls with a module that the cluster is done with, or knows nothing
  /// of.
  func brokenPromise(_ running: [SimulatedNode]) -> String? {
    for node in running {
      guard let digest = node.module?.digest, let own = node.machine.map, own.contains(node.id),
        durable?.map.contains(node.id) == true, own.modules?.contains(digest) ?? true,
        !isAccepted(digest)
      else { continue }
      return "\(node.id.text) serves calls with module \(digest), which no coordinator knows"
    }
    return nil
  }

  private func isAccepted(_ digest: [UInt8]?) -> Bool {
    guard let modules = durable?.map.modules else { return true }
    return digest.map(modules.contains) ?? !isEquipped
  }
}
