/// The connections to one address and the requests that wait for a stream on them.
///
/// One connection is opened at a time, and only when requests wait that the others have no room
/// for. While a failed peer is left alone, requests fail at once with what failed the connection.
final class ClientPeer {
  let address: SocketAddress
  /// What `:authority` says by default.
  let authority: [UInt8]
  /// The name that the peer's certificate must have; nil for its numeric address.
  var name: String?
  /// Owns this peer.
  unowned(unsafe) let client: HTTPClient
  private(set) var connections: [ClientConnection] = []
  private var waiting = SlotList()
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
  var takesMore: Bool {
    let limit = client.limits.maxWaitingPerPeer
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
    client.table.append(exchange, to: &waiting)
  }

  func removeWaiting(_ exchange: ClientExchange) {
    client.table.remove(exchange, from: &waiting)
  }

  /// Gives waiting requests the streams there are, opens a connection for the rest when that is
  /// due, and fails them when the peer cannot be reached.
  func pump() {
    isDirty = false
    while let exchange = client.table[waiting.head] {
      guard let connection = connections.first(where: \.hasRoom) else { break }
      removeWaiting(exchange)
      do throws(TransportError) {
        if try !connection.submit(exchange, authority: authority) {
          client.table.prepend(exchange, to: &waiting)
        }
      } catch {
        client.table.prepend(exchange, to: &waiting)
        client.finish(exchange, .failure(error))
      }
    }
    guard isWaiting, !connections.contains(where: \.isConnecting) else { return }
    let usable = connections.lazy.filter(\.isUsable).count
    if client.loop.now.nanoseconds >= retryAt {
      let limit = client.limits.maxConnectionsPerPeer
      // More connections do not help when only the peer's reading is slow. Draining ones are
      // bounded too: a peer could keep them open for ever.
      let hasStreams = connections.contains { $0.isUsable && $0.openStreams < $0.streamLimit }
      if !hasStreams, usable < limit, connections.count < 2 * limit { open() }
    } else if usable == 0 {
      failWaiting()
    }
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
    let (instant, end) = client.loop.now.nanoseconds.addingReportingOverflow(
      overflow ? longest : min(pause, longest))
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
      }
    }
    // A pause after a failed connection may have ended with nothing else to notice it.
    if isWaiting { client.markDirty(self) }
    return connections.isEmpty && waiting.isEmpty && now >= retryAt
  }

  private func elapsed(_ start: UInt64, _ now: UInt64, _ limit: Duration) -> Bool {
    now >= start && now - start >= limit.clampedNanoseconds
  }

  func closeAll() {
    for connection in connections { connection.closeIdle() }
  }
}
