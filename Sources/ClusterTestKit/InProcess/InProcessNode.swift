package import Candid
package import Cluster

/// One life of a node of an ``InProcessCluster``: from a start of its process to the end.
package final class InProcessNode {
  let node: SimulatedNode
  private weak var cluster: InProcessCluster?
  private var seenRevision: UInt64?
  private var second: Int64 = 0
  private var requestsInSecond = 0
  private var lastRate = 0.0

  init(_ node: SimulatedNode, cluster: InProcessCluster) {
    self.node = node
    self.cluster = cluster
  }

  package var id: Principal { node.id }
  package var address: String { node.address }
  package var isRunning: Bool { node.isAlive }
  /// The map in force here; nil before the node belongs to a cluster.
  package var map: ClusterMap? { node.machine.map }
  package var moment: Moment { node.process.moment }
  package var statistics: NodeMachine.Statistics { node.machine.statistics }

  /// What the coordinator hears of it.
  package var report: NodeReport { node.report }

  /// The owner of a key that is not served here; nil when it is, or nobody knows.
  package func elsewhere(_ key: [UInt8]) -> (owner: Principal, address: String)? {
    guard case .elsewhere(let owner, let address) = node.machine.route(key) else { return nil }
    return (owner, address)
  }

  /// Runs a command on a key; answers once that is durable, or tells who has the key.
  package func execute(
    _ command: KeyCommand, key: [UInt8], _ completion: @escaping (KeyReply) -> Void
  ) {
    node.execute(command, key: key, completion)
  }

  /// Calls `event` after some virtual time, unless the node has ended by then.
  package func after(_ delay: Duration, _ event: @escaping () -> Void) {
    node.process.after(delay.wholeMicroseconds, event)
  }

  /// Whether the map has changed since this was asked last.
  func noteMap() -> Bool {
    guard let revision = map?.revision, revision != seenRevision else { return false }
    seenRevision = revision
    return true
  }

  // MARK: - Load

  func note(request time: Duration) {
    turnSecond(at: time)
    requestsInSecond += 1
  }

  /// Requests of the last whole second of virtual time.
  func requestsPerSecond(at time: Duration) -> Double {
    turnSecond(at: time)
    return lastRate
  }

  private func turnSecond(at time: Duration) {
    let now = time.components.seconds
    guard now != second else { return }
    lastRate = now == second + 1 ? Double(requestsInSecond) : 0
    second = now
    requestsInSecond = 0
  }
}
