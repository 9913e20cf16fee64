import CNghttp2

/// One HTTP/2 connection: owns the session of nghttp2 and turns its events into exchanges.
///
/// An exchange is the user data of its stream, unretained: the connection's list keeps it until
/// the stream is closed, and ``retired`` until nghttp2 no longer refers to its fields.
final class HTTP2Driver {
  /// Keeps this driver until it is closed.
  let connection: Connection
  private let memory: SessionMemory
  @exclusivity(unchecked) var session: OpaquePointer?
  /// The request whose header section is arriving.
  @exclusivity(unchecked) var current: Unmanaged<Exchange>?
  let maxHeaderBytes: Int
  let maxHeaderCount: Int
  /// Requests that are not complete and not answered.
  @exclusivity(unchecked) var incomplete = 0
  /// Answered requests whose rest is not wanted.
  var lateResets = 0
  /// The answer to an upgraded request, until the client's preface is here: curl 7.88 cannot take
  /// more than 32 KiB together with the 101.
  var held: Exchange?
  var holdsAnswer = false
  /// Counts the times at which nghttp2's queue was empty.
  @exclusivity(unchecked) var epoch: UInt64 = 1
  /// Closed exchanges whose fields may still be queued in nghttp2.
  let retired = ExchangeList()
  /// Output that did not fit into the write buffer, and what precedes nghttp2's own.
  let spill = ByteArena()
  var resets = 0
  var resetWindowEnd = MonotonicTime(nanoseconds: 0)
  /// No more input is taken.
  var isEnding = false
  var hasSettings = false
  private var watch: FrameWatch
  /// A frame ended in the input that is being taken.
  var hasFrame = false
  /// When the second GOAWAY of a drain goes out in any case.
  var goAwayDeadline: MonotonicTime?

  /// The time a peer has to acknowledge the first GOAWAY of a drain.
  private static let goAwayDelay = Duration.seconds(1)

  /// Nil when memory is lacking.
  init?(_ connection: Connection) {
    self.connection = connection
    memory = connection.server.loop.sessionMemory
    maxHeaderBytes = connection.server.limits.maxHeaderBytes
    maxHeaderCount = connection.server.limits.maxHeaderCount
    watch = FrameWatch(connection.server.limits.frameLimits, now: connection.now)
    guard let callbacks = HTTP2Callbacks.table,
      nghttp2_session_server_new3(
        &session, callbacks, Unmanaged.passUnretained(self).toOpaque(),
        connection.server.http2Options.pointer, &memory.callbacks) == 0
    else { return nil }
    let limits = connection.server.limits
    let settings = [
      setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams),
      setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
      setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderBytes),
      // RFC 7540's tree is deprecated, and costs time with every stream (RFC 9218 section 2.1).
      setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    nghttp2_submit_settings(session, 0, settings, settings.count)
    nghttp2_session_set_local_window_size(
      session, 0, 0, Int32(clamping: limits.connectionWindow))
  }

  deinit { nghttp2_session_del(session) }

  func setting(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
    nghttp2_settings_entry(
      settings_id: Int32(bitPattern: id.rawValue), value: UInt32(clamping: value))
  }

  /// Lets a peer of ours open more streams.
  func trust() {
    let limits = connection.server.limits
    guard limits.maxTrustedStreams > limits.maxConcurrentStreams else { return }
    let entry = setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxTrustedStreams)
    withUnsafePointer(to: entry) { _ = nghttp2_submit_settings(session, 0, $0, 1) }
    connection.markDirty()
  }

  /// Takes over from HTTP/1.1 (RFC 7540 section 3.2): `exchange` becomes stream 1.
  /// Returns false when the settings are not valid.
  func upgrade(_ exchange: Exchange, settings: [UInt8]) -> Bool {
    // On the server's side nghttp2 drops the user data that an upgrade is given, so that the
    // stream gets them apart: without them no token finds the exchange.
    guard
      nghttp2_session_upgrade2(
        session, settings, settings.count, exchange.method == .head ? 1 : 0, nil) == 0,
      nghttp2_session_set_stream_user_data(
        session, 1, Unmanaged.passUnretained(exchange).toOpaque()) == 0
    else { return false }
    watch.upgraded()
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
    let (taken, fault) = watch.scan(bytes, now: connection.now, sent: connection.sentBytes)
    let count = nghttp2_session_mem_recv(
      session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), taken)
    if count < 0 {
      let isFlood = Int32(truncatingIfNeeded: count) == NGHTTP2_ERR_FLOODED.rawValue
      end(isFlood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR)
    }
    if let fault { end(nghttp2_error_code(fault.rawValue)) }
    // Bytes that complete no frame are no sign of life.
    if hasFrame { connection.lastActivity = connection.now }
    hasFrame = false
    connection.markDirty()
  }

  /// Says GOAWAY and takes no more input; the connection closes when that is written.
  func end(_ code: nghttp2_error_code) {
    guard !isEnding else { return }
    isEnding = true
    nghttp2_session_terminate_session(session, code.rawValue)
    connection.markDirty()
  }

  func find(stream: UInt32) -> Exchange? {
    guard let session, let id = Int32(exactly: stream) else { return nil }
    return lookUp(session, id)
  }

  func lookUp(_ session: OpaquePointer?, _ stream: Int32) -> Exchange? {
    guard let pointer = nghttp2_session_get_stream_user_data(session, stream) else { return nil }
    return Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
  }

  // MARK: Time and the end

  /// Announces the end; requests on their way are still taken until the peer has seen it.
  func drain() {
    guard goAwayDeadline == nil, !isEnding else { return }
    nghttp2_submit_shutdown_notice(session)
    nghttp2_submit_ping(session, 0, nil)
    goAwayDeadline = connection.server.loop.now + HTTP2Driver.goAwayDelay
  }

  func sendLastGoAway() {
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
    connection.exchanges.forEach { exchange in
      guard exchange.phase == .receiving, now >= exchange.progressDeadline, !isEnding else {
        return
      }
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
