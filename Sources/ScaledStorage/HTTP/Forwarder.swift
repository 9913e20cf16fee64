import Cluster
package import HTTPTransport
package import WireProtocol

/// Fetches the answer for a key from the node that owns it.
///
/// While the owner restarts or the ring changes, it looks the owner up again and repeats what was
/// certainly not done, or does no harm when done twice. The request stays in its exchange for that.
package final class Forwarder {
  private let loop: EventLoop
  private let client: HTTPClient
  package let counts: ForwardCounts
  /// Tells for whom a request is passed on.
  private let access: AccessControl
  private let scanner = KeyScanner()
  /// Where keys live at this moment; nil while nobody knows.
  private let look: () -> RouteTable?
  /// What was seen in this turn of the loop: whoever routes by a map that has just passed is told.
  @exclusivity(unchecked) private var table: RouteTable?
  @exclusivity(unchecked) private var lookedAt = MonotonicTime(nanoseconds: 0)
  @exclusivity(unchecked) private var free: [Unmanaged<Relay>] = []
  /// All relays that were made, so that none outlives its owner.
  private var relays: [Relay] = []

  private static let patience = Duration.seconds(10)
  private static let pause = Duration.milliseconds(20)
  private let rules: RelayRules
  /// Those of requests that have a span: the trace's own fields are the span's to tell.
  private let tracedRules: RelayRules
  private let rootRules: RelayRules
  private static let passedOn: [StaticString] = [
    "accept", "content-type", "if-match", "if-none-match", "x-request-id",
  ]
  private static let passedBack: [StaticString] = [
    "content-type", "etag", "ss-node", "ss-epoch", "ss-error", "retry-after", "cache-control",
    "allow", "accept-encoding", "ss-fuel", "vary", "www-authenticate",
    "x-request-id",
  ]
  /// With one of these, a request has to be read before it is passed on.
  private static let specialFields = FieldNames(["ss-forward", "ss-hops", "content-encoding"])

  /// What a relay routes by when that is not in its request's target.
  private final class RelayedKey {
    let bytes: [UInt8]
    /// The node that was chosen for a call without a key.
    let node: Principal?

    init(_ bytes: [UInt8], node: Principal?) {
      self.bytes = bytes
      self.node = node
    }
  }

  /// - Parameter fields: further header fields that are passed on.
  package init(
    loop: EventLoop, routes: Routes, access: AccessControl, passing fields: [StaticString] = [],
    look: @escaping () -> RouteTable?
  ) {
    let passedOn = Forwarder.passedOn + fields
    let passedBack = FieldNames(Forwarder.passedBack)
    rules = RelayRules(
      passedOn: FieldNames(passedOn + ["traceparent", "tracestate"]), passedBack: passedBack)
    tracedRules = RelayRules(
      passedOn: FieldNames(passedOn + ["tracestate"]), passedBack: passedBack)
    rootRules = RelayRules(passedOn: FieldNames(passedOn), passedBack: passedBack)
    self.loop = loop
    client = routes.client
    counts = routes.counts
    self.access = access
    self.look = look
  }

  deinit {
    for relay in relays { relay.abandon() }
  }

  /// Passes a plain request for `/kv/KEY` on. Returns false, and does nothing, for a request that
  /// has to be read first.
  package func forwardPlain(_ exchange: Exchange) -> Bool {
    switch exchange.method {
    case .get, .head, .put, .delete: break
    default: return false
    }
    guard !exchange.hasField(in: Forwarder.specialFields), let routes,
      let owner = scanner.withKey(of: exchange, { routes.owner(of: $0) })
    else { return false }
    let relay = begin(exchange, hops: 0)
    relay.isSafe = exchange.method == .get || exchange.method == .head
    send(relay, to: owner)
    return true
  }

  /// Sends the exchange's request, which was read, to the key's owner. The exchange's handler
  /// returns `.later`, or has done so.
  /// - Parameter node: where a call without a key goes; nil for the first member.
  /// - Throws: `Problem` 508 for a request that was passed on too often.
  package func forward(
    _ exchange: Exchange, _ keyed: KeyedRequest, to node: Principal? = nil
  ) throws(Problem) {
    guard keyed.hops < KeyedRequest.maximumHops else {
      var problem = Problem(
        508, "too_many_hops",
        "the request was passed on \(keyed.hops) times, so nodes disagree about the key's owner")
      problem.isRetryable = true
      throw problem
    }
    let relay = begin(exchange, hops: keyed.hops)
    relay.isSafe = exchange.method == .get || exchange.method == .head
    if case .call(let call) = keyed.kind, case .get = call.command { relay.isSafe = true }
    relay.context = RelayedKey(keyed.key, node: node)
    attempt(relay)
  }

  private var routes: RouteTable? {
    if lookedAt != loop.now {
      table = look()
      lookedAt = loop.now
    }
    return table
  }

  private func begin(_ exchange: Exchange, hops: Int) -> Relay {
    let relay: Relay
    if let pooled = free.popLast() {
      relay = pooled.takeUnretainedValue()
    } else {
      relay = Relay(rules, owner: self)
      relays.append(relay)
    }
    relay.hops = hops
    relay.rules = exchange.span == nil ? rules : rules(of: exchange)
    let patience = loop.now + Forwarder.patience
    relay.until = exchange.deadline.map { min($0, patience) } ?? patience
    relay.begin(exchange)
    return relay
  }

  private func rules(of exchange: Exchange) -> RelayRules {
    guard let span = Span.of(exchange) else { return rules }
    return span.parent == nil ? rootRules : tracedRules
  }

  // MARK: - Attempts

  private func attempt(_ relay: Relay) {
    guard let exchange = relay.exchange else { return }
    let owner = routes.flatMap { routes -> RouteTable.Owner? in
      if let key = relay.context as? RelayedKey {
        if let node = key.node { return routes.owner(named: node) }
        return key.bytes.isEmpty
          ? routes.first : key.bytes.withUnsafeBytes { routes.owner(of: $0) }
      }
      return scanner.withKey(of: exchange) { routes.owner(of: $0) }
    }
    guard let owner else {
      return retry(
        relay, or: Problem(503, "no_owner", "the owner of the key is not known yet; try again"))
    }
    send(relay, to: owner)
  }

  private func send(_ relay: Relay, to owner: RouteTable.Owner) {
    // A node has no more patience than the proxy has: only what is less needs to be told.
    relay.tellsDeadline = relay.attempts > 0 || relay.exchange?.deadline != nil
    relay.attempts += 1
    owner.count.requests &+= 1
    if let exchange = relay.exchange, exchange.span != nil {
      Span.of(exchange)?.beginHop(to: owner.id.text, at: loop.now)
    }
    if relay.attempts > 1 { counts.repeats &+= 1 }
    client.forward(relay, to: owner.peer)
  }

  private func retry(_ relay: Relay, after pause: Duration = pause, or problem: Problem) {
    guard loop.now + pause < relay.until else { return answer(relay, problem) }
    let generation = relay.generation
    loop.schedule(after: pause) { [weak self] in
      // Who has gone may have asked for something else meanwhile, which this must not undo.
      guard relay.generation == generation else { return }
      self?.attempt(relay)
    }
  }

  private func answer(_ relay: Relay, _ problem: Problem) {
    guard let exchange = relay.exchange else { return }
    Answer(problem, as: .ofProblem(for: exchange)).write(to: exchange)
    relay.finish()
    free.append(Unmanaged.passUnretained(relay))
  }
}

extension Forwarder: RelayOwner {
  package func addFields(_ relay: Relay, to request: RequestEncoder) throws(TransportError) {
    try request.append("ss-forward", value: "proxy")
    if relay.hops == 0 {
      try request.append("ss-hops", value: "1")
    } else {
      try request.append("ss-hops", decimal: relay.hops + 1)
    }
    if let exchange = relay.exchange {
      try access.addFields(access.passing(exchange), to: request)
      if exchange.span != nil, let span = Span.of(exchange) {
        try request.append("traceparent", text: Array(span.hopContext.text.utf8))
      }
    }
    // Reads are answered by whoever has the key, whatever the ring.
    guard !relay.isSafe, let routes else { return }
    try request.append("ss-epoch", text: routes.epochText)
  }

  package func relayAnswered(_ relay: Relay) {
    guard let exchange = relay.exchange else { return }
    if exchange.span != nil { Span.of(exchange)?.endHop(exchange.status, at: loop.now) }
    if exchange.status == 409, Forwarder.tellsStaleEpoch(exchange) {
      exchange.resetAnswer()
      return retry(relay, or: Problem(503, "ring_changing", "the ring changes; try again"))
    }
    relay.finish()
    free.append(Unmanaged.passUnretained(relay))
  }

  private static func tellsStaleEpoch(_ exchange: Exchange) -> Bool {
    exchange.withAnswerField("ss-error") { value in
      value.elementsEqual(ClusterError.Code.staleEpoch.rawValue.utf8)
    } ?? false
  }

  package func relayFailed(_ relay: Relay, _ error: TransportError) {
    guard let exchange = relay.exchange else { return }
    if exchange.span != nil { Span.of(exchange)?.endHop(0, at: loop.now) }
    let mayRepeat = relay.isSafe || error.isRetryable
    counts.failed(error.code.rawValue)
    switch error.code {
    case .timedOut:
      answer(relay, Forwarder.timeUp(error, isDoubtful: !mayRepeat))
    case .overloaded:
      // Waiting for a place in the queue would only make the queue longer.
      answer(relay, Problem(503, "overloaded", error.message))
    case .invalidRequest:
      answer(relay, Problem(400, "bad_header", error.message))
    default:
      var problem = Problem(
        502, "node_unreachable",
        "the node that owns the key did not answer: \(error.message)"
          + (mayRepeat ? "" : "; whether it acted is not known"))
      problem.isRetryable = mayRepeat
      guard mayRepeat, !Forwarder.isPermanent(error) else { return answer(relay, problem) }
      // A peer that goes away has said so: another connection, or another peer, is there already.
      let isFirst = relay.attempts == 1 && error.code == .goAway
      retry(relay, after: isFirst ? .zero : Forwarder.pause, or: problem)
    }
  }

  private static func timeUp(_ error: TransportError, isDoubtful: Bool) -> Problem {
    guard isDoubtful else {
      var problem = Problem(504, "deadline_exceeded", "the time is up: \(error.message)")
      problem.isRetryable = true
      return problem
    }
    return Problem(
      504, ClusterError.Code.outcomeUnknown.rawValue,
      "\(error.message); whether the node acted is not known, so read the key before writing again")
  }

  /// Whether another attempt would fail as well.
  private static func isPermanent(_ error: TransportError) -> Bool {
    switch error.code {
    case .tooLarge, .protocolViolation, .invalidAddress, .tls: true
    default: false
    }
  }

  package func relayEnded(_ relay: Relay) {
    free.append(Unmanaged.passUnretained(relay))
  }
}
