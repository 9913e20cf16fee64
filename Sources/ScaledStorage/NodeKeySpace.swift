import Candid
import Cluster
import HTTPTransport
import WireProtocol

/// The keys of the cluster as the methods and hooks of a node reach them.
final class NodeKeySpace: KeySpace, @unchecked Sendable {
  // Unchecked: all but `loop` and the limit is used on the loop's thread only.
  private let loop: EventLoop
  private let live: Node
  private let client: HTTPClient
  private let passedFields: [StaticString]
  let maximumValueBytes: Int

  /// How long another node may take for an answer.
  private static let patience = Duration.seconds(10)

  init(
    _ node: Node, client: HTTPClient, passedFields: [StaticString], maximumValueBytes: Int
  ) {
    loop = node.loop
    live = node
    self.client = client
    self.passedFields = passedFields
    self.maximumValueBytes = maximumValueBytes
  }

  var now: UInt64 { live.now.wall }
  var node: Principal { live.id ?? .anonymous }
  var members: [Principal] { live.map?.members ?? [] }

  func execute(
    _ command: @escaping @Sendable () -> KeyCommand, key: [UInt8],
    _ completion: @escaping @Sendable (KeyReply) -> Void
  ) {
    guard loop.isCurrent else {
      loop.mailbox.post { [self] in execute(command, key: key, completion) }
      return
    }
    live.execute(command(), key: key) { completion($0) }
  }

  func call(
    _ method: String, _ arguments: [UInt8], at node: Principal, as request: CallRequest,
    _ completion: @escaping @Sendable (Result<[UInt8], CallError>) -> Void
  ) {
    guard loop.isCurrent else {
      loop.mailbox.post { [self] in
        call(method, arguments, at: node, as: request, completion)
      }
      return
    }
    guard let text = live.map?.addresses[node], let address = try? SocketAddress(text) else {
      return completion(
        .failure(CallError.unavailable("\(node.text) is no member of the ring, or not running")))
    }
    var headers = [
      ("content-type", "application/candid"), ("accept", "application/candid"),
      ("ss-forward", "proxy"), ("ss-hops", "1"),
    ]
    for field in passedFields {
      let name = "\(field)"
      if let value = request.header(name) { headers.append((name, value)) }
    }
    let message = ClientRequest(
      method: .post, target: "/" + method, headers: headers, body: arguments)
    client.send(message, to: address, deadline: NodeKeySpace.patience) { result in
      completion(NodeKeySpace.outcome(result, node, method))
    }
  }

  private static func outcome(
    _ result: Result<ClientResponse, TransportError>, _ node: Principal, _ method: String
  ) -> Result<[UInt8], CallError> {
    switch result {
    case .success(let response) where response.status == 200: return .success(response.body)
    case .success(let response):
      let problem = Problem(answer: response)
      return .failure(CallError(problem))
    case .failure(let error):
      return .failure(
        CallError(
          status: 502, code: "unreachable",
          "\(node.text) did not answer \(method): \(error.message)"
            + (error.isRetryable ? "" : "; whether it was carried out is not known"),
          isRetryable: error.isRetryable))
    }
  }
}
