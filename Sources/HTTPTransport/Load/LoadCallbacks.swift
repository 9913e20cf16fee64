import CNghttp2

/// nghttp2's callbacks for connections that make load: one object for all sessions, whose user
/// data is their connection. They note results and tell the observer, which must not send.
enum LoadCallbacks {
  nonisolated(unsafe) static let shared: OpaquePointer? = {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks else { return nil }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frameNotSent)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    return callbacks
  }()

  nonisolated(unsafe) static let options: OpaquePointer? = {
    var options: OpaquePointer?
    guard nghttp2_option_new(&options) == 0, let options else { return nil }
    nghttp2_option_set_no_closed_streams(options, 1)
    return options
  }()

  private static func with(
    _ user: UnsafeMutableRawPointer?, _ body: (LoadConnection) -> Void
  ) -> Int32 {
    guard let user else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
    Unmanaged<LoadConnection>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    return 0
  }

  private static let header: nghttp2_on_header_callback = {
    _, frame, name, nameLength, value, valueLength, _, user in
    // Of a response only ":status" matters: three digits, as the library has checked.
    guard nameLength == 7, let name, name[0] == 0x3A, let frame, let value else { return 0 }
    var status = 0
    for index in 0..<valueLength { status = status &* 10 &+ Int(value[index]) &- 0x30 }
    return with(user) { $0.statusReceived(stream: frame.pointee.hd.stream_id, status) }
  }

  private static let data: nghttp2_on_data_chunk_recv_callback = {
    _, _, stream, _, count, user in
    with(user) { $0.dataReceived(stream: stream, count) }
  }

  private static let frameReceived: nghttp2_on_frame_recv_callback = { _, frame, user in
    guard let frame else { return 0 }
    return with(user) { $0.frameReceived(frame) }
  }

  private static let frameNotSent: nghttp2_on_frame_not_send_callback = { _, frame, _, user in
    guard let frame, frame.pointee.hd.type == ClientFrame.headers else { return 0 }
    return with(user) { $0.headersNotSent(stream: frame.pointee.hd.stream_id) }
  }

  private static let streamClosed: nghttp2_on_stream_close_callback = { _, stream, code, user in
    with(user) { $0.streamClosed(stream, code: code) }
  }

  /// Copies the next part of a write's body into a DATA frame.
  static let readBody: nghttp2_data_source_read_callback = {
    _, _, buffer, capacity, flags, source, user in
    let failure = Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    guard let buffer, let flags, let place = source?.pointee.ptr, let user else { return failure }
    let stream = place.assumingMemoryBound(to: LoadStream.self)
    return Unmanaged<LoadConnection>.fromOpaque(user)._withUnsafeGuaranteedRef { connection in
      let sent = stream.pointee.bodySent
      let body = connection.template.body
      let count = body.copy(stream.pointee.request, from: sent, to: buffer, capacity: capacity)
      stream.pointee.bodySent = sent + count
      if sent + count == body.count(of: stream.pointee.request) {
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
      }
      return count
    }
  }
}
