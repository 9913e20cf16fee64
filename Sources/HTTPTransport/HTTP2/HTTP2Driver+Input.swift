import CNghttp2

/// What nghttp2 tells while it takes input.
extension HTTP2Driver {
  func beginHeaders(stream: Int32, isRequest: Bool) {
    guard isRequest else {
      current = lookUp(session, stream).map { Unmanaged.passUnretained($0) }
      return
    }
    let server = connection.server
    let exchange = connection.open(
      stream: UInt32(bitPattern: stream), version: .http2)
    nghttp2_session_set_stream_user_data(
      session, stream, Unmanaged.passUnretained(exchange).toOpaque())
    exchange.progressDeadline = connection.now.advanced(nanoseconds: server.headerPatience)
    incomplete += 1
    current = Unmanaged.passUnretained(exchange)
    if !server.isWithinBudget || !connection.maySendMore {
      exchange.rejection = .overloaded
    } else if connection.pendingResponseBytes > server.pendingShare {
      exchange.rejection = .pendingResponses
    }
  }

  func header(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    current?._withUnsafeGuaranteedRef { field($0, name, value) }
  }

  private func field(
    _ exchange: Exchange, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    exchange.headerBytes += name.count + value.count + 32
    guard exchange.headerBytes <= maxHeaderBytes else {
      headersExceeded(exchange)
      return
    }
    guard exchange.rejection == nil else { return }
    // Trailers are counted and dropped.
    guard !exchange.headersComplete else { return }
    if name.first == 0x3A {
      pseudoHeader(exchange, name, value)
      return
    }
    guard exchange.requestFields.count < maxHeaderCount else {
      exchange.rejection = .tooManyHeaders(maxHeaderCount)
      return
    }
    switch name.count {
    case 4 where name.equals("host") && exchange.fieldCount("host") > 0:
      if exchange.withHeader("host", { $0.elementsEqual(value) }) != true {
        exchange.rejection = .otherHost
      }
    case 6 where name.equals("cookie") && exchange.joinCookie(value): break
    default: exchange.addField(name: name, value: value)
    }
  }

  /// A block can be small and stand for a thousand times as much, by references to a large entry of
  /// the table; what goes far beyond the limit is no mistake.
  private func headersExceeded(_ exchange: Exchange) {
    exchange.rejection = exchange.rejection ?? .headersTooLarge(maxHeaderBytes)
    if exchange.headerBytes > HTTP2Driver.headerExcess * maxHeaderBytes {
      end(NGHTTP2_ENHANCE_YOUR_CALM)
    }
  }

  /// How many times the limit of header bytes ends the connection.
  private static let headerExcess = 8

  private func pseudoHeader(
    _ exchange: Exchange, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    // nghttp2 lets no others through, so that a letter tells them apart.
    switch name[1] {
    case UInt8(ascii: "p"):
      let limit = connection.server.limits.maxTargetBytes
      guard value.count <= limit else {
        exchange.rejection = .targetTooLong(limit)
        return
      }
      exchange.target.append(value)
      exchange.indexTarget()
    case UInt8(ascii: "m"):
      exchange.method = HTTPMethod(bytes: value)
    case UInt8(ascii: "a"):
      guard !value.contains(0x40) else {
        exchange.rejection = .malformed(
          "The field ':authority' names a user, which HTTP/2 forbids (RFC 9113 section 8.3.1).")
        return
      }
      let host: StaticString = "host"
      exchange.addField(
        name: UnsafeRawBufferPointer(start: host.utf8Start, count: 4), value: value)
    default: break
    }
  }

  func invalidHeader() {
    guard let exchange = current?.takeUnretainedValue(), exchange.rejection == nil else { return }
    exchange.rejection = .malformed(
      "A header field has a name or a value that HTTP/2 does not allow; send names in lower case "
        + "and values without control characters.")
  }

  func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
    hasFrame = true
    let endsStream = UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    switch UInt32(frame.pointee.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      guard let link = current else { return }
      current = nil
      link._withUnsafeGuaranteedRef { exchange in
        if !exchange.headersComplete {
          headersCompleted(exchange, endsStream: endsStream)
        } else if endsStream {
          completed(exchange)
        }
      }
    case NGHTTP2_DATA.rawValue:
      guard endsStream, let exchange = lookUp(session, frame.pointee.hd.stream_id) else { return }
      completed(exchange)
    case NGHTTP2_RST_STREAM.rawValue:
      noteReset()
    case NGHTTP2_SETTINGS.rawValue:
      hasSettings = true
      releaseAnswer()
    case NGHTTP2_PING.rawValue:
      let isAcknowledgement =
        UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_ACK.rawValue != 0
      if isAcknowledgement, goAwayDeadline != nil { sendLastGoAway() }
    default:
      break
    }
  }

  private func headersCompleted(_ exchange: Exchange, endsStream: Bool) {
    exchange.headersComplete = true
    let server = connection.server
    if case .other("CONNECT") = exchange.method {
      exchange.rejection =
        exchange.rejection ?? .notImplemented("The server is no proxy and knows no CONNECT.")
    } else if exchange.rejection == nil, !exchange.hasPath {
      // nghttp2 looks at the targets of http and https only.
      exchange.rejection = .malformed("The field ':path' must start with '/'.")
    }
    if endsStream {
      completed(exchange)
      return
    }
    if exchange.rejection == nil { connection.holdHead(of: exchange) }
    if exchange.rejection == nil, let length = exchange.declaredLength,
      length > server.limits.maxBodyBytes
    {
      exchange.rejection = .bodyTooLarge(server.limits.maxBodyBytes)
    }
    if exchange.rejection == nil,
      let expected = exchange.withHeader("expect", { $0.equalsIgnoringCase("100-continue") })
    {
      if expected { sendContinue(exchange) } else { exchange.rejection = .expectation }
    }
    if exchange.rejection != nil {
      answerEarly(exchange)
    } else {
      exchange.progressDeadline = server.loop.now + server.limits.bodyTimeout
    }
  }

  private func sendContinue(_ exchange: Exchange) {
    connection.server.fieldScratch.begin(capacity: 1)
    connection.server.fieldScratch.add(":status", StatusLine.digits(100))
    nghttp2_submit_headers(
      session, 0, Int32(bitPattern: exchange.stream), nil, connection.server.fieldScratch.fields,
      1, nil)
  }

  func data(stream: Int32, _ bytes: UnsafeRawBufferPointer) {
    guard let exchange = lookUp(session, stream), exchange.phase == .receiving else {
      nghttp2_session_consume_connection(session, bytes.count)
      return
    }
    exchange.receive(bytes, server: connection.server)
    if exchange.rejection != nil {
      nghttp2_session_consume_connection(session, bytes.count)
      answerEarly(exchange)
    } else {
      nghttp2_session_consume(session, stream, bytes.count)
    }
  }

  private func completed(_ exchange: Exchange) {
    exchange.requestComplete = true
    guard exchange.phase == .receiving else { return }
    incomplete -= 1
    if connection.dispatch(exchange) {
      submit(exchange)
      connection.markDirty()
    }
  }

  /// Answers without the rest of the request; the stream is reset with NO_ERROR after the answer
  /// (RFC 9113 section 8.1).
  func answerEarly(_ exchange: Exchange) {
    guard exchange.phase == .receiving else { return }
    incomplete -= 1
    if connection.dispatch(exchange) {
      submit(exchange)
      connection.markDirty()
    }
  }

  func streamClosed(_ stream: Int32) {
    guard let pointer = nghttp2_session_get_stream_user_data(session, stream) else { return }
    if current?.toOpaque() == pointer { current = nil }
    Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
      if exchange.phase == .receiving { incomplete -= 1 }
      if exchange.awaitsReset { lateResets -= 1 }
      if held === exchange { held = nil }
      connection.detach(exchange)
      if exchange.submittedEpoch == epoch {
        retired.prepend(exchange)
      } else {
        connection.server.give(exchange)
      }
    }
  }

  /// Counts resets in both directions: those a client sends in a burst (CVE-2023-44487), and those
  /// it provokes the server into (CVE-2025-8671).
  func noteReset() {
    let server = connection.server
    if server.loop.now >= resetWindowEnd {
      resets = 0
      resetWindowEnd = server.loop.now + server.limits.resetWindow
    }
    resets += 1
    let limit =
      connection.isTrusted ? server.limits.maxTrustedResets : server.limits.maxResets
    if resets > limit { end(NGHTTP2_ENHANCE_YOUR_CALM) }
  }
}
