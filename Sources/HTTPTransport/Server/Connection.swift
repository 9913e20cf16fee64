/// One accepted socket: reads it, feeds its protocol, and writes what the protocol produces.
///
/// The server owns it, and it keeps the server, until it is closed. Then it touches neither the
/// socket nor the server again.
final class Connection: ReadinessHandler, TurnFlushable {
  enum Phase: Equatable {
    case open
    /// The last answer is sent and the write side shut down; input is read and dropped until the
    /// peer ends or the deadline passes, because closing with unread input would send a reset
    /// that can overtake the answer.
    case lingering(MonotonicTime)
    case closed
  }

  enum Driver {
    /// Too few bytes came to tell the protocols apart.
    case undetermined([UInt8])
    case http1(HTTP1Driver)
    case http2(HTTP2Driver)
  }

  /// Bytes that one connection may write in one turn before others get theirs.
  static let turnBudget = 1_048_576

  let server: ServerCore
  let slot: UInt32
  let generation: UInt32
  let peer: SocketAddress
  let descriptor: Descriptor
  var registration: WatchID?
  var interest = Readiness.readable
  var phase = Phase.open
  var driver = Driver.undetermined([])
  /// Nil in plain text.
  var tls: TLSSession?
  /// Output that the kernel did not take; encrypted already where there is TLS.
  let unsent = ByteArena()
  var isDirty = false
  /// The connection has used up its turn and goes on in the next.
  var yieldsTurn = false
  /// A close asked for by a callback of the protocol waits until the protocol has returned.
  var isBusy = false
  var closesWhenIdle = false
  var inputEnded = false
  /// The peer is one of our own: limits that keep attackers off are wider for it.
  private(set) var isTrusted = false

  /// Every exchange of this connection.
  let exchanges = ExchangeList()
  /// Answers' bytes that the peer has not taken yet.
  var pendingResponseBytes = 0
  /// Answers' bytes that were handed to the output.
  var sentBytes = 0
  /// The time at which this connection was last served.
  var now: MonotonicTime
  /// When a request or a frame last arrived.
  var lastActivity: MonotonicTime
  /// Bytes of request bodies that are held.
  var heldRequestBytes = 0
  /// When the peer had last taken ``sendGoal`` bytes of what waited, or output began to wait.
  /// Acknowledgements and the like do not count: a peer could ask for them and never take its
  /// answers.
  var lastProgress: MonotonicTime
  /// Bytes still to be taken for the next ``lastProgress``.
  var sendGoal = 0

  init(
    _ descriptor: consuming Descriptor, peer: SocketAddress, slot: UInt32, generation: UInt32,
    server: ServerCore
  ) throws(TransportError) {
    self.descriptor = descriptor
    self.peer = peer
    self.slot = slot
    self.generation = generation
    self.server = server
    now = server.loop.now
    lastActivity = now
    lastProgress = now
    if let context = server.tls {
      tls = try TLSSession(accepting: context, scratch: server.loop.tlsScratch)
    }
    registration = try server.loop.watch(self.descriptor.rawValue, for: .readable, self)
  }

  // MARK: Input

  func ready(_ readiness: Readiness) {
    guard phase != .closed else { return }
    now = server.loop.now
    if !readiness.isDisjoint(with: [.failed, .hangUp]) {
      close()
      return
    }
    if readiness.contains(.writable) { markDirty() }
    if readiness.contains(.readable), interest.contains(.readable) {
      read()
      // All answers are there: one write carries them, now or at the end of the turn. Now, their
      // exchanges serve the next connection, warm as they are.
      if isDirty, server.waitingCount == 0 { flush() }
    }
  }

  private func read() {
    let buffer = server.loop.readBuffer
    switch Socket.receive(descriptor.rawValue, into: buffer) {
    case .bytes(let count):
      guard phase == .open else { return }
      guardingClose {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if let tls { receive(bytes, through: tls) } else { receive(bytes) }
      }
    case .wouldBlock:
      break
    case .ended:
      guard phase == .open else {
        close()
        return
      }
      guardingClose { endInput() }
      refreshInterest()
    case .failed:
      close()
    }
  }

  /// The peer sends no more.
  func endInput() {
    inputEnded = true
    switch driver {
    case .undetermined(let early):
      if early.isEmpty { closesWhenIdle = true } else { takeHTTP1(early).endOfInput() }
    case .http1(let driver): driver.endOfInput()
    case .http2: closesWhenIdle = true
    }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) {
    switch driver {
    case .http1(let driver): driver.receive(bytes)
    case .http2(let driver): driver.receive(bytes)
    case .undetermined(var early):
      early.append(contentsOf: bytes)
      determine(early)
    }
  }

  /// The preface of HTTP/2 starts with a method that HTTP/1.1 has not (RFC 9113 section 3.4).
  private func determine(_ early: [UInt8]) {
    let isPreface = zip(early, "PRI".utf8).allSatisfy { $0 == $1 }
    if isPreface, early.count < 3 {
      driver = .undetermined(early)
      return
    }
    if isPreface {
      guard let http2 = takeHTTP2() else { return }
      early.withUnsafeBytes { http2.receive($0) }
    } else if early.first == Connection.handshakeRecord, tls == nil {
      refuse(.encrypted)
    } else {
      _ = takeHTTP1(early)
    }
  }

  func takeHTTP2() -> HTTP2Driver? {
    guard let http2 = HTTP2Driver(self) else {
      closesWhenIdle = true
      return nil
    }
    driver = .http2(http2)
    return http2
  }

  func takeHTTP1(_ early: [UInt8]) -> HTTP1Driver {
    let http1 = HTTP1Driver(self)
    driver = .http1(http1)
    early.withUnsafeBytes { http1.receive($0) }
    return http1
  }

  /// Runs protocol code; a close that it asks for happens after it.
  func guardingClose(_ body: () -> Void) {
    isBusy = true
    body()
    isBusy = false
    if closesWhenIdle { close() }
  }

  // MARK: Exchanges

  func open(stream: UInt32, version: HTTPVersion) -> Exchange {
    let exchange = server.takeExchange()
    exchange.begin(on: self, stream: stream, version: version)
    exchanges.prepend(exchange)
    return exchange
  }

  /// Detaches an exchange: its token is stale from here on.
  func detach(_ exchange: Exchange) {
    guard exchange.phase != .free else { return }
    exchanges.remove(exchange)
    if exchange.phase == .answering {
      pendingResponseBytes -= exchange.responseCount - exchange.bodySent
    }
    if exchange.phase == .awaiting {
      server.waitingCount -= 1
      server.abandonedCount &+= 1
    }
    if let stream = exchange.outflow { pendingResponseBytes -= stream.waiting.count }
    heldRequestBytes -= exchange.received
    exchange.received = 0
    exchange.phase = .free
    if let relay = exchange.relay { relay.exchangeEnded() }
    server.refund(exchange)
    lastActivity = now
    if let stream = exchange.outflow { stream.exchangeEnded() }
  }

  /// Whether the requests of this connection may hold `count` bytes more: its share of what is
  /// free, and one body in any case.
  func mayHold(_ count: Int) -> Bool {
    let held = heldRequestBytes + count
    let limits = server.limits
    return held <= limits.maxBodyBytes + limits.maxHeaderBytes || held <= server.pendingShare
  }

  /// Whether this connection may send further requests as far as those that it has go.
  var maySendMore: Bool { heldRequestBytes == 0 || mayHold(0) }

  /// Counts the header section of a request that stays for a while: its body is to come, or its
  /// answer. Where there is no room, later ones are refused.
  func holdHead(of exchange: Exchange) {
    guard exchange.received == 0 else { return }
    let count = exchange.requestBytes.count + exchange.target.count
    server.chargeHead(exchange, count)
    exchange.received = count
    heldRequestBytes += count
  }

  /// Widens the limits that a peer of ours may well reach.
  func trust() {
    guard !isTrusted else { return }
    isTrusted = true
    if case .http2(let driver) = driver { driver.trust() }
  }

  /// Hands a complete request to the application, or answers for it. Returns whether the answer is
  /// there, to be queued.
  func dispatch(_ exchange: Exchange) -> Bool {
    if let deadline = exchange.deadline, deadline <= now, exchange.rejection == nil {
      exchange.rejection = .deadlineExceeded
    }
    if exchange.rejection == nil, server.sheds(exchange) { exchange.rejection = .busy }
    exchange.arrival = server.loop.inputSince
    if let rejection = exchange.rejection {
      rejection.fill(exchange)
      server.refusals.count(rejection.reason)
    } else {
      exchange.phase = .handling
      exchange.isTimed = true
      if server.handler.handle(exchange) == .later {
        if exchange.phase == .handling {
          exchange.phase = .awaiting
          server.waitingCount += 1
          holdHead(of: exchange)
        }
        return false
      }
      guard exchange.phase == .handling else { return false }
    }
    exchange.phase = .answering
    prepareAnswer(exchange)
    return true
  }

  /// Queues the answer that is in the exchange.
  func answer(_ exchange: Exchange) {
    prepareAnswer(exchange)
    switch driver {
    case .undetermined: break
    case .http1(let driver): driver.submit(exchange)
    case .http2(let driver): driver.submit(exchange)
    }
    markDirty()
  }

  /// Counts an answer's bytes, or replaces it when there is no room for them.
  private func prepareAnswer(_ exchange: Exchange) {
    if exchange.sendsBody,
      !server.hasRoom(forAnswer: exchange.responseCount, pending: pendingResponseBytes)
    {
      Rejection.answerDropped(isSafe: exchange.method == .get).fill(exchange)
      server.refusals.count(.responsesPending)
    }
    if server.isNotable(exchange) { server.observer?.answering(exchange) }
    server.answerTimes?.note(exchange)
    if pendingResponseBytes == 0 { lastProgress = server.loop.now }
    if pendingResponseBytes == 0, unsent.isEmpty { sendGoal = 0 }
    if !exchange.sendsBody { exchange.bodySent = exchange.responseCount }
    pendingResponseBytes += exchange.responseCount - exchange.bodySent
    if exchange.responseCount > 0 { server.chargeResponse(exchange) }
    if let stream = exchange.outflow, server.isDraining { stream.end() }
  }

  /// A piece of an answer's body was handed to the output.
  func responseAdvanced(by count: Int) {
    pendingResponseBytes -= count
    sentBytes &+= count
    progressed(by: count)
  }

  func find(stream: UInt32) -> Exchange? {
    let found: Exchange? =
      switch driver {
      case .undetermined: nil
      case .http1(let driver): driver.find(stream: stream)
      case .http2(let driver): driver.find(stream: stream)
      }
    guard let found, found.phase == .awaiting else { return nil }
    return found
  }
}
