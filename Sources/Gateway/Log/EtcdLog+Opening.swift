import Candid
package import Cluster
package import Etcd
package import HTTPTransport
package import Logging
import Placement

extension EtcdLog {
  /// Reads the state, or begins a new cluster; waits for etcd as long as it takes.
  ///
  /// - Parameters:
  ///   - founding: makes the first state of a new cluster.
  ///   - completion: called once on the loop; with a `ClusterError` when the state cannot be read,
  ///     was written by a newer program, or is elsewhere.
  package static func open(
    client: EtcdClient, keys: EtcdKeys, loop: EventLoop, logger: Logger,
    founding: @escaping () throws(ClusterError) -> CoordinatorState,
    _ completion: @escaping (Result<EtcdLog, ClusterError>) -> Void
  ) {
    let again = { (pause: Duration) in
      _ = loop.schedule(after: pause) {
        open(
          client: client, keys: keys, loop: loop, logger: logger, founding: founding, completion)
      }
    }
    var transaction = EtcdTransaction()
    transaction.success = [.range(keys.ring, isPrefix: false), .range(keys.moved, isPrefix: false)]
    client.commit(transaction) { result in
      switch result {
      case .failure(let error):
        logger.warning("the gateway waits for etcd: \(error.message)")
        again(.seconds(1))
      case .success(let outcome):
        do throws(ClusterError) {
          try checkPresence(outcome.ranges[1].first)
          guard let ring = outcome.ranges[0].first else {
            return found(try founding(), client, keys) { again(.milliseconds(10)) }
          }
          let opened = (try CoordinatorState(encoded: ring.value), ring.modRevision)
          completion(
            .success(EtcdLog(opened, client: client, keys: keys, loop: loop, logger: logger)))
        } catch {
          completion(.failure(error))
        }
      }
    }
  }

  /// - Throws: `ClusterError` when the mark that the state is elsewhere stands in etcd.
  private static func checkPresence(_ moved: EtcdEntry?) throws(ClusterError) {
    guard let moved else { return }
    throw ClusterError(
      .conflict,
      "the coordinator's state was moved from etcd to "
        + String(decoding: moved.value, as: UTF8.self)
        + "; start the gateway there without --etcd, or move it by `coordinator to-etcd`")
  }

  /// The first state of a new cluster.
  /// - Parameter mayFound: whether a cluster may begin: no node's data is here.
  /// - Throws: `ClusterError` when it may not.
  package static func founding(
    mayFound: Bool, capacity: Int, firstNode: UInt64
  ) throws(ClusterError) -> CoordinatorState {
    guard mayFound else {
      throw ClusterError(
        .corruption,
        "there are nodes here, or what there is cannot be read, and etcd has no state that tells "
          + "of them; name the --etcd-cluster that has, or begin with an empty data directory")
    }
    return try CoordinatorState.fresh(
      hashKey: .random(), capacity: capacity, firstNode: firstNode)
  }

  /// Writes the first state unless another gateway has.
  private static func found(
    _ state: CoordinatorState, _ client: EtcdClient, _ keys: EtcdKeys, _ done: @escaping () -> Void
  ) {
    var transaction = EtcdTransaction()
    transaction.compares = [.createRevision(keys.ring, equals: 0)]
    transaction.success = [
      .put(keys.ring, state.encoded), .put(keys.desired, text(ofDesired: state.desired)),
    ]
    client.commit(transaction) { _ in done() }
  }

  static func text(ofDesired nodes: [Principal]) -> [UInt8] {
    Array(([String(nodes.count)] + nodes.map(\.text)).joined(separator: "\n").utf8)
  }
}
