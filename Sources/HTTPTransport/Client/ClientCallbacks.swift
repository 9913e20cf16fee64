import CNghttp2

/// nghttp2's callbacks for the client side: one object for all sessions.
///
/// They run inside `nghttp2_session_mem_recv` and `nghttp2_session_mem_send` on the loop's thread.
/// The session's user data is its connection, which owns the session and so outlives it. None of
/// them runs a caller's code or ends the session: results are only noted here.
enum ClientCallbacks {
  nonisolated(unsafe) static let shared: OpaquePointer? = {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks else { return nil }
    setReceiving(callbacks)
    setSending(callbacks)
    return callbacks
  }()

  nonisolated(unsafe) static let options: OpaquePointer? = {
    var options: OpaquePointer?
    guard nghttp2_option_new(&options) == 0, let options else { return nil }
    nghttp2_option_set_no_auto_window_update(options, 1)
    nghttp2_option_set_no_closed_streams(options, 1)
    nghttp2_option_set_max_outbound_ack(options, 256)
    nghttp2_option_set_max_settings(options, 32)
    return options
  }()

  private static func setReceiving(_ callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
      guard let frame else { return proceed }
      return withConnection(user, proceed) { connection in
        connection.headersBegin(stream: frame.pointee.hd.stream_id)
        return proceed
      }
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameLength, value, valueLength, _, user in
      guard let frame else { return proceed }
      return withConnection(user, proceed) { connection in
        connection.headerField(
          stream: frame.pointee.hd.stream_id,
          name: UnsafeBufferPointer(start: name, count: nameLength),
          value: UnsafeBufferPointer(start: value, count: valueLength))
          ? proceed : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
      }
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      guard let frame else { return proceed }
      return withConnection(user, proceed) { connection in
        connection.frameReceived(frame)
        return proceed
      }
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, data, count, user in
      withConnection(user, proceed) { connection in
        connection.dataReceived(
          stream: stream, UnsafeBufferPointer(start: data, count: count))
        return proceed
      }
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
      withConnection(user, proceed) { connection in
        connection.streamClosed(stream, code: code)
        return proceed
      }
    }
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
      _, _, error, user in
      withConnection(user, proceed) { connection in
        connection.noteViolation(String(cString: nghttp2_strerror(error)))
        return proceed
      }
    }
  }

  private static func setSending(_ callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
      guard let frame else { return proceed }
      return withConnection(user, proceed) { connection in
        connection.frameSent(frame)
        return proceed
      }
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) {
      _, frame, error, user in
      guard let frame, frame.pointee.hd.type == ClientFrame.headers else { return proceed }
      return withConnection(user, proceed) { connection in
        connection.headersNotSent(stream: frame.pointee.hd.stream_id, error: error)
        return proceed
      }
    }
  }

  /// Copies the next part of a request's body into a DATA frame.
  static let readBody: nghttp2_data_source_read_callback = {
    _, stream, buffer, capacity, flags, _, user in
    let failure = Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    guard let buffer, let flags else { return failure }
    return withConnection(user, failure) { connection in
      guard
        let (count, isLast) = connection.readBody(
          stream: stream, into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
      else { return failure }
      if isLast {
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        if connection.submitTrailers(stream: stream) {
          flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
        }
      }
      return count
    }
  }
}

private let proceed: Int32 = 0

private func withConnection<Result>(
  _ user: UnsafeMutableRawPointer?, _ absent: Result, _ body: (ClientConnection) -> Result
) -> Result {
  guard let user else { return absent }
  return Unmanaged<ClientConnection>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
}

/// Frame types as they stand in a frame's header (RFC 9113 section 6).
enum ClientFrame {
  static let data = UInt8(truncatingIfNeeded: NGHTTP2_DATA.rawValue)
  static let headers = UInt8(truncatingIfNeeded: NGHTTP2_HEADERS.rawValue)
  static let reset = UInt8(truncatingIfNeeded: NGHTTP2_RST_STREAM.rawValue)
  static let settings = UInt8(truncatingIfNeeded: NGHTTP2_SETTINGS.rawValue)
  static let ping = UInt8(truncatingIfNeeded: NGHTTP2_PING.rawValue)
  static let goAway = UInt8(truncatingIfNeeded: NGHTTP2_GOAWAY.rawValue)
}
