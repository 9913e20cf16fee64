import CNghttp2

/// The streams of a connection: requests out, responses in. All but the first section is called
/// from nghttp2's callbacks.
extension ClientConnection {
  private static let noFlags = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
  private static let endStream = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_END_STREAM.rawValue)
  private static let acknowledgement = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_ACK.rawValue)

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
    if limits.tellsDeadline {
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

  /// Adds what makes the peer trust this connection to its first request.
  private func greet(_ encoder: RequestEncoder) throws(TransportError) {
    isGreeted = true
    for field in client.greeting { try encoder.append(field) }
  }

  /// Takes an exchange off its stream, which stays open until it is reset or ends.
  func detach(_ exchange: ClientExchange) {
    table.remove(exchange, from: &streams)
    if state != .closed {
      nghttp2_session_set_stream_user_data(session, exchange.streamID, nil)
    }
    exchange.connection = nil
  }

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
    guard state == .ready, pingSentAt == nil else { return }
    nghttp2_submit_ping(session, Self.noFlags, nil)
    pingSentAt = loop.now.nanoseconds
    client.markDirty(self)
  }

  /// The exchange on a stream, nil when it was abandoned.
  @inline(__always)
  private func exchange(on stream: Int32) -> ClientExchange? {
    // The frames and fields of one response come in a row.
    if let last = lastExchange, last.streamID == stream, last.state == .open,
      last.connection === self
    {
      return last
    }
    guard let mark = nghttp2_session_get_stream_user_data(session, stream) else { return nil }
    guard let exchange = table[Int32(truncatingIfNeeded: Int(bitPattern: mark) - 1)],
      exchange.state == .open, exchange.streamID == stream, exchange.connection === self
    else { return nil }
    lastExchange = exchange
    return exchange
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
      exchange.requestSent = exchange.bodyOffset == taken.requestBodyCount
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

  // MARK: Receiving

  func headersBegin(stream: Int32) {
    guard let exchange = exchange(on: stream) else { return }
    if exchange.status >= 200 {
      exchange.inTrailers = true
    } else {
      exchange.status = 0
      guard exchange.fieldCount > 0 else { return }
      exchange.fields.removeAll(keepingCapacity: true)
      exchange.fieldCount = 0
    }
  }

  /// Returns false when the response is given up; the library then resets the stream.
  func headerField(
    stream: Int32, name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard let exchange = exchange(on: stream) else { return true }
    return take(exchange, name, value)
  }

  private func take(
    _ exchange: ClientExchange, _ name: UnsafeBufferPointer<UInt8>,
    _ value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    exchange.headerCount += 1
    exchange.headerBytes += name.count + value.count + 32
    guard exchange.headerCount <= limits.maxHeaderCount,
      exchange.headerBytes <= limits.maxHeaderBytes
    else {
      client.finish(
        exchange,
        .failure(
          TransportError(
            .tooLarge,
            "the response's header fields exceed \(limits.maxHeaderCount) fields or"
              + " \(limits.maxHeaderBytes) bytes")))
      return false
    }
    if name.first == 0x3A {
      // nghttp2 lets only a ":status" of three digits through.
      exchange.status = value.reduce(0) { $0 &* 10 &+ (Int($1) &- 0x30) }
      return true
    }
    if let relay = exchange.heldRelay {
      // A proxy has no use for trailers: what our servers say stands in header sections.
      guard !exchange.inTrailers, exchange.status >= 200 else { return true }
      relay._withUnsafeGuaranteedRef {
        $0.take(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(value))
      }
      return true
    }
    if exchange.inTrailers {
      exchange.trailerCount += 1
      return exchange.trailers.appendField(name: name, value: value)
    }
    exchange.fieldCount += 1
    return exchange.fields.appendField(name: name, value: value)
  }

  func dataReceived(stream: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
    // Bodies are collected under limits of their own, so that bytes count as consumed on arrival.
    nghttp2_session_consume(session, stream, bytes.count)
    guard let exchange = exchange(on: stream) else { return }
    guard bytes.count <= limits.maxBodyBytes - exchange.bodyBytes else {
      abandon(
        exchange,
        TransportError(
          .tooLarge, "the response's body exceeds \(limits.maxBodyBytes) bytes; ask for less"))
      return
    }
    guard bytes.count <= limits.maxBufferedBytes - table.bufferedBytes else {
      abandon(
        exchange,
        TransportError(
          .overloaded,
          "the responses being received exceed \(limits.maxBufferedBytes) bytes;"
            + " send fewer requests at once"))
      return
    }
    table.bufferedBytes += bytes.count
    exchange.bodyBytes += bytes.count
    if let relay = exchange.heldRelay {
      relay._withUnsafeGuaranteedRef { $0.append(UnsafeRawBufferPointer(bytes)) }
      return
    }
    if exchange.body.isEmpty { reserveBody(exchange, atLeast: bytes.count) }
    exchange.body.append(contentsOf: bytes)
  }

  /// Allocates a body once when its length is told; never much on a mere promise.
  private func reserveBody(_ exchange: ClientExchange, atLeast count: Int) {
    let headers = HeaderBlock(storage: exchange.fields, count: exchange.fieldCount)
    var length = 0
    for digit in headers.firstBytes("content-length") ?? [] {
      guard length < 1 << 24, digit >= 0x30, digit <= 0x39 else { break }
      length = length * 10 + Int(digit - 0x30)
    }
    exchange.body.reserveCapacity(max(count, min(length, limits.maxBodyBytes, 1 << 20)))
  }

  private func abandon(_ exchange: ClientExchange, _ error: TransportError) {
    let stream = exchange.streamID
    client.finish(exchange, .failure(error))
    reset(stream: stream, wasSent: true)
  }

  func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    switch header.type {
    case ClientFrame.data, ClientFrame.headers:
      guard header.flags & Self.endStream != 0, let exchange = exchange(on: header.stream_id)
      else { return }
      complete(exchange)
    case ClientFrame.reset:
      exchange(on: header.stream_id)?.resetByPeer = true
    case ClientFrame.settings:
      guard header.flags & Self.acknowledgement == 0 else { return }
      settingsReceived()
    case ClientFrame.ping:
      guard header.flags & Self.acknowledgement != 0 else { return }
      pingSentAt = nil
      if peer.isWaiting { client.markDirty(peer) }
    case ClientFrame.goAway:
      goAway = GoAway(code: frame.pointee.goaway.error_code)
      if state == .ready || state == .greeting { state = .draining }
      client.markDirty(peer)
    default: return
    }
  }

  private func complete(_ exchange: ClientExchange) {
    answered += 1
    peer.answered()
    let stream = exchange.streamID
    let requestSent = exchange.requestSent
    // A response that does not wait for the request's end (RFC 9113 section 8.1): stop uploading.
    defer { if !requestSent { reset(stream: stream, wasSent: true) } }
    if let relay = exchange.heldRelay {
      let status = exchange.status
      client.recycle(exchange)
      relay._withUnsafeGuaranteedRef { $0.answered(status) }
      return
    }
    let response = ClientResponse(
      status: exchange.status,
      // A copy of the exact size; the exchange's own buffer is used again.
      headers: HeaderBlock(
        storage: exchange.fields.isEmpty ? [] : exchange.fields.withUnsafeBytes { Array($0) },
        count: exchange.fieldCount),
      body: exchange.body,
      trailers: HeaderBlock(storage: exchange.trailers, count: exchange.trailerCount))
    client.finish(exchange, .success(response))
  }

  private func settingsReceived() {
    let allowed = nghttp2_session_get_remote_settings(
      session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    streamLimit = min(Int(allowed), limits.maxStreamsPerConnection)
    if state == .greeting { state = .ready }
    client.markDirty(peer)
  }

  func streamClosed(_ stream: Int32, code: UInt32) {
    if let exchange = exchange(on: stream) {
      client.finish(exchange, .failure(closingError(exchange, code)))
    }
    streamEnded()
  }

  private func streamEnded() {
    openStreams = max(openStreams - 1, 0)
    lastActive = loop.now.nanoseconds
    if peer.isWaiting { client.markDirty(peer) }
    if state == .draining { client.markDirty(self) }
  }

  private func closingError(_ exchange: ClientExchange, _ code: UInt32) -> TransportError {
    let name = String(cString: nghttp2_http2_strerror(code))
    if code == NGHTTP2_REFUSED_STREAM.rawValue, exchange.status == 0 {
      // After GOAWAY the library closes the streams above the last identifier with this code.
      return exchange.resetByPeer
        ? TransportError(
          .refused, "\(address) refused the stream before it did anything", isRetryable: true)
        : TransportError(
          .goAway, "\(address) is going away and did not take the request", isRetryable: true)
    }
    if exchange.resetByPeer {
      return TransportError(
        .streamReset, "\(address) reset the stream: \(name)", isRetryable: !exchange.headersSent)
    }
    return TransportError(
      .protocolViolation, "the response of \(address) is malformed: \(name)",
      isRetryable: !exchange.headersSent)
  }

  func noteViolation(_ reason: String) {
    if violation == nil { violation = reason }
  }

  /// Why the connection ends, as far as is known.
  var ending: TransportError {
    if let violation {
      return TransportError(
        .protocolViolation, "\(address) broke the protocol: \(violation)")
    }
    if let goAway {
      let name = String(cString: nghttp2_http2_strerror(goAway.code))
      return TransportError(
        .goAway, "\(address) went away: \(name)", isRetryable: openStreams == 0)
    }
    return TransportError(
      .connectionClosed, "\(address) closed the connection before the answer was complete",
      isRetryable: state == .greeting)
  }
}
