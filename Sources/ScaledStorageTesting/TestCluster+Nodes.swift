public import Candid
public import Cluster
import ClusterTestKit
public import ScaledStorage

/// A member of a ``TestCluster``.
public struct TestNode: Hashable, Sendable {
  /// The node's id.
  public let id: Principal
  /// Whether its process runs.
  public let isRunning: Bool
  /// The keys that it holds; 0 while it does not run. While keys move, some are held twice.
  public let keys: Int
  /// The bytes of these keys and their values.
  public let bytes: Int
}

extension TestCluster {
  // MARK: - Nodes

  /// The members of the ring, in the order in which they joined.
  public var nodes: [TestNode] {
    bed.cluster.members.map { id in
      let statistics = bed.cluster.node(id)?.statistics
      return TestNode(
        id: id, isRunning: statistics != nil, keys: Int(clamping: statistics?.keys ?? 0),
        bytes: Int(clamping: statistics?.bytes ?? 0))
    }
  }

  /// The member that owns a key; nil while the coordinator is down.
  public func owner(of key: some StorageKey) -> Principal? {
    bed.cluster.map?.owner(of: key.keyBytes)
  }

  /// Brings the cluster to a number of nodes, and waits until the keys have moved. The policy does
  /// not retire below it.
  ///
  /// - Parameter count: from 1 to what the policy allows.
  /// - Throws: `CallError` that tells why not.
  public func scale(to count: Int) throws(CallError) {
    try settle()
    try beginScaling(to: count)
    try settle()
  }

  /// Starts to bring the cluster to a number of nodes; goes on whenever virtual time passes.
  ///
  /// - Parameter count: from 1 to what the policy allows.
  /// - Throws: `CallError` that tells why not: `conflict` while the ring is changing already.
  public func beginScaling(to count: Int) throws(CallError) {
    try bed.perform { () throws(ClusterError) in try bed.cluster.beginScaling(to: count) }
  }

  /// Retires members, and waits until their keys have moved to the others.
  /// - Throws: `CallError` that tells why not.
  public func retire(_ nodes: Principal...) throws(CallError) {
    try settle()
    try bed.perform { () throws(ClusterError) in try bed.cluster.beginRetiring(nodes) }
    try settle()
  }

  /// Ends a node's process at once, as `kill -9` does: what was acknowledged is on its disk, what
  /// was under way is lost.
  ///
  /// - Parameters:
  ///   - node: a member of the ring.
  ///   - isKeptDown: whether it stays down until ``restart(_:)``; else the cluster starts it again
  ///     when virtual time passes, as a gateway does.
  public func kill(_ node: Principal, isKeptDown: Bool = false) {
    bed.cluster.kill(node, isKeptDown: isKeptDown)
  }

  /// Lets a node start that was kept down, and waits until the cluster is whole again.
  /// - Throws: `CallError` when that does not come about.
  public func restart(_ node: Principal) throws(CallError) {
    bed.cluster.allowStart(of: node)
    try settle()
  }

  /// Ends all nodes and the coordinator at once, as a loss of power does, and waits until they have
  /// started again on their disks.
  /// - Throws: `CallError` when that does not come about.
  public func crashAll() throws(CallError) {
    bed.cluster.crashAll()
    try settle()
  }

  /// Changes what the policy hears of a node's load, to see what it makes of it; nil: nothing.
  ///
  /// By itself a node tells its keys, their bytes and its requests of the last second of virtual
  /// time, and that its core idles and it answers at once.
  public var adjustLoad: (_ node: Principal, _ load: inout ScalePolicy.Load) -> Void {
    get { bed.cluster.adjustLoad }
    set { bed.cluster.adjustLoad = newValue }
  }
}
