/// The connections to one address and the requests that wait for a stream on them.
///
/// One connection is opened at a time, when requests wait that the others have no room for or when
/// all are well used. While a failed peer is left alone, requests fail at once with what failed the
/// connection.
final class ClientPeer {
  let address: SocketAddress
  /// What `:authority` says by default.
  let authority: [UInt8]
  /// The name that the peer's certificate must have; nil for its numeric address.
  var name: String?
  /// Owns this peer.
  unowned(unsafe) let client: HTTPClient
  @exclusivity(unchecked) private(set) var connections: [ClientConnection] = []
  @exclusivity(unchecked) private var waiting = SlotList()
  /// Bytes of the bodies of the requests that wait.
  private var waitingBytes = 0
  /// References that keep the peer known even when it is idle.
  var pins = 0
  /// In the client's list of peers to be pumped.
  var isDirty = false

  private var failures: UInt64 = 0
  /// No connection is opened before this instant.
  private var retryAt: UInt64 = 0
  private var lastFailure: TransportError?

  init(address: SocketAddress, client: HTTPClient) {
    self.address = address
    authority = Array(address.description.utf8)
    self.client = client
  }

  var isWaiting: Bool { !waiting.isEmpty }

  /// Whether one more request may wait: the queue's bound counts those beyond the free streams.
  func takes(_ exchange: ClientExchange) -> Bool {
    let limits = client.limits
    let limit = limits.maxWaitingPerPeer
    let body = exchange.requestBodyCount
    // One body of any size may wait.
    guard body == 0 || waitingBytes == 0 || body <= limits.maxWaitingBytesPerPeer - waitingBytes
    else { return false }
    guard waiting.count >= limit else { return true }
    var room = limit
    for connection in connections where connection.hasRoom {
      room += connection.streamLimit - connection.openStreams
    }
    // Requests of this turn are queued before the first connection is opened.
    if connections.isEmpty { room += 1 }
    return waiting.count < room
  }

  func enqueue(_ exchange: ClientExchange) {
    exchange.state = .waiting
    exchange.peer = self
    exchange.waitingBytes = exchange.requestBodyCount
    waitingBytes += exchange.waitingBytes
    client.table.append(exchange, to: &waiting)
  }

  func removeWaiting(_ exchange: ClientExchange) {
    waitingBytes -= exchange.waitingBytes
    exchange.waitingBytes = 0
    client.table.remove(exchange, from: &waiting)
  }

  private func putBack(_ exchange: ClientExchange) {
    exchange.waitingBytes = exchange.requestBodyCount
    waitingBytes += exchange.waitingBytes
    client.table.prepend(exchange, to: &waiting)
  }

  /// Where the next request goes: the oldest connection that is not well used yet, else the least
  /// used one that has room.
  var bestConnection: ClientConnection? {
    var best: ClientConnection?
    for connection in connections where connection.hasRoom {
      guard connection.openStreams >= connection.growthThreshold else { return connection }
      if best.map({ connection.openStreams < $0.openStreams }) ?? true { best = connection }
    }
    return best
  }

  /// Gives a new request a stream at once; false when it has to wait.
  func submitNow(_ exchange: ClientExchange) throws(TransportError) -> Bool {
    guard waiting.isEmpty, let connection = bestConnection,
      try connection.submit(exchange, authority: authority)
    else { return false }
    if connection.openStreams >= connection.growthThreshold { client.markDirty(self) }
    return true
  }

  /// Gives waiting requests the streams there are, opens a connection for the rest when that is
  /// due, and fails them when the peer cannot be reached.
  func pump() {
    isDirty = false
    while let exchange = client.table[waiting.head] {
      guard let connection = bestConnection else { break }
      removeWaiting(exchange)
      do throws(TransportError) {
        if try !connection.submit(exchange, authority: authority) { putBack(exchange) }
      } catch {
        putBack(exchange)
        client.finish(exchange, .failure(error))
      }
    }
    grow()
  }

  /// Opens a connection when there is a use for it and it is time.
  private func grow() {
    guard isWaiting || isWellUsed, !connections.contains(where: \.isConnecting) else { return }
    let usable = connections.lazy.filter(\.isUsable).count
    if client.loop.now.nanoseconds >= retryAt {
      let limit = client.limits.maxConnectionsPerPeer
      // More connections do not help when only the peer's reading is slow. Draining ones are
      // bounded too: a peer could keep them open for ever.
      let hasStreams = connections.contains { $0.isUsable && $0.openStreams < $0.growthThreshold }
      if !hasStreams, usable < limit, connections.count < 2 * limit { open() }
    } else if usable == 0 {
      failWaiting()
    }
  }

  /// Whether every connection that takes requests has many of them.
  private var isWellUsed: Bool {
    var isUsed = false
    for connection in connections where connection.isUsable {
      guard connection.openStreams >= connection.growthThreshold else { return false }
      isUsed = true
    }
    return isUsed
  }

  private func open() {
    do throws(TransportError) {
      connections.append(try ClientConnection(peer: self, client: client))
      client.startSweeping()
    } catch {
      failed(error)
    }
  }

  private func failed(_ error: TransportError) {
    failures += 1
    let shortest = client.limits.minBackoff.clampedNanoseconds
    let longest = client.limits.maxBackoff.clampedNanoseconds
    let factor = UInt64(1) << min(failures - 1, 20)
    let (pause, overflow) = shortest.multipliedReportingOverflow(by: factor)
    // Half of the pause is by chance, so that clients that failed together do not return together.
    let whole = overflow ? longest : min(pause, longest)
    let (instant, end) = client.loop.now.nanoseconds.addingReportingOverflow(
      whole - UInt64.random(in: 0...whole / 2))
    retryAt = end ? .max : instant
    lastFailure = error
    client.markDirty(self)
    if !connections.contains(where: \.isUsable) { failWaiting() }
  }

  /// None of these was sent. Whether another try may help depends on what is wrong.
  private func failWaiting() {
    let cause = lastFailure ?? TransportError(.connectFailed, "cannot connect to \(address)")
    let error = TransportError(
      cause.code, cause.message,
      isRetryable: cause.code != .protocolViolation && cause.code != .tls,
      systemError: cause.systemError)
    while let exchange = client.table[waiting.head] {
      client.finish(exchange, .failure(error))
    }
  }

  /// A response came back: the peer is well.
  func answered() {
    guard failures > 0 else { return }
    failures = 0
    retryAt = 0
  }

  /// Forgets a connection. One that ended without having served anything counts as failed.
  func closed(_ connection: ClientConnection, _ error: TransportError?, couldServe: Bool) {
    connections.removeAll { $0 === connection }
    if let error, connection.answered == 0 {
      failed(couldServe ? error : unreachable(error))
    } else {
      client.markDirty(self)
    }
  }

  /// An end before the peer's SETTINGS, told as what it is to those who wait.
  private func unreachable(_ error: TransportError) -> TransportError {
    guard error.code == .connectionClosed else { return error }
    return TransportError(
      .connectFailed, "\(address) closed the connection before it spoke HTTP/2",
      isRetryable: true, systemError: error.systemError)
  }

  // MARK: Upkeep

  /// Closes what is idle, mute or stuck. Returns whether the peer may be forgotten.
  func sweep(now: UInt64) -> Bool {
    let limits = client.limits
    for connection in connections {
      if connection.isConnecting {
        guard elapsed(connection.startedAt, now, limits.connectTimeout) else { continue }
        connection.close(
          TransportError(
            .connectFailed,
            "\(address) did not take an HTTP/2 connection within \(limits.connectTimeout)",
            isRetryable: true))
      } else if let asked = connection.pingSentAt {
        guard elapsed(asked, now, limits.pingTimeout) else { continue }
        connection.close(
          TransportError(
            .connectionClosed,
            "\(address) did not answer a PING within \(limits.pingTimeout); it may be stuck"))
      } else if connection.openStreams == 0 {
        guard elapsed(connection.lastActive, now, limits.idleTimeout) else { continue }
        connection.closeIdle()
      } else if elapsed(connection.lastReceived, now, limits.pingInterval) {
        connection.probe()
      }
      connection.resetLingering(now: now)
    }
    // A pause after a failed connection may have ended with nothing else to notice it.
    if isWaiting { client.markDirty(self) }
    return connections.isEmpty && waiting.isEmpty && now >= retryAt && pins == 0
  }

  private func elapsed(_ start: UInt64, _ now: UInt64, _ limit: Duration) -> Bool {
    now >= start && now - start >= limit.clampedNanoseconds
  }

  func closeAll() {
    for connection in connections { connection.closeIdle() }
  }
}
