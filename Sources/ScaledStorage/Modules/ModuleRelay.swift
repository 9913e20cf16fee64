package import Cluster
import HTTPTransport
package import WireProtocol

/// Passes what a node gets of a module on to the gateway, which knows the whole cluster.
package struct ModuleRelay {
  private let peers: PeerClient

  package init(peers: PeerClient) {
    self.peers = peers
  }

  /// Where a chunk belongs that came to a node with this map; nil: it is for the node itself, since
  /// the coordinator sent it or there is none.
  package static func gateway(for args: WasmInitArgs, map: ClusterMap?) -> String? {
    args.distribute == false ? nil : map?.coordinator
  }

  /// Passes a chunk on as it is, and hands the gateway's answer back. `completion` is called once.
  package func pass(
    _ args: WasmInitArgs, to gateway: String,
    _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    peers.relay(args, to: gateway) { result in
      switch result {
      case .success(let response) where response.status == 200:
        completion(.success(()))
      case .success(let response):
        completion(.failure(Problem(answer: response)))
      case .failure(let error):
        var problem = Problem(
          error.code == .timedOut ? 504 : 502, "gateway_unreachable",
          "the gateway at \(gateway) did not answer: \(error.message)")
        problem.isRetryable = error.isRetryable
        completion(.failure(problem))
      }
    }
  }
}
