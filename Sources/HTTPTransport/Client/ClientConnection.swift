import CNghttp2
import Glibc

/// One HTTP/2 connection to a peer: the socket and the session, and the exchanges on its streams.
///
/// The loop keeps it alive while its socket is registered. It refers to the loop and the client
/// without keeping them: a client that goes away detaches its connections first.
final class ClientConnection: ReadinessHandler {
  enum State {
    /// Waits for TCP.
    case connecting
    /// Waits for the TLS handshake.
    case securing
    /// Waits for the peer's SETTINGS, which tell how many streams it takes.
    case greeting
    case ready
    /// The peer sent GOAWAY, or stream identifiers ran out: open streams finish, no new ones.
    case draining
    case closed
  }

  let address: SocketAddress
  let limits: ClientLimits
  let table: ExchangeTable
  /// These outlive a connection that is not `.closed`, and a closed one does not use them: the
  /// peer owns its connections, and the client marks them closed when it is dropped.
  unowned(unsafe) let client: HTTPClient
  unowned(unsafe) let peer: ClientPeer
  unowned(unsafe) let loop: EventLoop
  /// Outlives the session, which allocates from it.
  private let memory: SessionMemory

  var state = State.connecting
  private var socket: Descriptor?
  private var watch: WatchID?
  private(set) var session: OpaquePointer?
  /// Nil in plain text.
  var tls: TLSSession?
  /// Output that the socket did not take yet, encrypted already where there is TLS; the session is
  /// not asked for more meanwhile.
  var pending: [UInt8] = []
  private var pendingOffset = 0
  /// Waits for the socket to become writable before it sends more.
  private(set) var isBlocked = false
  /// In the client's list of connections to be flushed.
  var isDirty = false

  /// Exchanges whose response is awaited.
  @exclusivity(unchecked) var streams = SlotList()
  /// Streams of the session, those whose exchange was abandoned included.
  var openStreams = 0
  /// Streams the peer allows now, bounded by the limits.
  var streamLimit = 0
  /// Responses that came back; a connection that ends without any counts as failed.
  var answered = 0
  let startedAt: UInt64
  var lastActive: UInt64
  var lastReceived: UInt64
  var pingSentAt: UInt64?
  /// Before this instant no PING is sent.
  var nextPingAt: UInt64 = 0
  var goAway: GoAway?
  /// The first request was sent, with what makes the peer trust the connection.
  var isGreeted: Bool
  var resets = ResetBudget()
  /// Abandoned streams that are to end by themselves.
  var lingering: [LingeringStream] = []
  /// Whose frame came last. Exchanges are pooled, so that it never dangles.
  @exclusivity(unchecked) var lastExchange: Unmanaged<ClientExchange>?
  /// Closed by the client's own wish.
  private var isRetiring = false
  /// What was wrong with the peer's bytes, once the session is about to end over it.
  var violation: String?

  struct GoAway {
    let code: UInt32
  }

  /// Starts to connect.
  /// - Throws: `.refused`, `.connectFailed` or `.system` when that fails at once.
  init(peer: ClientPeer, client: HTTPClient) throws(TransportError) {
    address = peer.address
    limits = client.limits
    table = client.table
    self.client = client
    self.peer = peer
    isGreeted = client.greeting == nil
    loop = client.loop
    memory = client.loop.sessionMemory
    startedAt = client.loop.now.nanoseconds
    lastActive = startedAt
    lastReceived = startedAt
    let descriptor = try Socket.connect(to: peer.address)
    let number = descriptor.rawValue
    socket = consume descriptor
    watch = try client.loop.watch(number, for: [.writable], self)
  }

  deinit {
    nghttp2_session_del(session)
  }

  var descriptor: Int32 { socket?.rawValue ?? -1 }

  /// Whether a request submitted now would be sent now.
  var hasRoom: Bool {
    state == .ready && pingSentAt == nil && openStreams < streamLimit && !isBlocked
  }

  /// Whether it takes new requests, or will once there is room.
  var isUsable: Bool {
    switch state {
    case .connecting, .securing, .greeting: true
    case .ready: pingSentAt == nil
    case .draining, .closed: false
    }
  }

  /// The number of streams from which on another connection is worth while.
  var growthThreshold: Int {
    min(limits.streamsBeforeGrowth, max(streamLimit - streamLimit / 4, 1))
  }

  var isConnecting: Bool { state == .connecting || state == .securing || state == .greeting }

  // MARK: Events

  func ready(_ readiness: Readiness) {
    guard state != .closed else { return }
    let client = client
    client.beginEvent()
    if state == .connecting {
      connected()
    } else {
      if readiness.contains(.writable) { writePending() }
      if !readiness.isDisjoint(with: [.readable, .hangUp, .failed]) { receive() }
    }
    // Completions may drop the client and this connection: nothing follows them.
    client.endEvent()
  }

  private func connected() {
    let error = Socket.pendingError(descriptor)
    guard error == 0 else {
      close(
        TransportError(
          error == ECONNREFUSED ? .refused : .connectFailed,
          "cannot connect to \(address): \(systemMessage(error)); is the server running?",
          isRetryable: true, systemError: error))
      return
    }
    setBlocked(false)
    if client.tls == nil { greet() } else { secure() }
  }

  /// Begins to speak HTTP/2.
  func greet() {
    guard startSession() else {
      close(TransportError(.system, "nghttp2 has no memory for a session", isRetryable: true))
      return
    }
    state = .greeting
    client.markDirty(self)
  }

  private func startSession() -> Bool {
    guard let callbacks = ClientCallbacks.shared, let options = ClientCallbacks.options,
      nghttp2_session_client_new3(
        &session, callbacks, Unmanaged.passUnretained(self).toOpaque(), options,
        &memory.callbacks) == 0
    else { return false }
    let settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(limits.streamWindow)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(limits.maxHeaderBytes)),
    ]
    let none = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
    return nghttp2_submit_settings(session, none, settings, settings.count) == 0
      && nghttp2_session_set_local_window_size(
        session, none, 0, Int32(limits.connectionWindow)) == 0
  }

  private func receive() {
    guard state != .closed else { return }
    switch Socket.receive(descriptor, into: loop.readBuffer) {
    case .wouldBlock: return
    case .bytes(let count):
      lastReceived = loop.now.nanoseconds
      let bytes = UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count])
      if let tls { receive(bytes, through: tls) } else { receive(bytes) }
    case .ended: close(ending)
    case .failed(let error):
      close(
        TransportError(
          .connectionClosed, "the connection to \(address) failed: \(systemMessage(error))",
          isRetryable: isConnecting, systemError: error))
    }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) {
    if state == .greeting, bytes.starts(with: "HTTP/".utf8) {
      violation =
        "it answered in HTTP/1; this client speaks HTTP/2 with prior knowledge only, and"
        + " https:// where the port speaks TLS"
    }
    let result = nghttp2_session_mem_recv(
      session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    if result < 0 {
      noteViolation(
        String(cString: nghttp2_strerror(Int32(truncatingIfNeeded: result))))
      close(ending)
      return
    }
    if nghttp2_session_want_write(session) != 0 { client.markDirty(self) }
    closeWhenDone()
  }

  /// Ends a connection that has nothing more to do: drained, or broken off by the session.
  private func closeWhenDone() {
    guard let session, state != .closed else { return }
    if state == .draining, openStreams == 0, nghttp2_session_want_write(session) == 0 {
      close(ending)
    } else if nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0,
      pending.isEmpty
    {
      close(ending)
    }
  }

  // MARK: Output

  /// Writes what the session has to say, gathered into one write where it fits the loop's buffer.
  func flush() {
    isDirty = false
    guard state != .closed, state != .connecting, state != .securing, !isBlocked else { return }
    let buffer = loop.writeBuffer
    var used = 0
    // A bound a turn: a fast reader must not keep the loop to itself.
    var budget = 16
    while budget > 0 {
      var chunk: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &chunk)
      if count < 0 {
        noteViolation(
          String(cString: nghttp2_strerror(Int32(truncatingIfNeeded: count))))
        close(ending)
        return
      }
      guard count > 0, let chunk else { break }
      let bytes = UnsafeRawBufferPointer(start: chunk, count: count)
      if count > buffer.count - used {
        budget -= 1
        guard write(UnsafeRawBufferPointer(rebasing: buffer[..<used]), then: bytes) else { return }
        used = 0
      }
      if count <= buffer.count {
        UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: bytes)
        used += count
      } else {
        guard write(bytes, then: UnsafeRawBufferPointer(start: nil, count: 0)) else { return }
      }
    }
    if used > 0 {
      let rest = UnsafeRawBufferPointer(start: nil, count: 0)
      guard write(UnsafeRawBufferPointer(rebasing: buffer[..<used]), then: rest) else { return }
    }
    if budget == 0 { setBlocked(true) }
    closeWhenDone()
  }

  /// Writes `bytes`. When the socket does not take all of them the remainder and `rest`, which
  /// follows them, are kept, and the answer is false.
  private func write(_ bytes: UnsafeRawBufferPointer, then rest: UnsafeRawBufferPointer) -> Bool {
    guard let tls else { return transmit(bytes, then: rest) }
    return write(bytes, then: rest, through: tls)
  }

  /// Writes what is encrypted, or needs no encryption.
  func transmit(_ bytes: UnsafeRawBufferPointer, then rest: UnsafeRawBufferPointer) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let remainder = UnsafeRawBufferPointer(rebasing: bytes[sent...])
      switch Socket.send(descriptor, remainder) {
      case .bytes(let count): sent += count
      case .wouldBlock, .ended:
        pending.reserveCapacity(remainder.count + rest.count)
        pending.append(contentsOf: remainder)
        pending.append(contentsOf: rest)
        pendingOffset = 0
        setBlocked(true)
        return false
      case .failed(let error):
        writeFailed(error)
        return false
      }
    }
    return true
  }

  private func writePending() {
    while pendingOffset < pending.count {
      let result = pending.withUnsafeBytes {
        Socket.send(descriptor, UnsafeRawBufferPointer(rebasing: $0[pendingOffset...]))
      }
      switch result {
      case .bytes(let count): pendingOffset += count
      case .wouldBlock, .ended: return
      case .failed(let error):
        writeFailed(error)
        return
      }
    }
    pending.removeAll(keepingCapacity: true)
    pendingOffset = 0
    setBlocked(false)
    client.markDirty(self)
    client.markDirty(peer)
  }

  /// What the peer sent before it closed is read first: it may answer requests, or say why.
  private func writeFailed(_ error: Int32) {
    var reads = 64
    while state != .closed, reads > 0 {
      reads -= 1
      let before = lastReceived
      receive()
      if lastReceived == before { break }
    }
    guard violation == nil, goAway == nil else {
      close(ending)
      return
    }
    close(
      TransportError(
        .connectionClosed, "the connection to \(address) failed: \(systemMessage(error))",
        isRetryable: isConnecting, systemError: error))
  }

  func setBlocked(_ blocked: Bool) {
    isBlocked = blocked
    guard let watch else { return }
    loop.update(
      watch, descriptor: descriptor, for: blocked ? [.readable, .writable] : [.readable])
  }

  // MARK: Ending

  /// Tells the peer that no more requests come, as far as the socket takes it, and closes.
  func closeIdle() {
    isRetiring = true
    if let session, state == .ready || state == .draining || state == .greeting {
      nghttp2_session_terminate_session(session, NGHTTP2_NO_ERROR.rawValue)
      flush()
    }
    close(nil)
  }

  /// Closes the socket and fails what is outstanding on it. Without an error the connection was
  /// idle, and the peer is not held to have failed.
  func close(_ error: TransportError?) {
    guard state != .closed else { return }
    let error = isRetiring ? nil : error
    let couldServe = state == .ready || state == .draining
    state = .closed
    farewell()
    release()
    while let exchange = table[streams.head] {
      client.finish(exchange, .failure(failure(of: exchange, error)))
    }
    nghttp2_session_del(session)
    session = nil
    peer.closed(self, error, couldServe: couldServe)
  }

  private func failure(of exchange: ClientExchange, _ error: TransportError?) -> TransportError {
    guard let error else {
      return TransportError(.cancelled, "the client closed its connections")
    }
    // GOAWAY named this stream as one that may have been processed.
    let code = error.code == .goAway && exchange.headersSent ? .connectionClosed : error.code
    return TransportError(
      code, error.message, isRetryable: !exchange.headersSent, systemError: error.systemError)
  }

  /// Unregisters and closes the socket.
  func release() {
    if let watch { loop.unwatch(watch, descriptor: descriptor) }
    watch = nil
    socket = nil
  }
}
