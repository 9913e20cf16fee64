import Glibc

/// What a server is made of. Its connections keep it, so that using it counts no reference; whoever
/// owns it ends it by ``closeAll()``.
final class ServerCore {
  struct Slot {
    var generation: UInt32 = 0
    var connection: Connection?
  }

  let loop: EventLoop
  /// The limits in force, within the ranges that the protocols allow.
  let limits: ServerLimits
  /// What connections are encrypted with; nil serves plain text.
  let tls: TLSContext?
  let handler: any RequestHandler
  let http2Options: HTTP2Options
  /// Where answers' `nghttp2_nv` arrays are put together.
  let fieldScratch = HTTP2FieldScratch()
  /// Nanoseconds that a header section may take.
  let headerPatience: UInt64
  var slots: [Slot] = []
  private var freeSlots: [UInt32] = []
  var listeners: [Listener] = []
  private let pool = ExchangeList()
  /// The fewest that have lain in the pool since the last sweep: nobody needed these.
  @exclusivity(unchecked) private var idlePool = 0
  /// Bytes of bodies held for all connections.
  @exclusivity(unchecked) private(set) var bufferedBytes = 0
  /// Open connections, those that are being refused or end included.
  private(set) var connectionCount = 0
  /// Open connections by the peer's network, loopback left out.
  var peerCounts: [SocketAddress: Int] = [:]
  /// Requests that the application has and that are not answered.
  @exclusivity(unchecked) var waitingCount = 0
  @exclusivity(unchecked) var shedder: LoadShedder
  /// Requests whose clients went before they were answered.
  @exclusivity(unchecked) var abandonedCount: UInt64 = 0
  let refusals = RefusalCounts()
  @exclusivity(unchecked) var observer: (any AnswerObserver)?
  @exclusivity(unchecked) var slowNanoseconds = UInt64.max
  private(set) var acceptedCount: UInt64 = 0
  /// Nil while nobody asked for them.
  @exclusivity(unchecked) var answerTimes: AnswerTimes?
  private var sweepTimer: TimerID?
  var drainTimer: TimerID?
  var spareTimer: TimerID?
  var onDrained: (() -> Void)?
  var isDraining = false
  private let date = DateField()

  /// Exchanges kept for reuse.
  private static let poolCapacity = 16_384
  /// Of these so many are kept however few are used.
  private static let leastPool = 1_024
  /// The part of the budget's free bytes that one connection may take, and the part kept for small
  /// answers.
  private static let shareDivisor = 16
  /// Answers up to this many bytes are given even when their connection has used up its share.
  private static let smallAnswer = 65_536
  /// Connections beyond the limit that are told so; the rest are closed without a word.
  private static let refusalCapacity = 128

  init(loop: EventLoop, limits: ServerLimits, tls: TLSContext?, handler: any RequestHandler) {
    self.loop = loop
    self.tls = tls
    self.limits = limits.normalized
    self.handler = handler
    http2Options = HTTP2Options()
    headerPatience = min(self.limits.headerTimeout.clampedNanoseconds, 1 << 60)
    shedder = LoadShedder(
      target: self.limits.overloadTarget, interval: self.limits.overloadInterval)
  }

  /// Starts to accept connections; may be called for several addresses. Returns the bound address,
  /// in which port 0 has become the one the system chose.
  /// - Throws: `.system` when the address cannot be had.
  func listen(on address: SocketAddress) throws(TransportError) -> SocketAddress {
    try listen(
      by: try Socket.listen(on: address, backlog: Int32(clamping: limits.backlog)))
  }

  /// The same, by a socket that listens already. Returns its address.
  func listen(by socket: consuming Descriptor) throws(TransportError) -> SocketAddress {
    let listener = try Listener(server: self, socket: socket)
    listeners.append(listener)
    scheduleSweep()
    return listener.address
  }

  /// The exchange that waits for its answer, nil when the stream or the connection is gone or the
  /// answer was given.
  func exchange(_ token: ExchangeToken) -> Exchange? {
    let index = Int(token.slot)
    guard index < slots.count, slots[index].generation == token.generation else { return nil }
    return slots[index].connection?.find(stream: token.stream)
  }

  // MARK: Connections

  func admit(_ descriptor: consuming Descriptor) {
    guard let peer = Socket.peerAddress(descriptor.rawValue) else { return }
    admit(descriptor, from: peer)
  }

  func admit(_ descriptor: consuming Descriptor, from peer: SocketAddress) {
    guard connectionCount < limits.maxConnections + ServerCore.refusalCapacity else { return }
    Socket.disableDelay(descriptor.rawValue)
    let isBeyondLimit = connectionCount >= limits.maxConnections || isCrowded(by: peer)
    let slot: UInt32
    if let reused = freeSlots.popLast() {
      slot = reused
    } else {
      slot = UInt32(truncatingIfNeeded: slots.count)
      slots.append(Slot())
    }
    let index = Int(slot)
    do {
      slots[index].connection = try Connection(
        descriptor, peer: peer, slot: slot, generation: slots[index].generation, server: self)
    } catch {
      // Without a registration the connection cannot be served; dropping it closes it.
      freeSlots.append(slot)
      return
    }
    connectionCount += 1
    acceptedCount &+= 1
    remember(peer)
    if isBeyondLimit { slots[index].connection?.refuseBeyondLimit() }
  }

  func remove(_ connection: Connection) {
    let index = Int(connection.slot)
    guard index < slots.count, slots[index].connection === connection else { return }
    slots[index].connection = nil
    slots[index].generation &+= 1
    freeSlots.append(connection.slot)
    connectionCount -= 1
    forget(connection.peer)
    if isDraining, connectionCount == 0 { finishDraining() }
  }

  func closeAll() {
    for listener in listeners { listener.close() }
    listeners = []
    for index in slots.indices { slots[index].connection?.close() }
    if let sweepTimer { loop.cancel(sweepTimer) }
    if let drainTimer { loop.cancel(drainTimer) }
    if let spareTimer { loop.cancel(spareTimer) }
    sweepTimer = nil
    drainTimer = nil
    spareTimer = nil
  }

  // MARK: Exchanges and the budget of bytes

  func takeExchange() -> Exchange {
    guard let exchange = pool.popFirst() else {
      idlePool = 0
      return ExchangeList.make()
    }
    if pool.count < idlePool { idlePool = pool.count }
    return exchange
  }

  /// Frees half of the exchanges that a burst has left behind.
  private func trimPool() {
    let surplus = min(idlePool / 2, pool.count - ServerCore.leastPool)
    for _ in 0..<max(0, surplus) {
      if let exchange = pool.popFirst() { ExchangeList.drop(exchange) }
    }
    idlePool = pool.count
  }

  /// Takes an exchange that is in no list and of no more use.
  func give(_ exchange: Exchange) {
    guard pool.count < ServerCore.poolCapacity else {
      exchange.connection = nil
      ExchangeList.drop(exchange)
      return
    }
    exchange.recycle()
    pool.prepend(exchange)
  }

  /// Whether new requests can be taken.
  var isWithinBudget: Bool { bufferedBytes <= limits.maxBufferedBytes }

  /// Bytes of answers that one connection may have waiting: a part of what is free, so that
  /// connections that take nothing cannot use up the budget together (dynamic thresholds, Choudhury
  /// and Hahne 1998).
  var pendingShare: Int {
    let free = max(limits.maxBufferedBytes - bufferedBytes, 0)
    // While less than half of the budget is used, one connection may take half of what is left up
    // to there: a client that reads many large values at once.
    let generous = (free - limits.maxBufferedBytes / 2) / 2
    return min(limits.maxPendingResponseBytes, max(free / ServerCore.shareDivisor, generous))
  }

  /// Whether there is room for an answer of `count` bytes on a connection where `pending` bytes
  /// wait. Large answers leave a part of the budget to small ones and to requests.
  func hasRoom(forAnswer count: Int, pending: Int) -> Bool {
    guard count > ServerCore.smallAnswer else { return true }
    let reserve = limits.maxBufferedBytes / ServerCore.shareDivisor
    return pending <= pendingShare && count <= limits.maxBufferedBytes - reserve - bufferedBytes
  }

  /// Takes `count` bytes for a body that comes in pieces unless the budget is used up.
  func charge(_ exchange: Exchange, _ count: Int) -> Bool {
    guard count <= limits.maxBufferedBytes - bufferedBytes else { return false }
    bufferedBytes += count
    exchange.charged += count
    return true
  }

  /// Takes the bytes of a header section, which are here already.
  func chargeHead(_ exchange: Exchange, _ count: Int) {
    bufferedBytes += count
    exchange.charged += count
  }

  /// Takes the bytes of an answer, which exists already; ``hasRoom(forAnswer:pending:)`` was asked.
  func chargeResponse(_ exchange: Exchange) {
    bufferedBytes += exchange.responseCount
    exchange.charged += exchange.responseCount
  }

  func refund(_ exchange: Exchange) {
    bufferedBytes -= exchange.charged
    exchange.charged = 0
  }

  /// Gives back a part of what an exchange has taken.
  func refund(_ exchange: Exchange, _ count: Int) {
    bufferedBytes -= count
    exchange.charged -= count
  }

  /// The 29 bytes of the `date` field, at a place that never moves.
  var dateBytes: UnsafeRawBufferPointer { date.bytes(now: loop.now) }

  // MARK: Time

  private var sweepInterval: Duration {
    let shortest = min(
      limits.headerTimeout, limits.bodyTimeout, limits.sendTimeout, limits.idleTimeout,
      limits.lingerTimeout)
    return min(max(shortest / 4, .milliseconds(5)), .seconds(1))
  }

  /// The timers refer to the server without keeping it, and `deinit` cancels them. A weak reference
  /// would make every retain of the server take the slow path.
  private func scheduleSweep() {
    guard sweepTimer == nil else { return }
    sweepTimer = loop.schedule(after: sweepInterval) { [unowned self] in
      self.sweepTimer = nil
      let now = self.loop.now
      for index in self.slots.indices { self.slots[index].connection?.sweep(now: now) }
      self.trimPool()
      self.loop.sessionMemory.trim()
      if !self.listeners.isEmpty || self.connectionCount > 0 { self.scheduleSweep() }
    }
  }
}
