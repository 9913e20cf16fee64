package import Candid
package import Cluster
import Placement
import ScaledStorage

extension Coordinator: InstancePoolCluster {
  package func origin(of node: Principal) -> NodeOrigin { machine.origin(of: node) }

  /// Whether the node belongs to this cluster, or to none.
  package func isOurs(_ info: NodeInfo) -> Bool {
    info.cluster == nil || info.cluster == machine.state.map.clusterID
  }

  /// Whether an instance without data may become the node: it has no keys yet.
  package func mayBeBlank(_ node: Principal) -> Bool {
    let state = machine.state
    if state.change?.leaving.contains(node) == true { return false }
    return !(state.isBootstrapped && state.map.contains(node))
  }

  package func knows(_ node: Principal) -> Bool { machine.nodes[node] != nil }

  package var nodeCount: Int { machine.nodes.count }

  package func retire(
    _ node: Principal, at address: String,
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    // A crash that forgets how the leave ended would look for the node again.
    guard machine.durableSequence >= machine.lastSequence else {
      return completion(.failure(ClusterError(.overloaded, "the state is not durable yet")))
    }
    peers.retire(node, map: machine.state.map, at: address, completion)
  }
}
