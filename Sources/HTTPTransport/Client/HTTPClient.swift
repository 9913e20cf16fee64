/// An HTTP/2 client, over TLS with ALPN or in clear text with prior knowledge (RFC 9113 sections
/// 3.2 and 3.3): pooled per address and multiplexed. It belongs to its loop's thread.
///
/// Requests are grouped: those sent in one turn of the loop are written together at its end.
/// Completions run on the loop, exactly once each, and never inside a call of the client. Dropping
/// the client cancels what is outstanding.
public final class HTTPClient: TurnFlushable {
  public typealias Completion = (Result<ClientResponse, TransportError>) -> Void

  public let loop: EventLoop
  /// The limits given, each within its range.
  public let limits: ClientLimits
  /// What connections are encrypted with; nil speaks plain text.
  public let tls: TLSContext?
  /// The names that certificates must have, where these are not the numeric addresses.
  private var names: [SocketAddress: String] = [:]
  let greeting: Greeting?

  /// Tells the fields that the first requests of each connection carry.
  public typealias Greeting = () -> [(name: String, value: String)]
  let table: ExchangeTable
  let encoder: RequestEncoder

  private(set) var peers: [SocketAddress: ClientPeer] = [:]
  /// Most clients talk to one peer most of the time: saves the look-up.
  private var lastPeer: ClientPeer?
  @exclusivity(unchecked) private var dirtyPeers: [ClientPeer] = []
  @exclusivity(unchecked) private var dirtyConnections: [ClientConnection] = []
  private var flushRequested = false

  @exclusivity(unchecked) var wheel: DeadlineWheel
  private var deadlineTimer: (id: TimerID, at: UInt64)?
  private var due: [Int32] = []

  private var finished: [Int32] = []
  /// Streams that have something to hand over.
  @exclusivity(unchecked) var fed: [ClientStream] = []
  private var delivering: [Int32] = []
  private var isDelivering = false
  private var isInEvent = false
  private var deliveryScheduled = false
  private var isSweeping = false
  private(set) var isShutDown = false
  /// Timers refer to the client through this: a weak reference would slow down every other one.
  private let anchor = Anchor()

  private final class Anchor {
    unowned(unsafe) var client: HTTPClient?
  }

  /// - Parameters:
  ///   - tls: what connections are encrypted with; nil speaks plain text.
  ///   - greeting: asked for fields that the first requests of each connection carry besides their
  ///     own, such as the credential that makes the peer trust the connection.
  public init(
    loop: EventLoop, limits: ClientLimits = .init(), tls: TLSContext? = nil,
    greeting: Greeting? = nil
  ) {
    self.loop = loop
    self.tls = tls
    self.greeting = greeting
    self.limits = limits.normalized()
    table = ExchangeTable(capacity: self.limits.maxOutstanding)
    encoder = RequestEncoder(
      maxBytes: self.limits.maxRequestHeaderBytes, scheme: tls == nil ? "http" : "https")
    wheel = DeadlineWheel(now: MonotonicTime.current().nanoseconds)
    anchor.client = self
  }

  deinit {
    anchor.client = nil
    // This may run in the midst of the loop's own bookkeeping: closing and completing wait for a
    // letter. When the loop goes away first, the letter's contents are simply released.
    let connections = peers.values.flatMap(\.connections)
    for connection in connections { connection.state = .closed }
    var completions: [(Completion, Result<ClientResponse, TransportError>)] = []
    table.abandonRelays()
    table.drain { completions.append(($0, $1)) }
    guard !connections.isEmpty || !completions.isEmpty else { return }
    let rest = LoopBound((connections, completions), loop: loop)
    loop.mailbox.post {
      let (connections, completions) = rest.value
      for connection in connections { connection.release() }
      for (completion, result) in completions { completion(result) }
    }
  }

  // MARK: Requests

  /// Sends `request` to `address`, over a connection of the pool or a new one.
  ///
  /// `deadline` covers everything: connecting, waiting for a stream, sending and receiving; it is
  /// kept to about 5 milliseconds. Constant time, apart from copying the header fields.
  ///
  /// `completion` is called once on the loop, never inside this call. Its error's `isRetryable` is
  /// true only when the peer certainly did not process the request.
  @discardableResult
  public func send(
    _ request: ClientRequest, to address: SocketAddress, deadline: Duration,
    _ completion: @escaping Completion
  ) -> RequestID {
    guard let exchange = table.take() else { return refuse(completion) }
    exchange.request = request
    exchange.completion = completion
    // Not the loop's own reading, which is stale when the loop does not run yet.
    exchange.deadline =
      MonotonicTime.current().nanoseconds &+ min(deadline.clampedNanoseconds, 1 << 62)
    let id = exchange.id
    guard !isShutDown else {
      finish(exchange, .failure(Self.shutDownError))
      return id
    }
    let peer = peer(at: address)
    guard peer.takes(exchange) else {
      finish(exchange, .failure(queueFull(of: peer)))
      return id
    }
    peer.enqueue(exchange)
    armDeadline(at: wheel.insert(exchange, table: table))
    markDirty(peer)
    return id
  }

  /// Tells the host name that the certificate of the server at `address` must have, from the next
  /// connection on. Without one it must have the numeric address.
  public func expect(name: String, at address: SocketAddress) {
    names[address] = name
    peers[address]?.name = name
  }

  /// Takes a request back: it completes with `.cancelled`. Does nothing when it completed already.
  public func cancel(_ id: RequestID) {
    guard let exchange = table.find(id), exchange.state != .finished else { return }
    exchange.stream?.isOver = true
    abort(exchange, TransportError(.cancelled, "the caller cancelled the request"))
  }

  /// Fails what is outstanding with `.cancelled` and closes all connections; requests sent later
  /// fail likewise.
  public func shutdown() {
    guard !isShutDown else { return }
    isShutDown = true
    for slot in table.outstanding() {
      guard let exchange = table[slot] else { continue }
      finish(exchange, .failure(Self.shutDownError))
    }
    for peer in peers.values { peer.closeAll() }
    peers = [:]
    lastPeer = nil
  }

  /// Whether a completion, or an event of a connection, is being handled.
  var isBusy: Bool { isInEvent || isDelivering }

  /// Requests that have not completed.
  public var outstanding: Int { table.count }

  static let shutDownError = TransportError(.cancelled, "the client was shut down")

  /// The table is full, so that the completion has to be kept by the loop.
  private func refuse(_ completion: @escaping Completion) -> RequestID {
    let error = full
    loop.schedule(after: .zero) { completion(.failure(error)) }
    return RequestID(slot: -1, generation: 0)
  }

  var full: TransportError {
    TransportError(
      .overloaded, "\(limits.maxOutstanding) requests are outstanding already; send fewer at once",
      isRetryable: true)
  }

  func queueFull(of peer: ClientPeer) -> TransportError {
    TransportError(
      .overloaded,
      "\(limits.maxWaitingPerPeer) requests, or \(limits.maxWaitingBytesPerPeer) bytes of them,"
        + " wait for \(peer.address) already; send fewer at once", isRetryable: true)
  }

  func peer(at address: SocketAddress) -> ClientPeer {
    if let lastPeer, lastPeer.address == address { return lastPeer }
    let peer: ClientPeer
    if let known = peers[address] {
      peer = known
    } else {
      peer = ClientPeer(address: address, client: self)
      peer.name = names[address]
      peers[address] = peer
    }
    lastPeer = peer
    return peer
  }

  private func abort(_ exchange: ClientExchange, _ error: TransportError) {
    let connection = exchange.connection
    let stream = exchange.streamID
    let wasSent = exchange.headersSent
    finish(exchange, .failure(error))
    connection?.reset(stream: stream, wasSent: wasSent)
  }

  // MARK: Grouping a turn's work

  func markDirty(_ peer: ClientPeer) {
    guard !peer.isDirty else { return }
    peer.isDirty = true
    dirtyPeers.append(peer)
    requestFlush()
  }

  func markDirty(_ connection: ClientConnection) {
    guard !connection.isDirty else { return }
    connection.isDirty = true
    dirtyConnections.append(connection)
    requestFlush()
  }

  private func requestFlush() {
    guard !flushRequested else { return }
    flushRequested = true
    loop.flushAtEndOfTurn(self)
  }

  /// Runs no completion: those of failures found here come in the next turn.
  func flush() {
    var index = 0
    while index < dirtyPeers.count {
      dirtyPeers[index].pump()
      index += 1
    }
    dirtyPeers.removeAll(keepingCapacity: true)
    index = 0
    while index < dirtyConnections.count {
      dirtyConnections[index].flush()
      index += 1
    }
    dirtyConnections.removeAll(keepingCapacity: true)
    flushRequested = false
    if !dirtyPeers.isEmpty { requestFlush() }
  }

  // MARK: Completing

  /// Notes the result of an exchange and takes it out of every list. The completion is called
  /// when no call of the client or of nghttp2 is on the stack.
  func finish(_ exchange: ClientExchange, _ result: Result<ClientResponse, TransportError>) {
    guard exchange.state != .finished else { return }
    leave(exchange)
    exchange.state = .finished
    exchange.peer = nil
    exchange.result = result
    exchange.body = []
    finished.append(exchange.slot)
    if !isInEvent, !isDelivering { scheduleDelivery() }
  }

  /// Takes an exchange out of every list that it is in.
  private func leave(_ exchange: ClientExchange) {
    switch exchange.state {
    case .waiting: exchange.peer?.removeWaiting(exchange)
    case .open: exchange.connection?.detach(exchange)
    case .finished, .free: break
    }
    wheel.remove(exchange, table: table)
    table.bufferedBytes -= exchange.bodyBytes
    exchange.bodyBytes = 0
  }

  /// Frees an exchange that has nobody to tell.
  func recycle(_ exchange: ClientExchange) {
    leave(exchange)
    table.recycle(exchange)
  }

  func beginEvent() {
    isInEvent = true
  }

  func endEvent() {
    isInEvent = false
    deliver()
  }

  private func scheduleDelivery() {
    guard !deliveryScheduled else { return }
    deliveryScheduled = true
    loop.schedule(after: .zero) { [anchor] in
      guard let client = anchor.client else { return }
      client.deliveryScheduled = false
      client.deliver()
    }
  }

  private func deliver() {
    guard !isDelivering, !finished.isEmpty || !fed.isEmpty else { return }
    isDelivering = true
    if !fed.isEmpty { deliverParts() }
    swap(&finished, &delivering)
    var index = 0
    while index < delivering.count {
      if let exchange = table[delivering[index]], let result = exchange.result {
        let completion = exchange.completion
        let relay = exchange.relay
        table.recycle(exchange)
        completion?(result)
        if case .failure(let error) = result { relay?.failed(error) }
      }
      index += 1
    }
    delivering.removeAll(keepingCapacity: true)
    isDelivering = false
    // What completions finished comes in a turn of its own, so that they cannot keep the loop.
    if !finished.isEmpty { scheduleDelivery() }
  }

  // MARK: Time

  func armDeadline(at instant: UInt64) {
    if let deadlineTimer {
      guard instant < deadlineTimer.at else { return }
      loop.cancel(deadlineTimer.id)
    }
    let delay = MonotonicTime(nanoseconds: instant) - .current()
    let id = loop.schedule(after: delay) { [anchor] in
      anchor.client?.deadlinePassed()
    }
    deadlineTimer = (id, instant)
  }

  private func deadlinePassed() {
    deadlineTimer = nil
    wheel.advance(to: loop.now.nanoseconds, table: table, into: &due)
    for slot in due {
      guard let exchange = table[slot] else { continue }
      timeOut(exchange)
    }
    due.removeAll(keepingCapacity: true)
    if let next = wheel.nextDue() { armDeadline(at: next) }
    deliver()
  }

  private func timeOut(_ exchange: ClientExchange) {
    guard let connection = exchange.connection else {
      let address = exchange.peer?.address.description ?? "the peer"
      finish(
        exchange,
        .failure(
          TransportError(
            .timedOut,
            "no stream to \(address) became free before the deadline; the request was"
              + " not sent", isRetryable: true)))
      return
    }
    let submittedAt = exchange.submittedAt
    abort(
      exchange,
      TransportError(
        .timedOut, "\(connection.address) did not answer before the deadline",
        isRetryable: !exchange.headersSent))
    connection.suspect(since: submittedAt)
  }

  /// Looks after connections as long as there are peers.
  func startSweeping() {
    guard !isSweeping, !isShutDown else { return }
    isSweeping = true
    let shortest = min(limits.connectTimeout, limits.idleTimeout, limits.pingTimeout)
    loop.schedule(after: max(shortest / 4, .milliseconds(1))) { [anchor] in
      anchor.client?.sweep()
    }
  }

  private func sweep() {
    isSweeping = false
    let now = loop.now.nanoseconds
    for peer in peers.values where peer.sweep(now: now) {
      peers[peer.address] = nil
      if lastPeer === peer { lastPeer = nil }
    }
    if !peers.isEmpty { startSweeping() }
    deliver()
  }
}
