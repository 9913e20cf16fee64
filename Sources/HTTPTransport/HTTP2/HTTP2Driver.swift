import CNghttp2

/// One HTTP/2 connection: owns the session of nghttp2 and turns its events into exchanges.
///
/// An exchange is the user data of its stream, unretained: the connection's list keeps it until
/// the stream is closed, and ``retired`` until nghttp2 no longer refers to its fields.
final class HTTP2Driver {
  unowned(unsafe) let connection: Connection
  private(set) var session: OpaquePointer?
  /// The request whose header section is arriving.
  private var current: Unmanaged<Exchange>?
  private let maxHeaderBytes: Int
  private let maxHeaderCount: Int
  /// Requests that are not complete and not answered.
  private var incomplete = 0
  /// Answered requests whose rest is not wanted.
  private var lateResets = 0
  /// The answer to an upgraded request, until the client's preface is here: curl 7.88 cannot take
  /// more than 32 KiB together with the 101.
  private var held: Exchange?
  private var holdsAnswer = false
  /// Counts the times at which nghttp2's queue was empty.
  private var epoch: UInt64 = 1
  /// Closed exchanges whose fields may still be queued in nghttp2.
  private var retired: [Exchange] = []
  /// Output that did not fit into the write buffer, and what precedes nghttp2's own.
  private let spill = ByteArena()
  private var resets = 0
  private var resetWindowEnd = MonotonicTime(nanoseconds: 0)
  /// No more input is taken.
  private var isEnding = false
  private var hasSettings = false
  /// A frame ended in the input that is being taken.
  private var hasFrame = false
  /// When the second GOAWAY of a drain goes out in any case.
  private var goAwayDeadline: MonotonicTime?

  /// The time a peer has to acknowledge the first GOAWAY of a drain.
  private static let goAwayDelay = Duration.seconds(1)

  /// Nil when memory is lacking.
  init?(_ connection: Connection) {
    self.connection = connection
    maxHeaderBytes = connection.server.limits.maxHeaderBytes
    maxHeaderCount = connection.server.limits.maxHeaderCount
    guard let callbacks = HTTP2Callbacks.table,
      nghttp2_session_server_new2(
        &session, callbacks, Unmanaged.passUnretained(self).toOpaque(),
        connection.server.http2Options.pointer) == 0
    else { return nil }
    let limits = connection.server.limits
    let settings = [
      setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams),
      setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
      setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderBytes),
    ]
    nghttp2_submit_settings(session, 0, settings, settings.count)
    nghttp2_session_set_local_window_size(
      session, 0, 0, Int32(clamping: limits.connectionWindow))
  }

  deinit { nghttp2_session_del(session) }

  private func setting(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
    nghttp2_settings_entry(
      settings_id: Int32(bitPattern: id.rawValue), value: UInt32(clamping: value))
  }

  /// Takes over from HTTP/1.1 (RFC 7540 section 3.2): `exchange` becomes stream 1.
  /// Returns false when the settings are not valid.
  func upgrade(_ exchange: Exchange, settings: [UInt8]) -> Bool {
    let status = nghttp2_session_upgrade2(
      session, settings, settings.count, exchange.method == .head ? 1 : 0,
      Unmanaged.passUnretained(exchange).toOpaque())
    guard status == 0 else { return false }
    exchange.stream = 1
    exchange.version = .http2
    holdsAnswer = true
    // nghttp2 reports the settings of the request's field as a frame.
    hasSettings = false
    spill.append("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n")
    return true
  }

  // MARK: Input

  func receive(_ bytes: UnsafeRawBufferPointer) {
    guard !isEnding else { return }
    let count = nghttp2_session_mem_recv(
      session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    if count < 0 {
      let isFlood = Int32(truncatingIfNeeded: count) == NGHTTP2_ERR_FLOODED.rawValue
      end(isFlood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR)
    }
    // Bytes that complete no frame are no sign of life.
    if hasFrame { connection.lastActivity = connection.now }
    hasFrame = false
    connection.markDirty()
  }

  /// Says GOAWAY and takes no more input; the connection closes when that is written.
  private func end(_ code: nghttp2_error_code) {
    guard !isEnding else { return }
    isEnding = true
    nghttp2_session_terminate_session(session, code.rawValue)
    connection.markDirty()
  }

  func find(stream: UInt32) -> Exchange? {
    guard let session, let id = Int32(exactly: stream) else { return nil }
    return lookUp(session, id)
  }

  private func lookUp(_ session: OpaquePointer?, _ stream: Int32) -> Exchange? {
    guard let pointer = nghttp2_session_get_stream_user_data(session, stream) else { return nil }
    return Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
  }

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
    exchange.progressDeadline = connection.now + server.limits.headerTimeout
    incomplete += 1
    current = Unmanaged.passUnretained(exchange)
    if !server.isWithinBudget {
      exchange.rejection = .overloaded
    } else if connection.pendingResponseBytes > server.limits.maxPendingResponseBytes {
      exchange.rejection = .pendingResponses
    }
  }

  func header(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    current?._withUnsafeGuaranteedRef { field($0, name, value) }
  }

  private func field(
    _ exchange: Exchange, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    guard exchange.rejection == nil else { return }
    exchange.headerBytes += name.count + value.count + 32
    guard exchange.headerBytes <= maxHeaderBytes else {
      exchange.rejection = .headersTooLarge(maxHeaderBytes)
      return
    }
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
    exchange.addField(name: name, value: value)
  }

  private func pseudoHeader(
    _ exchange: Exchange, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    if name.equals(":path") {
      let limit = connection.server.limits.maxTargetBytes
      guard value.count <= limit else {
        exchange.rejection = .targetTooLong(limit)
        return
      }
      exchange.target.append(contentsOf: value)
      exchange.indexTarget()
    } else if name.equals(":method") {
      exchange.method = HTTPMethod(bytes: value)
    } else if name.equals(":authority") {
      let host: StaticString = "host"
      exchange.addField(
        name: UnsafeRawBufferPointer(start: host.utf8Start, count: 4), value: value)
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
      guard let exchange = current?.takeUnretainedValue() else { return }
      current = nil
      if !exchange.headersComplete {
        headersCompleted(exchange, endsStream: endsStream)
      } else if endsStream {
        completed(exchange)
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
    }
    if endsStream {
      completed(exchange)
      return
    }
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
    let scratch = connection.server.fieldScratch
    let value: StaticString = "100"
    scratch.begin(capacity: 1)
    scratch.add(":status", UnsafeRawBufferPointer(start: value.utf8Start, count: 3))
    nghttp2_submit_headers(
      session, 0, Int32(bitPattern: exchange.stream), nil, scratch.fields, 1, nil)
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
    connection.dispatch(exchange)
  }

  /// Answers without the rest of the request; the stream is reset with NO_ERROR after the answer
  /// (RFC 9113 section 8.1).
  private func answerEarly(_ exchange: Exchange) {
    guard exchange.phase == .receiving else { return }
    incomplete -= 1
    connection.dispatch(exchange)
  }

  func streamClosed(_ stream: Int32) {
    guard let pointer = nghttp2_session_get_stream_user_data(session, stream) else { return }
    nghttp2_session_set_stream_user_data(session, stream, nil)
    if current?.toOpaque() == pointer { current = nil }
    Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
      if exchange.phase == .receiving { incomplete -= 1 }
      if exchange.awaitsReset { lateResets -= 1 }
      if held === exchange { held = nil }
      // Kept before it is detached: the connection's list held it.
      let isQueued = exchange.submittedEpoch == epoch
      retired.append(exchange)
      connection.detach(exchange)
      if !isQueued, let last = retired.popLast() { connection.server.give(last) }
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
    if resets > server.limits.maxResets { end(NGHTTP2_ENHANCE_YOUR_CALM) }
  }

  // MARK: Output

  /// Queues an answer; nghttp2 serialises it when the connection is flushed.
  func submit(_ exchange: Exchange) {
    if holdsAnswer, !hasSettings {
      held = exchange
      return
    }
    let server = connection.server
    let scratch = server.fieldScratch
    let statusStart = exchange.responseBytes.append(decimal: exchange.validStatus)
    let statusEnd = exchange.responseBytes.count
    let lengthStart = exchange.responseBytes.append(decimal: exchange.responseBody.count)
    let lengthEnd = exchange.responseBytes.count
    scratch.begin(capacity: exchange.responseFields.count + 3)
    scratch.add(":status", exchange.responseBytes[statusStart..<statusEnd])
    scratch.add("date", server.dateBytes)
    if exchange.sendsLength {
      scratch.add("content-length", exchange.responseBytes[lengthStart..<lengthEnd])
    }
    for field in exchange.responseFields.elements {
      scratch.add(
        field.name(in: exchange.responseBytes), field.value(in: exchange.responseBytes))
    }
    exchange.submittedEpoch = epoch
    let stream = Int32(bitPattern: exchange.stream)
    guard exchange.sendsBody else {
      nghttp2_submit_response(session, stream, scratch.fields, scratch.count, nil)
      if !exchange.requestComplete { resetLater(exchange) }
      return
    }
    var provider = nghttp2_data_provider()
    provider.source.ptr = Unmanaged.passUnretained(exchange).toOpaque()
    provider.read_callback = HTTP2Callbacks.readBody
    nghttp2_submit_response(session, stream, scratch.fields, scratch.count, &provider)
  }

  /// Some clients (curl 7.88) drop an answer when the reset comes together with it, so the stream
  /// stays half-open for a while; what arrives on it is dropped and its window stays shut.
  private func resetLater(_ exchange: Exchange) {
    guard !exchange.awaitsReset else { return }
    exchange.awaitsReset = true
    exchange.progressDeadline = connection.now + connection.server.limits.lingerTimeout
    lateResets += 1
  }

  private func sweepLateResets(now: MonotonicTime) {
    for exchange in connection.exchanges where exchange.awaitsReset {
      guard now >= exchange.progressDeadline else { continue }
      exchange.awaitsReset = false
      lateResets -= 1
      nghttp2_submit_rst_stream(
        session, 0, Int32(bitPattern: exchange.stream), NGHTTP2_NO_ERROR.rawValue)
      connection.markDirty()
    }
  }

  private func releaseAnswer() {
    holdsAnswer = false
    guard let exchange = held else { return }
    held = nil
    submit(exchange)
  }

  func readBody(
    _ exchange: Exchange, into buffer: UnsafeMutableRawBufferPointer,
    _ flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let amount = min(buffer.count, exchange.responseBody.count - exchange.bodySent)
    exchange.responseBody.withUnsafeBytes { body in
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(
          rebasing: body[exchange.bodySent..<exchange.bodySent + amount]))
    }
    exchange.bodySent += amount
    connection.responseAdvanced(by: amount)
    if exchange.bodySent == exchange.responseBody.count {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if !exchange.requestComplete { resetLater(exchange) }
    }
    return amount
  }

  func produce(_ output: inout OutputCursor) {
    if !spill.isEmpty {
      spill.removeFirst(output.append(spill.bytes))
    }
    while output.remaining > 0 {
      var bytes: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &bytes)
      guard count > 0 else {
        if count < 0 {
          connection.close()
        } else {
          epoch &+= 1
          releaseRetired()
        }
        return
      }
      let chunk = UnsafeRawBufferPointer(start: bytes, count: count)
      let taken = output.append(chunk)
      if taken < count { spill.append(UnsafeRawBufferPointer(rebasing: chunk[taken...])) }
    }
  }

  private func releaseRetired() {
    while let exchange = retired.popLast() { connection.server.give(exchange) }
  }

  /// Whether nothing more is to be sent or read.
  var isFinished: Bool {
    guard spill.isEmpty, nghttp2_session_want_write(session) == 0 else { return false }
    return isEnding || nghttp2_session_want_read(session) == 0
  }

  /// Forgets everything; the connection is about to end.
  func abandon() {
    nghttp2_session_del(session)
    session = nil
    current = nil
    held = nil
    releaseRetired()
  }

  // MARK: Time and the end

  /// Announces the end; requests on their way are still taken until the peer has seen it.
  func drain() {
    guard goAwayDeadline == nil, !isEnding else { return }
    nghttp2_submit_shutdown_notice(session)
    nghttp2_submit_ping(session, 0, nil)
    goAwayDeadline = connection.server.loop.now + HTTP2Driver.goAwayDelay
  }

  private func sendLastGoAway() {
    goAwayDeadline = MonotonicTime(nanoseconds: .max)
    nghttp2_submit_goaway(
      session, 0, nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR.rawValue, nil,
      0)
    connection.markDirty()
  }

  func sweep(now: MonotonicTime) {
    let limits = connection.server.limits
    if let goAwayDeadline, now >= goAwayDeadline { sendLastGoAway() }
    if !hasSettings {
      if now - connection.lastActivity > limits.headerTimeout { end(NGHTTP2_PROTOCOL_ERROR) }
      return
    }
    if incomplete > 0 { sweepIncomplete(now: now) }
    if lateResets > 0 { sweepLateResets(now: now) }
    if connection.exchanges.isEmpty, now - connection.lastActivity > limits.idleTimeout {
      end(NGHTTP2_NO_ERROR)
    }
  }

  private func sweepIncomplete(now: MonotonicTime) {
    for exchange in connection.exchanges where exchange.phase == .receiving {
      guard now >= exchange.progressDeadline else { continue }
      guard exchange.headersComplete else {
        // No answer can be given amid a header block: the compression state would be lost.
        end(NGHTTP2_ENHANCE_YOUR_CALM)
        return
      }
      exchange.rejection = .slowBody
      answerEarly(exchange)
    }
  }
}
