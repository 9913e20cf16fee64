import ClusterTestKit
import HTTPTransport
import ScaledStorage
import WireProtocol

/// Sends each request once, and follows forward responses.
final class TortureSender {
  enum Forward {
    /// The client follows forward responses.
    case follow
    /// Whoever is asked fetches the answer itself.
    case proxy
    /// A forward response is the answer.
    case take
  }

  struct Route {
    var address: SocketAddress
    var forward: Forward
    var patience = Duration.seconds(3)
  }

  /// How the cluster is reached, and what it is shown.
  struct Security {
    var tls: TLSContext?
    var credential: Credential?
    /// The names that certificates must have, where these are no numeric addresses.
    var names: [SocketAddress: String] = [:]
  }

  private let clients: [HTTPClient]
  private let credential: Credential?
  private let begin = MonotonicTime.current()

  private static let mostForwards = 6

  init(loop: EventLoop, connections: Int = 4, security: Security = Security()) {
    credential = security.credential
    var limits = ClientLimits()
    limits.connectTimeout = .seconds(1)
    limits.tellsDeadline = true
    limits.maxBackoff = .milliseconds(200)
    clients = (0..<connections).map { _ in HTTPClient(loop: loop, limits: limits, tls: security.tls)
    }
    for client in clients {
      for (address, name) in security.names { client.expect(name: name, at: address) }
    }
  }

  /// Microseconds since the run began.
  var now: UInt64 { (MonotonicTime.current().nanoseconds - begin.nanoseconds) / 1_000 }

  func send(
    _ command: KeyOperation.Command, key: [UInt8], by route: Route, connection: Int = 0,
    _ completion: @escaping (TortureAnswer) -> Void
  ) {
    attempt(command, key: key, by: route, connection: connection) { result in
      completion(TortureAnswer(result, to: command))
    }
  }

  /// Sends the request and hands the last answer over as it is.
  func attempt(
    _ command: KeyOperation.Command, key: [UInt8], by route: Route, connection: Int = 0,
    _ completion: @escaping HTTPClient.Completion
  ) {
    var request = TortureSender.request(command, key)
    request.headers.append(("ss-forward", route.forward == .proxy ? "proxy" : "return"))
    if let credential { request.headers.append(("authorization", credential.headerValue)) }
    let journey = Journey(
      client: clients[connection % clients.count], forward: route.forward,
      until: .current() + route.patience, completion: completion)
    follow(journey, request, to: route.address, hops: 0)
  }

  private struct Journey {
    let client: HTTPClient
    let forward: Forward
    let until: MonotonicTime
    let completion: HTTPClient.Completion
  }

  private func follow(
    _ journey: Journey, _ request: ClientRequest, to address: SocketAddress, hops: Int
  ) {
    let left = max(journey.until - .current(), .milliseconds(1))
    journey.client.send(request, to: address, deadline: left) { [weak self] result in
      guard let self, journey.forward == .follow, hops < TortureSender.mostForwards,
        case .success(let response) = result, response.status == 307,
        let location = response.header("location"), let place = try? HTTPEndpoint(location),
        let next = SocketAddress(host: place.host, port: place.port)
      else { return journey.completion(result) }
      var request = request
      request.target = place.target
      follow(journey, request, to: next, hops: hops + 1)
    }
  }

  private static func request(
    _ command: KeyOperation.Command, _ key: [UInt8]
  ) -> ClientRequest {
    var request = ClientRequest(target: KeyTarget.path(of: key))
    switch command {
    case .get, .increment: break
    case .put(let value, let ttl, let condition):
      request.method = .put
      request.body = TorturedKey.body(of: value)
      if let ttl { request.target += "?ttl=\(ttl / 1_000)" }
      request.headers = condition.headers
    case .delete(let condition):
      request.method = .delete
      request.headers = condition.headers
    }
    return request
  }
}

extension KeyOperation.Condition {
  fileprivate var headers: [(name: String, value: String)] {
    switch self {
    case .none: []
    case .version(let version): [("if-match", "\"\(version)\"")]
    case .exists: [("if-match", "*")]
    case .missing: [("if-none-match", "*")]
    }
  }
}
