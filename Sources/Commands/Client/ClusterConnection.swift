import HTTPTransport
import ScaledStorage
import WireProtocol

/// How commands talk to a cluster: it follows forward responses and repeats what may be repeated,
/// until its time is up.
///
/// It belongs to one loop's thread. Completions run on the loop, never inside `send`.
final class ClusterConnection {
  typealias Completion = (Result<ClusterReply, CommandFailure>) -> Void

  let loop: EventLoop
  let endpoint: HTTPEndpoint
  /// The address of `endpoint`.
  let origin: SocketAddress
  private let client: HTTPClient
  private let timeout: Duration
  private let connectPatience: Duration
  private let credential: Credential?
  /// The addresses that forward responses named, by their text.
  private var addresses: [String: SocketAddress] = [:]

  static let maximumForwards = 8
  private static let shortestPause = Duration.milliseconds(10)
  private static let longestPause = Duration.milliseconds(500)
  private static let maximumAddresses = 4_096

  /// - Parameter tls: what nodes are reached with; nil speaks plain text.
  /// - Throws: `TransportError` when the endpoint's name cannot be resolved.
  init(
    loop: EventLoop, endpoint: HTTPEndpoint, tls: TLSContext? = nil, timeout: Duration,
    connectPatience: Duration,
    credential: Credential? = nil, limits: ClientLimits = ClientLimits()
  ) throws(TransportError) {
    self.loop = loop
    self.endpoint = endpoint
    self.timeout = timeout
    self.connectPatience = connectPatience
    self.credential = credential
    origin = try endpoint.resolve()
    var limits = limits
    limits.tellsDeadline = true
    client = HTTPClient(loop: loop, limits: limits, tls: tls)
    client.expect(name: endpoint.host, at: origin)
  }

  /// One request with its repetitions and forwards.
  private final class Journey {
    let request: ClusterRequest
    let start: SocketAddress
    let startTarget: String
    let begin: MonotonicTime
    let completion: Completion
    var address: SocketAddress
    var target: String
    var hops = 0
    var pause = ClusterConnection.shortestPause
    var isUncertain = false

    init(
      _ request: ClusterRequest, from start: SocketAddress, target: String,
      completion: @escaping Completion
    ) {
      self.request = request
      self.start = start
      startTarget = target
      begin = .current()
      self.completion = completion
      address = start
      self.target = target
    }
  }

  /// Sends a request to the gateway, or to the node at `node`.
  func send(
    _ request: ClusterRequest, to node: SocketAddress? = nil, _ completion: @escaping Completion
  ) {
    let target = node == nil ? endpoint.target(for: request.target) : request.target
    attempt(Journey(request, from: node ?? origin, target: target, completion: completion))
  }

  func shutdown() {
    client.shutdown()
  }

  // MARK: - Attempts

  private func remaining(_ journey: Journey) -> Duration {
    timeout - (MonotonicTime.current() - journey.begin)
  }

  private func attempt(_ journey: Journey) {
    var headers = journey.request.headers
    // The credential is for whom the user named, not for whom an answer names.
    if let credential, journey.hops == 0 {
      headers.append(("authorization", credential.headerValue))
    }
    let request = ClientRequest(
      method: journey.request.method, target: journey.target, headers: headers,
      body: journey.request.body)
    let deadline = max(remaining(journey), .milliseconds(1))
    client.send(request, to: journey.address, deadline: deadline) { [self] result in
      switch result {
      case .success(let response): take(response, journey)
      case .failure(let error): take(error, journey)
      }
    }
  }

  private func take(_ response: ClientResponse, _ journey: Journey) {
    switch response.status {
    case 307:
      follow(response, journey)
    case 429, 503:
      let reply = ClusterReply(response: response, isUncertain: journey.isUncertain)
      // Overload can come after a write was taken; the server knows whether it did.
      guard let seconds = response.header("retry-after").flatMap(Int64.init), seconds >= 0,
        journey.request.isRepeatable || reply.problem.isRetryable
      else { return journey.completion(.success(reply)) }
      repeatLater(journey, after: .seconds(min(seconds, 86_400)), or: .success(reply))
    default:
      journey.completion(
        .success(ClusterReply(response: response, isUncertain: journey.isUncertain)))
    }
  }

  private func take(_ error: TransportError, _ journey: Journey) {
    let failure = CommandFailure(
      "\(journey.request.method) \(journey.target) was not answered by \(journey.address): "
        + error.message + hint(error))
    let isAtOrigin = journey.address == origin && journey.hops == 0
    switch error.code {
    case .invalidRequest, .invalidAddress, .tooLarge, .cancelled, .protocolViolation, .tls, .system:
      journey.completion(.failure(failure))
    case .connectFailed, .refused:
      let waited = MonotonicTime.current() - journey.begin
      guard error.isRetryable, !isAtOrigin || waited < connectPatience else {
        return journey.completion(.failure(failure))
      }
      repeatLater(journey, after: nil, or: .failure(failure))
    case .timedOut, .connectionClosed, .goAway, .streamReset, .overloaded:
      guard error.isRetryable || journey.request.isRepeatable else {
        return journey.completion(
          .failure(CommandFailure(failure.message + "; whether it was done is not known")))
      }
      if !error.isRetryable { journey.isUncertain = true }
      repeatLater(journey, after: nil, or: .failure(failure))
    }
  }

  /// What to do about a certificate that nobody known has signed.
  private func hint(_ error: TransportError) -> String {
    guard error.code == .tls, client.tls?.files.authorities == nil else { return "" }
    return "; --tls-ca names the file of the cluster's authority, unless the system trusts it"
  }

  /// Starts again from where the request was sent first, unless the time is up: then `outcome`
  /// stands.
  private func repeatLater(
    _ journey: Journey, after delay: Duration?, or outcome: Result<ClusterReply, CommandFailure>
  ) {
    let pause = delay ?? journey.pause
    guard pause < remaining(journey) else { return journey.completion(outcome) }
    journey.pause = min(journey.pause * 2, ClusterConnection.longestPause)
    journey.hops = 0
    journey.address = journey.start
    journey.target = journey.startTarget
    loop.schedule(after: pause) { [self] in attempt(journey) }
  }

  // MARK: - Forward responses

  private func follow(_ response: ClientResponse, _ journey: Journey) {
    guard let location = response.header("location"), let place = place(location, journey) else {
      return journey.completion(
        .failure(
          CommandFailure("\(journey.address) forwards without a location that can be used")))
    }
    guard journey.hops < ClusterConnection.maximumForwards else {
      return journey.completion(
        .failure(
          CommandFailure(
            "the request was forwarded \(journey.hops) times: the nodes do not agree about the "
              + "key's owner; try again when \"scaled-storage ring\" shows a settled ring")))
    }
    journey.hops += 1
    journey.address = place.address
    journey.target = place.target
    attempt(journey)
  }

  private func place(
    _ location: String, _ journey: Journey
  ) -> (address: SocketAddress, target: String)? {
    if location.hasPrefix("/") { return (journey.address, location) }
    // From TLS nobody is led into plain text.
    let scheme = endpoint.isSecure ? "https://" : "http://"
    guard location.utf8.starts(with: scheme.utf8) else { return nil }
    let rest = location.utf8.dropFirst(scheme.utf8.count)
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")),
      let authority = String(rest[..<slash]), let target = String(rest[slash...])
    else { return nil }
    if let known = addresses[authority] { return (known, target) }
    guard let endpoint = try? HTTPEndpoint(scheme + authority),
      let address = try? endpoint.resolve()
    else { return nil }
    if address != origin { client.expect(name: endpoint.host, at: address) }
    if addresses.count >= ClusterConnection.maximumAddresses { addresses = [:] }
    addresses[authority] = address
    return (address, target)
  }
}
