import CNghttp2

/// Answers on their way to nghttp2 and out of it.
extension HTTP2Driver {
  /// Queues an answer; nghttp2 serialises it when the connection is flushed.
  func submit(_ exchange: Exchange) {
    if holdsAnswer, !hasSettings {
      held = exchange
      return
    }
    layOut(exchange, in: connection.server.fieldScratch)
    exchange.submittedEpoch = epoch
    let stream = Int32(bitPattern: exchange.stream)
    let fields = connection.server.fieldScratch.fields
    let count = connection.server.fieldScratch.count
    guard exchange.sendsBody || exchange.isOpenEnded else {
      nghttp2_submit_response(session, stream, fields, count, nil)
      if !exchange.requestComplete { resetLater(exchange) }
      return
    }
    var provider = nghttp2_data_provider()
    provider.source.ptr = Unmanaged.passUnretained(exchange).toOpaque()
    provider.read_callback = HTTP2Callbacks.readBody
    nghttp2_submit_response(session, stream, fields, count, &provider)
  }

  private func layOut(_ exchange: Exchange, in scratch: borrowing HTTP2FieldScratch) {
    let lengthStart = exchange.responseBytes.append(decimal: exchange.answerLength)
    let lengthEnd = exchange.responseBytes.count
    scratch.begin(capacity: exchange.responseFields.count + 3)
    scratch.add(":status", StatusLine.digits(exchange.validStatus))
    scratch.add("date", connection.server.dateBytes)
    if exchange.sendsLength, !exchange.lacksLength {
      scratch.add("content-length", exchange.responseBytes[lengthStart..<lengthEnd])
    }
    for field in exchange.responseFields.elements {
      scratch.add(
        field.name(in: exchange.responseBytes), field.value(in: exchange.responseBytes))
    }
  }

  /// Some clients (curl 7.88) drop an answer when the reset comes together with it, so the stream
  /// stays half-open for a while; what arrives on it is dropped and its window stays shut.
  private func resetLater(_ exchange: Exchange) {
    guard !exchange.awaitsReset else { return }
    exchange.awaitsReset = true
    exchange.progressDeadline = connection.now + connection.server.limits.lingerTimeout
    lateResets += 1
  }

  func sweepLateResets(now: MonotonicTime) {
    connection.exchanges.forEach { exchange in
      guard exchange.awaitsReset, now >= exchange.progressDeadline else { return }
      exchange.awaitsReset = false
      lateResets -= 1
      nghttp2_submit_rst_stream(
        session, 0, Int32(bitPattern: exchange.stream), NGHTTP2_NO_ERROR.rawValue)
      connection.markDirty()
    }
  }

  func releaseAnswer() {
    holdsAnswer = false
    guard let exchange = held else { return }
    held = nil
    submit(exchange)
  }

  func readBody(
    _ exchange: Exchange, into buffer: UnsafeMutableRawBufferPointer,
    _ flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    if let stream = exchange.outflow { return read(stream, of: exchange, into: buffer, flags) }
    let start = exchange.bodySent
    let amount = min(buffer.count, exchange.responseCount - start)
    exchange.withResponseBody { body in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: body[start..<start + amount]))
    }
    exchange.bodySent = start + amount
    connection.responseAdvanced(by: amount)
    if exchange.bodySent == exchange.responseCount {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if !exchange.requestComplete { resetLater(exchange) }
    }
    return amount
  }

  /// The next bytes of an answer that goes on; nghttp2 asks again once it is resumed.
  private func read(
    _ stream: AnswerStream, of exchange: Exchange, into buffer: UnsafeMutableRawBufferPointer,
    _ flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let amount = min(buffer.count, stream.waiting.count)
    if amount > 0 {
      buffer.copyMemory(from: stream.waiting[0..<amount])
      connection.streamAdvanced(exchange, stream, by: amount)
    }
    if stream.isFinished, stream.waiting.isEmpty {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if !exchange.requestComplete { resetLater(exchange) }
    } else if amount == 0 {
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
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

  func releaseRetired() {
    while let exchange = retired.popFirst() { connection.server.give(exchange) }
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
}
