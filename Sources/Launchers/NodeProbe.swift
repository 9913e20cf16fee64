import Cluster
import HTTPTransport
import ScaledStorage

/// Asks instances whether they answer, and as whom.
final class NodeProbe {
  private let client: HTTPClient

  private static let deadline = Duration.seconds(2)

  init(loop: EventLoop, tls: TLSContext?) {
    client = HTTPClient(loop: loop, tls: tls)
  }

  /// What a node tells of itself at an address; fails with code `.conflict` when what answers is
  /// none.
  func ask(
    at address: String, _ completion: @escaping (Result<NodeInfo, ClusterError>) -> Void
  ) {
    guard let place = try? SocketAddress(address) else {
      let error = ClusterError(.malformed, "\(address) is no address")
      client.loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    let request = ClientRequest(
      method: .get, target: "/node_info", headers: [("accept", "application/candid")])
    client.send(request, to: place, deadline: NodeProbe.deadline) { result in
      switch result {
      case .failure(let error): completion(.failure(ClusterError(.overloaded, error.message)))
      case .success(let response):
        guard let info = NodeInfo.read(candid: response.body) else {
          let text = "what answers at \(address) is no node of this version"
          return completion(.failure(ClusterError(.conflict, text)))
        }
        completion(.success(info))
      }
    }
  }

  func shutdown() { client.shutdown() }
}
