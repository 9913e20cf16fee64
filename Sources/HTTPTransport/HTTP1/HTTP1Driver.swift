import CHTTPParser

/// One HTTP/1.x connection. Requests are taken one after the other: while the application has not
/// answered one, the next stays unread, so that answers keep the order of requests.
final class HTTP1Driver {
  enum State {
    /// A header section is arriving, or none yet.
    case head
    case body
    /// The application has the request.
    case busy
    /// No more requests are taken.
    case ended
  }

  unowned(unsafe) let connection: Connection
  private let parser = HTTP1Parser()
  private var state = State.head
  private var scanner = HeadScanner()
  /// Bytes that came and were not parsed: a header section in parts, or pipelined requests.
  private let input = ByteArena()
  /// The request in the states `body` and `busy`.
  private var current: Exchange?
  /// Answers in the order of requests; those before ``firstUnsent`` are sent.
  private var answers: [Exchange] = []
  private var firstUnsent = 0
  private var sequence: UInt32 = 0
  private var headDeadline: MonotonicTime?
  private var owesContinue = false
  private var owesGoAway = false
  private var isHalfClosed = false
  /// The connection goes on as HTTP/2.
  private var isUpgraded = false

  init(_ connection: Connection) {
    self.connection = connection
  }

  private var server: ServerCore { connection.server }

  // MARK: Input

  func receive(_ bytes: UnsafeRawBufferPointer) {
    if input.isEmpty {
      let count = process(bytes)
      let rest = UnsafeRawBufferPointer(rebasing: bytes[count...])
      if isUpgraded { handOver(rest) } else { input.append(rest) }
    } else {
      input.append(bytes)
      resume()
    }
    connection.markDirty()
  }

  /// Parses what is left from before.
  func resume() {
    guard !input.isEmpty, state != .busy else { return }
    let count = process(input.bytes)
    if isUpgraded {
      handOver(input[count..<input.count])
      input.reset()
    } else {
      input.removeFirst(count)
      if input.isEmpty { input.reset() }
    }
    if count > 0 { connection.markDirty() }
  }

  private func handOver(_ rest: UnsafeRawBufferPointer) {
    guard !rest.isEmpty, case .http2(let driver) = connection.driver else { return }
    driver.receive(rest)
  }

  var wantsInput: Bool {
    switch state {
    case .busy: false
    case .ended: false
    case .head, .body: answers.count - firstUnsent < server.limits.maxPipelined
    }
  }

  /// Returns how many bytes were taken.
  private func process(_ bytes: UnsafeRawBufferPointer) -> Int {
    var offset = 0
    while offset < bytes.count, !isUpgraded {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      switch state {
      case .ended: return bytes.count
      case .busy: return offset
      case .head:
        guard answers.count - firstUnsent < server.limits.maxPipelined else { return offset }
        switch scanner.scan(rest, server.limits) {
        case .incomplete:
          if headDeadline == nil {
            headDeadline = server.loop.now + server.limits.headerTimeout
          }
          return offset
        case .blank(let count):
          offset += count
          // Empty lines are no request, and do not give it more time.
          if headDeadline == nil {
            headDeadline = server.loop.now + server.limits.headerTimeout
          }
        case .rejected(let rejection):
          fail(rejection)
        case .complete(let count):
          offset += count
          headDeadline = nil
          parseHead(UnsafeRawBufferPointer(rebasing: rest[..<count]))
        }
      case .body:
        offset += parseBody(rest)
      }
    }
    return offset
  }

  private func parseHead(_ section: UnsafeRawBufferPointer) {
    sequence &+= 1
    let exchange = connection.open(stream: sequence, version: .http1)
    current = exchange
    parser.reset()
    let outcome = parser.execute(section, for: exchange, server: server)
    exchange.headersComplete = true
    if let rejection = outcome.rejection {
      if sequence == 1, rejection.status == 501, !HeadScanner.namesHTTP(section) {
        refusePreface(exchange)
        return
      }
      fail(rejection)
      return
    }
    guard outcome.count == section.count else {
      fail(.malformed("The request is not valid HTTP/1.1."))
      return
    }
    exchange.method = parser.method
    let validator = HTTP1Validator(
      limits: server.limits, major: parser.major, minor: parser.minor,
      isChunked: parser.isChunked, lineLength: (section.firstIndex(of: 0x0D) ?? 0))
    if let rejection = validator.check(exchange) {
      fail(rejection)
      return
    }
    if !server.isWithinBudget {
      fail(.overloaded)
      return
    }
    if connection.pendingResponseBytes > server.pendingShare {
      fail(.pendingResponses)
      return
    }
    exchange.keepAlive = parser.keepsAlive
    if outcome.isComplete {
      complete(exchange)
      return
    }
    connection.holdHead(of: exchange)
    state = .body
    exchange.progressDeadline = server.loop.now + server.limits.bodyTimeout
    if parser.minor > 0, exchange.fieldCount("expect") > 0 { owesContinue = true }
  }

  /// What came first is neither HTTP/1.x nor HTTP/2's preface. Who speaks HTTP/2 understands the
  /// answer (RFC 9113 section 3.4), and others see the end.
  private func refusePreface(_ exchange: Exchange) {
    current = nil
    state = .ended
    connection.detach(exchange)
    server.give(exchange)
    owesGoAway = true
  }

  /// Empty SETTINGS, and GOAWAY: the last stream is 0, the error PROTOCOL_ERROR.
  private static let goAway: StaticString =
    "\0\0\0\u{4}\0\0\0\0\0\0\0\u{8}\u{7}\0\0\0\0\0\0\0\0\0\0\0\0\u{1}"

  private func parseBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let exchange = current else {
      state = .ended
      return bytes.count
    }
    let outcome = parser.execute(bytes, for: exchange, server: server)
    if let rejection = outcome.rejection {
      fail(rejection)
    } else if outcome.isComplete {
      complete(exchange)
    }
    return outcome.count
  }

  private func complete(_ exchange: Exchange) {
    exchange.requestComplete = true
    connection.lastActivity = server.loop.now
    owesContinue = false
    state = .busy
    if upgrade(exchange) { return }
    if connection.dispatch(exchange) {
      submit(exchange)
      connection.markDirty()
    }
  }

  /// Ends the connection with an answer: what follows cannot be told apart from this request.
  func fail(_ rejection: Rejection) {
    sequence &+= current == nil ? 1 : 0
    let exchange = current ?? connection.open(stream: sequence, version: .http1)
    exchange.rejection = rejection
    exchange.keepAlive = false
    headDeadline = nil
    owesContinue = false
    state = .ended
    if connection.dispatch(exchange) {
      submit(exchange)
      connection.markDirty()
    }
  }

  func endOfInput() {
    isHalfClosed = true
    switch state {
    case .head:
      if input.isEmpty {
        state = .ended
      } else {
        fail(.malformed("The connection ended amid the header section; send all of the request."))
      }
    case .body:
      fail(.malformed("The connection ended amid the body; send all of the request."))
    case .busy, .ended:
      break
    }
    connection.markDirty()
  }

  // MARK: Upgrade

  /// Changes to HTTP/2 when the request asks for it and no earlier answer is on its way.
  private func upgrade(_ exchange: Exchange) -> Bool {
    // The token "h2c" means nothing within TLS (RFC 7540 section 3.2).
    guard connection.tls == nil, let settings = H2CUpgrade.settings(of: exchange), answers.isEmpty,
      let driver = HTTP2Driver(connection), driver.upgrade(exchange, settings: settings)
    else { return false }
    current = nil
    isUpgraded = true
    connection.driver = .http2(driver)
    if connection.dispatch(exchange) {
      driver.submit(exchange)
      connection.markDirty()
    }
    return true
  }

  // MARK: Output

  func find(stream: UInt32) -> Exchange? {
    guard let current, current.stream == stream else { return nil }
    return current
  }

  func submit(_ exchange: Exchange) {
    if server.isDraining || isHalfClosed { exchange.keepAlive = false }
    if exchange.isOpenEnded, parser.minor == 0 { exchange.keepAlive = false }
    HTTP1Head.write(exchange, server: server, minor: parser.minor)
    if current === exchange { current = nil }
    answers.append(exchange)
    // While an answer goes on, what the peer asks for next stays unread.
    if state == .busy, !exchange.isOpenEnded { state = exchange.keepAlive ? .head : .ended }
  }

  func produce(_ output: inout OutputCursor) {
    while firstUnsent < answers.count {
      let exchange = answers[firstUnsent]
      guard write(exchange, to: &output) else { return }
      firstUnsent += 1
      connection.detach(exchange)
      server.give(exchange)
    }
    answers.removeAll(keepingCapacity: true)
    firstUnsent = 0
    if owesGoAway {
      owesGoAway = false
      _ = output.append(
        UnsafeRawBufferPointer(
          start: HTTP1Driver.goAway.utf8Start, count: HTTP1Driver.goAway.utf8CodeUnitCount))
    }
    if owesContinue, output.remaining >= HTTP1Head.interim.utf8CodeUnitCount {
      owesContinue = false
      _ = output.append(
        UnsafeRawBufferPointer(
          start: HTTP1Head.interim.utf8Start, count: HTTP1Head.interim.utf8CodeUnitCount))
    }
  }

  /// Returns whether all of the answer is in `output`.
  private func write(_ exchange: Exchange, to output: inout OutputCursor) -> Bool {
    if exchange.headSent < exchange.head.count {
      exchange.headSent += output.append(exchange.head[exchange.headSent..<exchange.head.count])
      guard exchange.headSent == exchange.head.count else { return false }
    }
    if exchange.isOpenEnded, let stream = exchange.outflow {
      return write(stream, of: exchange, to: &output)
    }
    guard exchange.bodySent < exchange.responseCount else { return true }
    let count = exchange.withResponseBody { body in
      output.append(UnsafeRawBufferPointer(rebasing: body[exchange.bodySent...]))
    }
    exchange.bodySent += count
    connection.responseAdvanced(by: count)
    return exchange.bodySent == exchange.responseCount
  }

  /// Returns whether all of an answer that goes on is in `output`.
  private func write(
    _ stream: AnswerStream, of exchange: Exchange, to output: inout OutputCursor
  ) -> Bool {
    let isChunked = parser.minor > 0
    guard output.remaining > HTTP1Chunk.overhead else { return false }
    let room = output.remaining - (isChunked ? HTTP1Chunk.overhead : 0)
    let count = min(stream.waiting.count, room)
    if count > 0 {
      let bytes = stream.waiting[0..<count]
      if isChunked { HTTP1Chunk.write(bytes, to: &output) } else { _ = output.append(bytes) }
      connection.streamAdvanced(exchange, stream, by: count)
    }
    guard stream.isFinished, stream.waiting.isEmpty else { return false }
    if isChunked {
      guard output.remaining > HTTP1Chunk.overhead else { return false }
      HTTP1Chunk.writeLast(to: &output)
    }
    if state == .busy { state = exchange.keepAlive && !server.isDraining ? .head : .ended }
    return true
  }

  /// Whether the last answer was handed over.
  var isFinished: Bool { state == .ended && answers.isEmpty && !owesGoAway }

  // MARK: Time and the end

  func drain() {
    if state == .head, input.isEmpty { state = .ended }
  }

  func sweep(now: MonotonicTime) {
    switch state {
    case .head:
      if let headDeadline, now >= headDeadline {
        guard input.isEmpty, answers.isEmpty else {
          fail(.slowHeader)
          return
        }
        // Only empty lines came: there is no request to answer.
        state = .ended
        connection.markDirty()
      } else if headDeadline == nil, answers.isEmpty,
        now - connection.lastActivity > server.limits.idleTimeout
      {
        state = .ended
        connection.markDirty()
      }
    case .body:
      if let current, now >= current.progressDeadline {
        fail(.slowBody)
      }
    case .busy, .ended:
      break
    }
  }
}
