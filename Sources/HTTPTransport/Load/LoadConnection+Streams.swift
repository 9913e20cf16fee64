import CNghttp2

/// What nghttp2 tells of a connection's streams.
extension LoadConnection {
  private func place(_ stream: Int32) -> UnsafeMutablePointer<LoadStream>? {
    nghttp2_session_get_stream_user_data(session, stream)?
      .assumingMemoryBound(to: LoadStream.self)
  }

  func statusReceived(stream: Int32, _ status: Int) {
    place(stream)?.pointee.status = status
  }

  func dataReceived(stream: Int32, _ count: Int) {
    place(stream)?.pointee.received += count
  }

  func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    switch header.type {
    case ClientFrame.data, ClientFrame.headers:
      guard UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 else { return }
      place(header.stream_id)?.pointee.hasEnded = true
    case ClientFrame.settings:
      guard UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue == 0 else { return }
      let allowed = nghttp2_session_get_remote_settings(
        session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
      streamLimit = min(streams.capacity, Int(allowed))
      if state == .greeting { state = .ready }
    case ClientFrame.goAway:
      let code = frame.pointee.goaway.error_code
      if code != NGHTTP2_NO_ERROR.rawValue {
        violation = "it went away: " + String(cString: nghttp2_http2_strerror(code))
      }
      drain()
    default: return
    }
  }

  /// The library gave up a request that it had not sent yet.
  func headersNotSent(stream: Int32) {
    guard nghttp2_session_find_stream(session, stream) == nil,
      let place = streams.search(stream)
    else { return }
    ended(place, .unprocessed)
  }

  func streamClosed(_ stream: Int32, code: UInt32) {
    guard let place = place(stream) else { return }
    let status = place.pointee.status
    if place.pointee.hasEnded, status >= 200 {
      ended(place, .answered(status: status, bytes: place.pointee.received))
    } else if code == NGHTTP2_REFUSED_STREAM.rawValue {
      ended(place, .unprocessed)
    } else {
      let reason = String(cString: nghttp2_http2_strerror(code))
      ended(
        place, .failed(TransportError(.streamReset, "\(address) reset a stream: \(reason)")))
    }
  }

  private func ended(_ place: UnsafeMutablePointer<LoadStream>, _ end: LoadEnd) {
    let request = place.pointee.request
    let isTold = place.pointee.isTold
    streams.give(place)
    if !isTold { tell(request, end, at: receivedAt) }
  }
}
