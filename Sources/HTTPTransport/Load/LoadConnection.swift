import CNghttp2
import Glibc

/// One HTTP/2 connection of a measurement, in plain text with prior knowledge or over TLS (RFC 9113
/// section 3). It is made to cost little beside the server it measures: bodies are counted and
/// dropped, header fields are laid out once, streams are used again, and what a turn sends goes out
/// in one write.
///
/// The loop keeps it while it is open. It belongs to the loop's thread.
package final class LoadConnection: ReadinessHandler, TurnFlushable {
  enum State {
    case connecting
    /// Waits for the TLS handshake.
    case securing
    /// Waits for the peer's SETTINGS.
    case greeting
    case ready
    case draining
    case closed
  }

  package let address: SocketAddress
  let template: LoadTemplate
  unowned let loop: EventLoop
  /// Kept as long as the connection is open.
  private var observer: (any LoadObserver)?
  var state = State.connecting
  /// What the connection is encrypted with, and the name that the certificate must have.
  let security: (context: TLSContext, name: String)?
  /// Nil in plain text.
  var tls: TLSSession?
  private var socket: Descriptor?
  private var watch: WatchID?
  private(set) var session: OpaquePointer?
  var streams: LoadStreams
  /// Streams the peer allows.
  var streamLimit: Int
  /// Output that the socket did not take; the session is not asked for more meanwhile.
  private var spill: [UInt8] = []
  private var spillOffset = 0
  private var isDirty = false
  /// When the bytes being read came.
  private(set) var receivedAt: UInt64 = 0
  var violation: String?

  /// Bodies are dropped on arrival, so that windows need not hold the peer back.
  private static let window: Int32 = (1 << 30) - 1

  /// Starts to connect.
  /// - Parameter streams: requests under way at a time, at least 1; fewer when the peer allows
  ///   fewer.
  /// - Parameter security: nil speaks plain text.
  /// - Throws: `.refused`, `.connectFailed` or `.system` when that fails at once.
  package init(
    to address: SocketAddress, security: (context: TLSContext, name: String)? = nil, streams: Int,
    template: LoadTemplate, loop: EventLoop, observer: any LoadObserver
  ) throws(TransportError) {
    self.address = address
    self.security = security
    self.template = template
    self.loop = loop
    self.observer = observer
    self.streams = LoadStreams(capacity: max(streams, 1), scratchBytes: template.scratchBytes)
    streamLimit = max(streams, 1)
    let descriptor = try Socket.connect(to: address)
    let number = descriptor.rawValue
    socket = consume descriptor
    watch = try loop.watch(number, for: [.writable], self)
  }

  deinit { nghttp2_session_del(session) }

  private var descriptor: Int32 { socket?.rawValue ?? -1 }

  /// How many requests may be sent now.
  package var room: Int {
    state == .ready && spill.isEmpty ? max(streamLimit - streams.count, 0) : 0
  }

  // MARK: Requests

  /// Sends a request at the end of the turn. Returns false when there is no room.
  package func send(_ request: LoadRequest) -> Bool {
    guard room > 0, let place = streams.take(request) else { return false }
    let count = template.fill(request, streams.scratch(of: place))
    let stream: Int32
    if request.isWrite {
      var provider = nghttp2_data_provider()
      provider.source.ptr = UnsafeMutableRawPointer(place)
      provider.read_callback = LoadCallbacks.readBody
      stream = nghttp2_submit_request(session, nil, template.fields, count, &provider, place)
    } else {
      stream = nghttp2_submit_request(session, nil, template.fields, count, nil, place)
    }
    guard stream > 0 else {
      streams.give(place)
      drain()
      return false
    }
    place.pointee.id = stream
    markDirty()
    return true
  }

  /// Gives up the requests that were sent before `time`; their streams are reset.
  package func expire(sentBefore time: UInt64) {
    guard state == .ready || state == .draining else { return }
    var expired: [LoadRequest] = []
    streams.forEach { place in
      guard place.pointee.request.sent < time, !place.pointee.isTold else { return }
      place.pointee.isTold = true
      expired.append(place.pointee.request)
      nghttp2_submit_rst_stream(session, 0, place.pointee.id, NGHTTP2_CANCEL.rawValue)
    }
    guard !expired.isEmpty else { return }
    markDirty()
    let error = TransportError(.timedOut, "\(address) did not answer in time")
    for request in expired { tell(request, .failed(error), at: loop.now.nanoseconds) }
  }

  /// Closes at once; requests under way fail with `.cancelled`.
  package func cancel() {
    close(TransportError(.cancelled, "the measurement has ended"))
  }

  func tell(_ request: LoadRequest, _ end: LoadEnd, at time: UInt64) {
    observer?.loadConnection(self, ended: request, end, at: time)
  }

  func drain() {
    guard state == .ready || state == .greeting else { return }
    state = .draining
    observer?.loadConnectionDrains(self)
  }

  // MARK: Input

  func ready(_ readiness: Readiness) {
    guard state != .closed else { return }
    if state == .connecting {
      connected()
      return
    }
    if readiness.contains(.writable) { writeSpill() }
    if state != .closed, !readiness.isDisjoint(with: [.readable, .hangUp, .failed]) { receive() }
    if room > 0 { observer?.loadConnectionHasRoom(self) }
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
    setInterest()
    if security == nil { greet() } else { secure() }
  }

  /// Begins to speak HTTP/2.
  func greet() {
    guard startSession() else {
      close(TransportError(.system, "nghttp2 has no memory for a session", isRetryable: true))
      return
    }
    state = .greeting
    markDirty()
  }

  private func startSession() -> Bool {
    guard let callbacks = LoadCallbacks.shared, let options = LoadCallbacks.options,
      nghttp2_session_client_new2(
        &session, callbacks, Unmanaged.passUnretained(self).toOpaque(), options) == 0
    else { return false }
    let settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(LoadConnection.window)),
    ]
    return nghttp2_submit_settings(session, 0, settings, settings.count) == 0
      && nghttp2_session_set_local_window_size(session, 0, 0, LoadConnection.window) == 0
  }

  private func receive() {
    switch Socket.receive(descriptor, into: loop.readBuffer) {
    case .wouldBlock: return
    case .bytes(let count):
      receivedAt = MonotonicTime.current().nanoseconds
      let bytes = UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count])
      if let tls { receive(bytes, through: tls) } else { receive(bytes) }
    case .ended: close(ending)
    case .failed(let error): close(failure(error))
    }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) {
    if state == .greeting, bytes.starts(with: "HTTP/".utf8) {
      violation = "it answers in HTTP/1, but HTTP/2 with prior knowledge is what is measured"
    }
    let result = nghttp2_session_mem_recv(
      session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    guard result >= 0 else {
      violation =
        violation ?? String(cString: nghttp2_strerror(Int32(truncatingIfNeeded: result)))
      close(ending)
      return
    }
    if nghttp2_session_want_write(session) != 0 { markDirty() }
    closeWhenDone()
  }

  var ending: TransportError {
    guard let violation else {
      return TransportError(
        .connectionClosed, "\(address) closed the connection", isRetryable: false)
    }
    return TransportError(.protocolViolation, "\(address) cannot be measured: \(violation)")
  }

  private func failure(_ error: Int32) -> TransportError {
    TransportError(
      .connectionClosed, "the connection to \(address) failed: \(systemMessage(error))",
      systemError: error)
  }

  private func closeWhenDone() {
    guard state != .closed, nghttp2_session_want_write(session) == 0, spill.isEmpty else { return }
    if nghttp2_session_want_read(session) == 0 || (state == .draining && streams.count == 0) {
      close(ending)
    }
  }

  // MARK: Output

  private func markDirty() {
    guard !isDirty else { return }
    isDirty = true
    loop.flushAtEndOfTurn(self)
  }

  func flush() {
    isDirty = false
    guard state != .closed, session != nil, spill.isEmpty else { return }
    let buffer = loop.writeBuffer
    var used = 0
    while true {
      var chunk: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &chunk)
      guard count >= 0 else {
        violation = String(cString: nghttp2_strerror(Int32(truncatingIfNeeded: count)))
        close(ending)
        return
      }
      guard count > 0, let chunk else { break }
      let bytes = UnsafeRawBufferPointer(start: chunk, count: count)
      if count > buffer.count - used {
        guard write(UnsafeRawBufferPointer(rebasing: buffer[..<used]), then: bytes) else { return }
        used = 0
        continue
      }
      UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: bytes)
      used += count
    }
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    guard write(UnsafeRawBufferPointer(rebasing: buffer[..<used]), then: nothing) else { return }
    closeWhenDone()
  }

  /// Writes both; keeps what the socket does not take, and returns false.
  private func write(_ first: UnsafeRawBufferPointer, then second: UnsafeRawBufferPointer) -> Bool {
    for part in [first, second] where !part.isEmpty {
      guard let bytes = tls == nil ? part : tls?.seal(part) else {
        close(ending)
        return false
      }
      guard transmit(bytes) else { return false }
    }
    return spill.isEmpty
  }

  /// Sends what is encrypted or needs no encryption, and keeps what the socket does not take.
  /// Returns false when the connection is closed.
  func transmit(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var sent = 0
    while spill.isEmpty, sent < bytes.count {
      switch Socket.send(descriptor, UnsafeRawBufferPointer(rebasing: bytes[sent...])) {
      case .bytes(let count): sent += count
      case .wouldBlock, .ended:
        spill.append(contentsOf: bytes[sent...])
        setInterest()
        return true
      case .failed(let error):
        close(failure(error))
        return false
      }
    }
    spill.append(contentsOf: bytes[sent...])
    return true
  }

  private func writeSpill() {
    while spillOffset < spill.count {
      let result = spill.withUnsafeBytes {
        Socket.send(descriptor, UnsafeRawBufferPointer(rebasing: $0[spillOffset...]))
      }
      switch result {
      case .bytes(let count): spillOffset += count
      case .wouldBlock, .ended: return
      case .failed(let error):
        close(failure(error))
        return
      }
    }
    spill.removeAll(keepingCapacity: true)
    spillOffset = 0
    setInterest()
    markDirty()
  }

  private func setInterest() {
    guard let watch else { return }
    loop.update(
      watch, descriptor: descriptor, for: spill.isEmpty ? [.readable] : [.readable, .writable])
  }

  // MARK: Ending

  func close(_ error: TransportError) {
    guard state != .closed else { return }
    state = .closed
    if let watch { loop.unwatch(watch, descriptor: descriptor) }
    watch = nil
    socket = nil
    let now = MonotonicTime.current().nanoseconds
    var open: [LoadRequest] = []
    streams.forEach { place in
      if !place.pointee.isTold { open.append(place.pointee.request) }
    }
    for request in open { tell(request, .failed(error), at: now) }
    let observer = observer
    self.observer = nil
    observer?.loadConnectionClosed(self, error)
  }
}
