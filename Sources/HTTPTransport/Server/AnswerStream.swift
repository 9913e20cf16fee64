internal import CNghttp2

/// An answer whose body goes on: its pieces go out as they are sent, until either side ends it.
///
/// Made by ``Exchange/beginStream(limit:)`` and used on the server's loop only. HTTP/1.1 carries
/// the pieces as chunks (RFC 9112 section 7.1), HTTP/1.0 until the connection ends, HTTP/2 as DATA
/// frames. What the peer has not taken is held, up to a limit: a peer that falls behind it is
/// cut off, since what it would read is old, and since it must not hold the server's memory.
package final class AnswerStream {
  /// Nil once the stream has ended. The exchange keeps this stream and tells when it goes.
  unowned(unsafe) private var exchange: Exchange?
  /// Bytes that the peer has not taken.
  let waiting = ByteArena()
  private let limit: Int
  private(set) var isFinished = false
  /// Called once when the stream ends otherwise than by ``finish()``: the client is gone or too
  /// slow, or the server shuts down. It may be called within ``send(_:)``, and amid a connection's
  /// work: it is for forgetting the stream.
  package var onEnd: (() -> Void)?

  fileprivate init(_ exchange: Exchange, limit: Int) {
    self.exchange = exchange
    self.limit = limit
  }

  /// Whether pieces can still be sent.
  package var isOpen: Bool { exchange != nil && !isFinished }

  /// Sends a piece as soon as the peer takes it. O(size).
  ///
  /// - Returns: false when the stream has ended, or ends now because too much waits.
  @discardableResult
  package func send(_ bytes: [UInt8]) -> Bool {
    guard let exchange, let connection = exchange.connection, !isFinished else { return false }
    guard !bytes.isEmpty, exchange.method != .head else { return true }
    guard bytes.count <= limit - waiting.count, connection.server.charge(exchange, bytes.count)
    else {
      connection.cutOff(exchange)
      return false
    }
    bytes.withUnsafeBytes { _ = waiting.append($0) }
    connection.streamGrew(by: bytes.count)
    connection.resume(exchange)
    return true
  }

  /// Ends the body after what was sent; without effect when it has ended.
  package func finish() {
    onEnd = nil
    guard let exchange, !isFinished else { return }
    isFinished = true
    exchange.connection?.resume(exchange)
  }

  /// Ends the body from the server's side.
  func end() {
    let tell = onEnd
    finish()
    tell?()
  }

  /// The exchange goes: everything was sent, or nobody waits for it.
  func exchangeEnded() {
    exchange = nil
    let tell = onEnd
    onEnd = nil
    tell?()
  }
}

extension Exchange {
  /// Begins an answer whose body goes on. Status and fields are those that are set when the handler
  /// returns `.done`, or when ``finish()`` is called; the answer's time does not count.
  ///
  /// - Parameter limit: the most bytes that may wait for the peer.
  package func beginStream(limit: Int) -> AnswerStream {
    let stream = AnswerStream(self, limit: limit)
    outflow = stream
    leaveUntimed()
    return stream
  }

  /// Whether the answer tells no length, since its body goes on, or would if it were no HEAD.
  var lacksLength: Bool { outflow != nil && sendsLength }

  /// Whether the answer's body goes on.
  var isOpenEnded: Bool { lacksLength && method != .head }
}

extension Connection {
  /// Bytes more wait in an answer that goes on.
  fileprivate func streamGrew(by count: Int) {
    if pendingResponseBytes == 0 {
      lastProgress = server.loop.now
      if unsent.isEmpty { sendGoal = 0 }
    }
    pendingResponseBytes += count
  }

  /// There are new bytes, or the end, of an answer that goes on.
  fileprivate func resume(_ exchange: Exchange) {
    guard exchange.phase == .answering else { return }
    if case .http2(let driver) = driver {
      nghttp2_session_resume_data(driver.session, Int32(bitPattern: exchange.stream))
    }
    markDirty()
  }

  /// Ends an answer that goes on without its end: its stream, or with HTTP/1 the connection.
  fileprivate func cutOff(_ exchange: Exchange) {
    switch driver {
    case .http2(let driver):
      nghttp2_submit_rst_stream(
        driver.session, 0, Int32(bitPattern: exchange.stream), NGHTTP2_CANCEL.rawValue)
      exchange.outflow?.end()
      markDirty()
    case .http1, .undetermined:
      close()
    }
  }

  /// Takes bytes out of an answer that goes on.
  func streamAdvanced(_ exchange: Exchange, _ stream: AnswerStream, by count: Int) {
    stream.waiting.removeFirst(count)
    if stream.waiting.isEmpty { stream.waiting.reset() }
    server.refund(exchange, count)
    responseAdvanced(by: count)
  }
}
