import Candid
import Cluster
import HTTPTransport
import WireProtocol

/// The keys of the cluster as the methods and hooks of a node reach them.
final class NodeKeySpace: KeySpace, @unchecked Sendable {
  // Unchecked: what is not constant is used on the loop's thread only.
  private let loop: EventLoop
  private let live: Node
  private let client: HTTPClient
  private let access: AccessControl
  private let application: Application
  let maximumValueBytes: Int

  /// How long another node may take for an answer.
  private static let patience = Duration.seconds(10)

  init(
    _ node: Node, client: HTTPClient, access: AccessControl, application: Application,
    maximumValueBytes: Int
  ) {
    loop = node.loop
    live = node
    self.client = client
    self.access = access
    self.application = application
    self.maximumValueBytes = maximumValueBytes
  }

  func isQuery(_ method: String) -> Bool { application.methods[method]?.isQuery ?? false }

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
    headers: [(name: String, value: String)],
    _ completion: @escaping @Sendable (Result<[UInt8], CallError>) -> Void
  ) {
    guard loop.isCurrent else {
      loop.mailbox.post { [self] in
        call(method, arguments, at: node, as: request, headers: headers, completion)
      }
      return
    }
    guard let text = live.map?.addresses[node], let address = try? SocketAddress(text) else {
      return completion(
        .failure(CallError.unavailable("\(node.text) is no member of the ring, or not running")))
    }
    let hops = request.header("ss-hops").flatMap { UInt64(decimal: $0) } ?? 0
    guard hops < UInt64(KeyedRequest.maximumHops) else {
      return completion(
        .failure(
          CallError(
            status: 508, code: "too_many_hops", "the call was passed on \(hops) times already")))
    }
    let remaining = request.deadline.map { $0 - MonotonicTime.current() }
    guard remaining ?? .seconds(1) > .zero else {
      return completion(
        .failure(CallError(ClusterError(.deadlineExceeded, "the caller's time is up"))))
    }
    let message = ClientRequest(
      method: .post, target: "/" + method, headers: fields(request, headers, hops: hops + 1),
      body: arguments)
    let patience = min(remaining ?? NodeKeySpace.patience, NodeKeySpace.patience)
    client.send(message, to: address, deadline: patience) { result in
      completion(NodeKeySpace.outcome(result, node, method))
    }
  }

  private func fields(
    _ request: CallRequest, _ further: [(name: String, value: String)], hops: UInt64
  ) -> [(name: String, value: String)] {
    var fields = [
      ("content-type", "application/candid"), ("accept", "application/candid"),
      ("ss-forward", "proxy"), ("ss-hops", String(hops)),
    ]
    if !access.isOpen {
      fields += access.fields(for: request.sender ?? .service)
    }
    for (name, value) in further where !fields.contains(where: { $0.0 == name }) {
      // The cluster's own are not the service's to set: they say who calls.
      if !name.lowercased().hasPrefix("ss-") { fields.append((name, value)) }
    }
    for field in application.passedFields {
      let name = "\(field)"
      if let value = request.header(name), !fields.contains(where: { $0.0 == name }) {
        fields.append((name, value))
      }
    }
    return fields
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
