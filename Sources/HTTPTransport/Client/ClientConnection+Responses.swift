import CNghttp2

/// The streams of a connection: responses on their way in. Called from nghttp2's callbacks.
extension ClientConnection {
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
    guard let exchange = held(on: stream) else { return true }
    return exchange._withUnsafeGuaranteedRef { take($0, name, value) }
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
      if let stream = exchange.stream, exchange.status >= 200 {
        client.extend(exchange, by: stream.idleLimit)
      }
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
    guard let exchange = held(on: stream) else { return }
    exchange._withUnsafeGuaranteedRef { collect($0, bytes) }
  }

  private func collect(_ exchange: ClientExchange, _ bytes: UnsafeBufferPointer<UInt8>) {
    if let stream = exchange.stream {
      if let idleLimit = stream.idleLimit { client.extend(exchange, by: idleLimit) }
      return client.feed(stream, bytes)
    }
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
      guard header.flags & Self.endStream != 0, let exchange = held(on: header.stream_id)
      else { return }
      exchange._withUnsafeGuaranteedRef { complete($0) }
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

  /// Whether a request with such an answer came as far as the peer's handler: a server that is
  /// overloaded, or cannot read the request, answers without looking at the fields.
  private static func wasHandled(_ status: Int) -> Bool {
    switch status {
    case 200..<400, 404, 409, 412: true
    default: false
    }
  }

  private func complete(_ exchange: ClientExchange) {
    answered += 1
    if !isGreeted { isGreeted = ClientConnection.wasHandled(exchange.status) }
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
    if state == .greeting {
      state = .ready
      // What it was opened for is about to come.
      lastActive = loop.now.nanoseconds
    }
    client.markDirty(peer)
  }

  func streamClosed(_ stream: Int32, code: UInt32) {
    if let exchange = exchange(on: stream) {
      client.finish(exchange, .failure(closingError(exchange, code)))
    }
    streamEnded()
  }

  func streamEnded() {
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
