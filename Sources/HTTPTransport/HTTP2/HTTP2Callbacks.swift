import CNghttp2

/// nghttp2's callbacks: they run on the loop, inside `mem_recv` or `mem_send` of a session whose
/// user data is its driver, and must not call either again.
enum HTTP2Callbacks {
  /// Made once and never changed; sessions copy it. Nil when memory is lacking.
  nonisolated(unsafe) static let table: OpaquePointer? = {
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    guard let callbacks else { return nil }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, beginHeaders)
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header)
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, invalidHeader)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frameSent)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    return callbacks
  }()

  private static func with(_ userData: UnsafeMutableRawPointer?, _ body: (HTTP2Driver) -> Void)
    -> Int32
  {
    guard let userData else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
    Unmanaged<HTTP2Driver>.fromOpaque(userData)._withUnsafeGuaranteedRef(body)
    return 0
  }

  private static let beginHeaders: nghttp2_on_begin_headers_callback = { _, frame, userData in
    guard let frame else { return 0 }
    return with(userData) { driver in
      driver.beginHeaders(
        stream: frame.pointee.hd.stream_id,
        isRequest: frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST)
    }
  }

  private static let header: nghttp2_on_header_callback = {
    _, _, name, nameLength, value, valueLength, _, userData in
    guard let userData else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
    let goesOn = Unmanaged<HTTP2Driver>.fromOpaque(userData)._withUnsafeGuaranteedRef { driver in
      driver.header(
        UnsafeRawBufferPointer(start: name, count: nameLength),
        UnsafeRawBufferPointer(start: value, count: valueLength))
      return !driver.isEnding
    }
    // The rest of the block is not worth its work.
    return goesOn ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
  }

  private static let invalidHeader: nghttp2_on_invalid_header_callback = {
    _, _, _, _, _, _, _, userData in
    with(userData) { $0.invalidHeader() }
  }

  private static let data: nghttp2_on_data_chunk_recv_callback = {
    _, _, stream, bytes, count, userData in
    with(userData) { driver in
      driver.data(stream: stream, UnsafeRawBufferPointer(start: bytes, count: count))
    }
  }

  private static let frameReceived: nghttp2_on_frame_recv_callback = { _, frame, userData in
    guard let frame else { return 0 }
    return with(userData) { $0.frameReceived(frame) }
  }

  private static let frameSent: nghttp2_on_frame_send_callback = { _, frame, userData in
    guard let frame,
      UInt32(frame.pointee.hd.type) == NGHTTP2_RST_STREAM.rawValue,
      frame.pointee.rst_stream.error_code != NGHTTP2_NO_ERROR.rawValue
    else { return 0 }
    let code = frame.pointee.rst_stream.error_code
    return with(userData) { driver in
      // nghttp2 resets a stream whose window SETTINGS made too large; that is an error of the
      // connection (RFC 9113 section 6.9.2), and others of this kind may be.
      if code == NGHTTP2_FLOW_CONTROL_ERROR.rawValue {
        driver.end(NGHTTP2_FLOW_CONTROL_ERROR)
      } else {
        driver.noteReset()
      }
    }
  }

  private static let streamClosed: nghttp2_on_stream_close_callback = { _, stream, _, userData in
    with(userData) { $0.streamClosed(stream) }
  }

  /// Hands a piece of an answer's body to nghttp2.
  static let readBody: nghttp2_data_source_read_callback = {
    _, _, buffer, capacity, flags, source, userData in
    guard let buffer, let flags, let pointer = source?.pointee.ptr, let userData else {
      return nghttp2_ssize(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    return Unmanaged<HTTP2Driver>.fromOpaque(userData)._withUnsafeGuaranteedRef { driver in
      Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
        driver.readBody(
          exchange, into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity), flags)
      }
    }
  }
}

typealias nghttp2_ssize = Int
