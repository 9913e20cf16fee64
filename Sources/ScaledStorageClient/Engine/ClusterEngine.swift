package import HTTPTransport
package import WireProtocol

/// How programs talk to a cluster: it finds a key's owner, follows forward responses and repeats
/// what may be repeated, until the time is up.
///
/// It belongs to one loop's thread. Completions run on the loop, never inside `send`.
package final class ClusterEngine {
  package typealias Completion = (Result<ClusterReply, ClientError>) -> Void

  /// Where requests for keys go.
  package enum Routing: Sendable {
    /// To the server that was named, and from there wherever it forwards.
    case following
    /// To the key's owner, as far as that is known.
    case direct
    /// To the gateway, which passes them on.
    case gateway
  }

  package struct Settings {
    package var endpoint: HTTPEndpoint
    package var routing = Routing.following
    /// What nodes are reached with; nil speaks plain text.
    package var tls: TLSContext?
    package var timeout = Duration.seconds(30)
    /// How long a server that was named and refuses connections is tried again.
    package var connectPatience = Duration.seconds(30)
    /// For the cluster's methods when requests follow, else for what the ring tells.
    package var credential: Credential?
    /// What tells the cluster who asks, for the gateway and for nodes.
    package var token: Credential?
    /// Of every request.
    package var headers: [(name: String, value: String)] = []
    package var maximumOutstanding = 65_536
    package var limits = ClientLimits()

    package init(endpoint: HTTPEndpoint) {
      self.endpoint = endpoint
    }
  }

  package let loop: EventLoop
  package let settings: Settings
  /// The address of the endpoint.
  package internal(set) var origin: SocketAddress
  let client: HTTPClient
  let counters: ClientCounters
  let book: AddressBook
  let owners = OwnerTable()
  /// Whether the endpoint has a path of its own, below which everything lies.
  private let hasBase: Bool
  var ring: RingWatch
  /// Whether the gateway forwards unless it is asked to pass requests on.
  private var mustAskForProxy = false
  @exclusivity(unchecked) private var journeys: [Journey?] = []
  @exclusivity(unchecked) private var freeSlots: [Int32] = []
  @exclusivity(unchecked) private var underWay = 0
  private(set) var isShutDown = false

  package static let maximumForwards = 8

  /// - Throws: `TransportError` when the endpoint's name cannot be resolved.
  package convenience init(loop: EventLoop, _ settings: Settings) throws(TransportError) {
    self.init(
      loop: loop, settings, origin: try settings.endpoint.resolve(), counters: ClientCounters())
  }

  init(loop: EventLoop, _ settings: Settings, origin: SocketAddress, counters: ClientCounters) {
    self.loop = loop
    self.settings = settings
    self.origin = origin
    self.counters = counters
    var limits = settings.limits
    limits.tellsDeadline = true
    client = HTTPClient(loop: loop, limits: limits, tls: settings.tls)
    client.expect(name: settings.endpoint.host, at: origin)
    book = AddressBook(loop: loop)
    hasBase = settings.endpoint.target != "/"
    ring = RingWatch(isNeeded: settings.routing == .direct)
  }

  /// Sends a request to whom it is for, or to the node at `node`.
  /// - Parameter timeout: the time for it with all its attempts; nil for the usual one.
  @discardableResult
  package func send(
    _ request: ClusterRequest, to node: SocketAddress? = nil, timeout: Duration? = nil,
    _ completion: @escaping Completion
  ) -> Journey {
    let journey = Journey(
      request, from: node, origin: origin, timeout: timeout ?? settings.timeout,
      completion: completion)
    counters.requests.add()
    guard !isShutDown, underWay < settings.maximumOutstanding else {
      let error =
        isShutDown
        ? .shutDown
        : ClientError(
          .overloaded,
          "\(settings.maximumOutstanding) requests are under way already; send fewer at once",
          isRetryable: true)
      loop.schedule(after: .zero) { [counters] in
        counters.failures.add()
        completion(.failure(error))
      }
      return journey
    }
    enter(journey)
    if ring.isNeeded, node == nil { lookAtRing(for: journey) } else { attempt(journey) }
    return journey
  }

  /// Takes a request back: it fails at once with `.cancelled`. Does nothing when it has ended.
  package func cancel(_ journey: Journey) {
    guard journey.slot != nil else { return }
    var error = ClientError(.cancelled, "the request was cancelled")
    error.isOutcomeUnknown =
      !journey.request.isRead && (journey.isUncertain || journey.sent != nil)
    let sent = journey.sent
    end(journey, .failure(error))
    if let sent { client.cancel(sent) }
  }

  /// Fails what is under way and closes all connections; what is sent later fails likewise.
  package func shutdown() {
    guard !isShutDown else { return }
    isShutDown = true
    for journey in journeys.compactMap({ $0 }) {
      var error = ClientError.shutDown
      error.isOutcomeUnknown =
        !journey.request.isRead && (journey.isUncertain || journey.sent != nil)
      end(journey, .failure(error))
    }
    client.shutdown()
  }

  // MARK: - Those under way

  private func enter(_ journey: Journey) {
    underWay += 1
    if let slot = freeSlots.popLast() {
      journeys[Int(slot)] = journey
      journey.slot = slot
    } else {
      journey.slot = Int32(journeys.count)
      journeys.append(journey)
    }
  }

  func end(_ journey: Journey, _ result: Result<ClusterReply, ClientError>) {
    guard let slot = journey.slot else { return }
    journey.slot = nil
    journeys[Int(slot)] = nil
    freeSlots.append(slot)
    underWay -= 1
    if let timer = journey.timer { loop.cancel(timer) }
    journey.timer = nil
    journey.sent = nil
    switch result {
    case .success(let reply):
      if !reply.isSuccess { counters.failures.add() }
      journey.completion(result)
    case .failure(var error):
      counters.failures.add()
      error.isOutcomeUnknown = error.isOutcomeUnknown || journey.isUncertain
      journey.completion(.failure(error))
    }
  }

  // MARK: - Attempts

  func attempt(_ journey: Journey) {
    aim(journey)
    depart(journey)
  }

  /// Decides where the request goes first.
  private func aim(_ journey: Journey) {
    journey.hops = 0
    journey.node = nil
    journey.target = journey.request.target
    if let start = journey.start {
      journey.address = start
      return
    }
    if settings.routing == .direct, !journey.asksGateway, let key = journey.request.key,
      let owner = owners.owner(of: key), owner.isUsable(at: loop.now), let address = owner.address
    {
      journey.node = owner
      journey.address = address
      return
    }
    journey.asksGateway = false
    journey.address = origin
    if hasBase { journey.target = settings.endpoint.target(for: journey.request.target) }
  }

  /// Sends it where it was aimed at.
  private func depart(_ journey: Journey) {
    counters.attempts.add()
    let deadline = max(journey.remaining, .milliseconds(1))
    journey.sent = client.send(message(journey), to: journey.address, deadline: deadline) {
      [weak self] result in
      guard journey.slot != nil else { return }
      journey.sent = nil
      switch result {
      case .success(let response): self?.take(response, journey)
      case .failure(let error): self?.take(error, journey)
      }
    }
  }

  private func message(_ journey: Journey) -> ClientRequest {
    var request = ClientRequest(
      method: journey.request.method, target: journey.target, headers: journey.request.headers,
      body: journey.request.body)
    if !settings.headers.isEmpty { request.headers += settings.headers }
    // The credential is for whom the user named, not for whom an answer names.
    if let credential = settings.credential, settings.routing == .following, journey.hops == 0 {
      request.headers.append(("authorization", credential.headerValue))
    } else if let token = settings.token {
      request.headers.append(("authorization", token.headerValue))
    }
    switch settings.routing {
    case .gateway:
      journey.asksForProxy = mustAskForProxy
      if mustAskForProxy { request.headers.append(("ss-forward", "proxy")) }
    case .following, .direct: break
    }
    return request
  }

  // MARK: - Answers

  private func take(_ response: ClientResponse, _ journey: Journey) {
    if settings.routing == .direct { notice(response, journey) }
    let rule = AnswerRule.decide(response, isRepeatable: journey.request.isRepeatable)
    switch rule {
    case .stands: end(journey, .success(reply(response, journey)))
    case .follow: follow(response, journey)
    case .again(let pause):
      repeatLater(journey, after: pause, or: .success(reply(response, journey)))
    case .againInDoubt:
      journey.isUncertain = !journey.request.isRead
      let pause = response.header("retry-after").flatMap(Int64.init) ?? 0
      repeatLater(
        journey, after: .seconds(min(max(pause, 0), 86_400)),
        or: .success(reply(response, journey)))
    }
  }

  private func reply(_ response: ClientResponse, _ journey: Journey) -> ClusterReply {
    ClusterReply(response: response, isUncertain: journey.isUncertain)
  }

  private func take(_ error: TransportError, _ journey: Journey) {
    var failure = ClientError(
      error,
      message: "\(journey.request.method) \(journey.target) was not answered by "
        + "\(journey.address): \(error.message)\(hint(error))")
    let isAtOrigin = journey.address == origin && journey.hops == 0
    if error.code == .connectFailed { unreachable(journey, isAtOrigin: isAtOrigin) }
    let rule = AnswerRule.decide(error, isRepeatable: journey.request.isRepeatable)
    if !error.isRetryable, rule != .stands || !AnswerRule.isCertain(error) {
      journey.isUncertain = !journey.request.isRead
    }
    let mayHelp = error.isRetryable || journey.request.isRead && rule != .stands
    failure.isRetryable = mayHelp && !journey.isUncertain
    let isRefused = error.code == .connectFailed || error.code == .refused
    let waited = MonotonicTime.current() - journey.begin
    switch rule {
    case .again, .againInDoubt:
      if isRefused, isAtOrigin, waited >= settings.connectPatience {
        return end(journey, .failure(failure))
      }
      // Whoever goes away has said so: another connection is there already.
      let isFirst = error.code == .goAway && !journey.hasBeenGoneFrom
      journey.hasBeenGoneFrom = journey.hasBeenGoneFrom || isFirst
      journey.asksGateway = journey.node != nil && !isFirst && error.code != .overloaded
      repeatLater(journey, after: isFirst ? .zero : nil, or: .failure(failure), atOnce: isFirst)
    case .stands, .follow:
      end(journey, .failure(failure))
    }
  }

  private func unreachable(_ journey: Journey, isAtOrigin: Bool) {
    if isAtOrigin { return renewOrigin() }
    journey.node?.failed(at: loop.now)
    // It may have moved.
    if settings.routing == .direct { refresh() }
  }

  /// What to do about a certificate that nobody known has signed.
  private func hint(_ error: TransportError) -> String {
    guard error.code == .tls, client.tls?.files.authorities == nil else { return "" }
    return "; name the file of the cluster's authority (for commands: --tls-ca), "
      + "unless the system trusts it"
  }

  /// Starts again from the beginning, unless the time is up: then `outcome` stands.
  private func repeatLater(
    _ journey: Journey, after delay: Duration?, or outcome: Result<ClusterReply, ClientError>,
    atOnce: Bool = false
  ) {
    let pause = atOnce ? .zero : max(delay ?? .zero, journey.backoff.next())
    guard pause < journey.remaining else { return end(journey, outcome) }
    counters.retries.add()
    journey.timer = loop.schedule(after: pause) { [weak self] in
      journey.timer = nil
      self?.attempt(journey)
    }
  }

  // MARK: - Forward responses

  private func follow(_ response: ClientResponse, _ journey: Journey) {
    if settings.routing == .gateway, !journey.asksForProxy {
      // Asked to, it passes requests on; from now on it is asked at once, whatever the request: a
      // service may find keys where this client sees none.
      mustAskForProxy = true
      return attempt(journey)
    }
    guard journey.hops < ClusterEngine.maximumForwards else {
      let error = ClientError(
        .unreachable,
        "the request was forwarded \(journey.hops) times: the nodes do not agree about the "
          + "key's owner; try again when \"scaled-storage ring\" shows a settled ring",
        isRetryable: !journey.isUncertain)
      return end(journey, .failure(error))
    }
    journey.hops += 1
    counters.extraHops.add()
    guard let place = Location(response.header("location"), isSecure: settings.endpoint.isSecure)
    else {
      let error = ClientError(
        .badAnswer, "\(journey.address) forwards without a location that can be used")
      return end(journey, .failure(error))
    }
    journey.target = place.target
    guard let authority = place.authority else { return depart(journey) }
    let owner = settings.routing == .direct ? response.headers.firstBytes("ss-node") : nil
    book.find(authority) { [weak self] address in
      guard let self, journey.slot != nil else { return }
      guard let address else {
        let error = ClientError(
          .unreachable, "a forward response names \(authority), which has no address",
          isRetryable: !journey.isUncertain)
        return repeatLater(journey, after: nil, or: .failure(error))
      }
      expect(authority, at: address)
      journey.address = address
      journey.node = owner.map { owner in
        let node = self.owners.node(named: owner)
        // It may have been started again, elsewhere.
        node.address = address
        return node
      }
      depart(journey)
    }
  }

  /// The host's name is what a certificate there must have.
  func expect(_ authority: String, at address: SocketAddress) {
    guard settings.tls != nil, address != origin,
      let endpoint = try? HTTPEndpoint("https://" + authority)
    else { return }
    client.expect(name: endpoint.host, at: address)
  }
}

/// Where a forward response leads.
struct Location {
  /// `host:port`; nil stays where it is.
  let authority: String?
  let target: String

  /// - Parameter isSecure: whether TLS is spoken: from there nobody is led into plain text.
  init?(_ text: String?, isSecure: Bool) {
    guard let text else { return nil }
    if text.hasPrefix("/") {
      authority = nil
      target = text
      return
    }
    let scheme = isSecure ? "https://" : "http://"
    guard text.utf8.starts(with: scheme.utf8) else { return nil }
    let rest = text.utf8.dropFirst(scheme.utf8.count)
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")),
      let place = String(rest[..<slash]), let path = String(rest[slash...]),
      let endpoint = try? HTTPEndpoint(scheme + place)
    else { return nil }
    authority = endpoint.authority
    target = path
  }
}
