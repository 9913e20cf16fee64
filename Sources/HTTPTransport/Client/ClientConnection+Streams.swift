import CNghttp2

/// The streams of a connection: requests on their way out.
extension ClientConnection {
  static let noFlags = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
  static let endStream = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_END_STREAM.rawValue)
  static let acknowledgement = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_ACK.rawValue)

  // MARK: Requests

  /// Gives a waiting exchange a stream. The exchange must be in no list.
  ///
  /// Returns false when the connection has no stream identifiers left: it drains from now on, and
  /// the exchange has to wait for another connection.
  /// - Throws: `.invalidRequest` or `.tooLarge`; the exchange is untouched.
  func submit(_ exchange: ClientExchange, authority: [UInt8]) throws(TransportError) -> Bool {
    let encoder = client.encoder
    if let relay = exchange.relay {
      guard let taken = relay.exchange else { throw Self.withdrawn }
      try encoder.encode(relay, of: taken, peer: authority)
    } else {
      try encoder.encode(exchange.request, peer: authority)
    }
    let now = loop.now.nanoseconds
    if limits.tellsDeadline, exchange.heldRelay == nil || exchange.relay?.tellsDeadline == true {
      try encoder.appendDeadline(exchange.deadline > now ? exchange.deadline - now : 0)
    }
    if !isGreeted { try greet(encoder) }
    let mark = UnsafeMutableRawPointer(bitPattern: Int(exchange.slot) + 1)
    let stream: Int32
    let trailers = !exchange.request.trailers.isEmpty
    if exchange.requestBodyCount == 0, !trailers {
      stream = nghttp2_submit_request(session, nil, encoder.fields, encoder.count, nil, mark)
    } else {
      var provider = nghttp2_data_provider()
      provider.read_callback = ClientCallbacks.readBody
      stream = nghttp2_submit_request(
        session, nil, encoder.fields, encoder.count, &provider, mark)
    }
    guard stream > 0 else {
      state = .draining
      client.markDirty(self)
      return false
    }
    exchange.state = .open
    exchange.connection = self
    exchange.connectionMark = identity
    exchange.streamID = stream
    exchange.submittedAt = now
    exchange.requestSent = false
    table.append(exchange, to: &streams)
    openStreams += 1
    client.markDirty(self)
    return true
  }

  private static let withdrawn = TransportError(
    .cancelled, "the request was withdrawn before it was sent", isRetryable: true)

  /// Adds what makes the peer trust this connection, until an answer shows that it was seen.
  private func greet(_ encoder: RequestEncoder) throws(TransportError) {
    guard let greeting = client.greeting else { return }
    for field in greeting() { try encoder.append(field) }
  }

  /// Takes an exchange off its stream, which stays open until it is reset or ends. The stream goes
  /// on naming the exchange's slot, where it finds another stream's exchange or none.
  func detach(_ exchange: ClientExchange) {
    table.remove(exchange, from: &streams)
    exchange.connection = nil
    exchange.connectionMark = nil
  }

  private var identity: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  /// Ends a stream early (RST_STREAM with CANCEL), at once when the peer has not seen it yet or
  /// when few were reset of late. Otherwise the stream lingers: peers take many resets for an
  /// attack and end the connection with everything on it (CVE-2023-44487).
  func reset(stream: Int32, wasSent: Bool) {
    guard state != .closed else { return }
    guard !wasSent || resets.take(now: loop.now.nanoseconds, limits) else {
      linger(stream: stream)
      return
    }
    nghttp2_submit_rst_stream(session, Self.noFlags, stream, NGHTTP2_CANCEL.rawValue)
    client.markDirty(self)
  }

  /// Leaves an abandoned stream to its answer, which is dropped as it comes. It is reset by and by
  /// when no answer ends it.
  func linger(stream: Int32) {
    guard state != .closed, lingering.count < ResetBudget.maxLingering else { return }
    lingering.append(LingeringStream(id: stream, since: loop.now.nanoseconds))
  }

  /// Resets abandoned streams that are still open after a while, as many as the budget allows.
  func resetLingering(now: UInt64) {
    guard state != .closed, !lingering.isEmpty else { return }
    lingering.removeAll { stream in
      guard nghttp2_session_find_stream(session, stream.id) != nil else { return true }
      guard now - min(stream.since, now) >= ResetBudget.patience,
        resets.take(now: now, limits)
      else { return false }
      nghttp2_submit_rst_stream(session, Self.noFlags, stream.id, NGHTTP2_CANCEL.rawValue)
      client.markDirty(self)
      return true
    }
  }

  /// Asks whether the peer is alive, after a request timed out, unless it was heard from since.
  func suspect(since submittedAt: UInt64) {
    guard lastReceived <= submittedAt else { return }
    probe()
  }

  /// Asks for a sign of life.
  func probe() {
    guard state == .ready, pingSentAt == nil, loop.now.nanoseconds >= nextPingAt else { return }
    nghttp2_submit_ping(session, Self.noFlags, nil)
    pingSentAt = loop.now.nanoseconds
    nextPingAt = (loop.now + limits.pingSpacing).nanoseconds
    client.markDirty(self)
  }

  /// The exchange on a stream, nil when it was abandoned.
  func exchange(on stream: Int32) -> ClientExchange? {
    held(on: stream)?.takeUnretainedValue()
  }

  /// The same without counting a reference: exchanges live as long as their table.
  func held(on stream: Int32) -> Unmanaged<ClientExchange>? {
    // The frames and fields of one response come in a row.
    if let last = lastExchange,
      last._withUnsafeGuaranteedRef({
        $0.streamID == stream && $0.state == .open && $0.connectionMark == identity
      })
    {
      return last
    }
    guard let mark = nghttp2_session_get_stream_user_data(session, stream) else { return nil }
    guard let exchange = table[Int32(truncatingIfNeeded: Int(bitPattern: mark) - 1)],
      exchange.state == .open, exchange.streamID == stream,
      exchange.connectionMark == identity
    else { return nil }
    lastExchange = Unmanaged.passUnretained(exchange)
    return lastExchange
  }

  // MARK: Sending

  func frameSent(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    switch header.type {
    case ClientFrame.headers:
      guard let exchange = exchange(on: header.stream_id) else { return }
      exchange.headersSent = true
      if header.flags & Self.endStream != 0 { exchange.requestSent = true }
    case ClientFrame.goAway:
      let code = frame.pointee.goaway.error_code
      if code != NGHTTP2_NO_ERROR.rawValue {
        noteViolation(String(cString: nghttp2_http2_strerror(code)))
      }
    default: return
    }
  }

  /// The library gave a request up before it was sent: the connection is going away, or the stream
  /// was reset meanwhile.
  func headersNotSent(stream: Int32, error: Int32) {
    if let exchange = exchange(on: stream) ?? pendingExchange(on: stream) {
      client.finish(
        exchange,
        .failure(
          TransportError(
            goAway == nil ? .connectionClosed : .goAway,
            "\(address) went away before the request was sent: "
              + String(cString: nghttp2_strerror(error)),
            isRetryable: true)))
    }
    // For a stream that exists the library reports its closing as well.
    if nghttp2_session_find_stream(session, stream) == nil { streamEnded() }
  }

  /// Before its HEADERS are sent a stream may be unknown to the library's look-up. Linear, rare.
  private func pendingExchange(on stream: Int32) -> ClientExchange? {
    var slot = streams.head
    while let exchange = table[slot] {
      if exchange.streamID == stream { return exchange }
      slot = exchange.next
    }
    return nil
  }

  func readBody(
    stream: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> (count: Int, isLast: Bool)? {
    guard let exchange = exchange(on: stream) else { return nil }
    let offset = exchange.bodyOffset
    if let relay = exchange.relay {
      guard let taken = relay.exchange else { return nil }
      let count = taken.copyBody(from: offset, into: buffer)
      exchange.bodyOffset = offset + count
      exchange.requestSent = exchange.bodyOffset == taken.bodyCount
      return (count, exchange.requestSent)
    }
    let count = min(buffer.count, exchange.request.body.count - offset)
    if count > 0 {
      exchange.request.body.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
      }
    }
    exchange.bodyOffset = offset + count
    let isLast = exchange.bodyOffset == exchange.request.body.count
    if isLast { exchange.requestSent = true }
    return (count, isLast)
  }

  /// Queues the trailer section that follows a body (RFC 9113 section 8.1); false without one.
  func submitTrailers(stream: Int32) -> Bool {
    guard let exchange = exchange(on: stream), exchange.relay == nil,
      !exchange.request.trailers.isEmpty
    else { return false }
    let encoder = client.encoder
    encoder.begin()
    do throws(TransportError) {
      for field in exchange.request.trailers { try encoder.append(field) }
    } catch {
      // They were checked when the request was submitted.
      return false
    }
    return nghttp2_submit_trailer(session, stream, encoder.fields, encoder.count) == 0
  }
}
