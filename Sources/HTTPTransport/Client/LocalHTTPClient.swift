import Glibc

/// Sends requests over HTTP/1.1 to a program of this machine that listens on a unix socket, such as
/// a container engine. It belongs to its loop's thread.
///
/// Each request has a connection and a thread of its own, which may wait: there are few of them.
package final class LocalHTTPClient {
  package typealias Completion = (Result<ClientResponse, TransportError>) -> Void

  private struct Waiting {
    let request: LocalExchange
    let completion: Completion
  }

  /// The socket's path.
  package let path: String
  private let loop: EventLoop
  private var waiting: [Waiting] = []
  private var running = 0
  private var isShutDown = false

  private static let threads = 8
  private static let mostWaiting = 4_096

  package init(path: String, loop: EventLoop) {
    self.path = path
    self.loop = loop
  }

  /// Sends a request; `completion` is called once on the loop, never inside this call.
  ///
  /// - Parameters:
  ///   - body: sent as `application/json`.
  ///   - deadline: for all of it, from when its thread has begun. At most eight requests are under
  ///     way at once; the others wait.
  package func send(
    _ method: HTTPMethod, _ target: String, body: [UInt8] = [], deadline: Duration,
    _ completion: @escaping Completion
  ) {
    guard !isShutDown, waiting.count < LocalHTTPClient.mostWaiting else {
      let error =
        isShutDown
        ? HTTPClient.shutDownError
        : TransportError(.overloaded, "too many requests wait for \(path)", isRetryable: true)
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    let exchange = LocalExchange(
      path: path, method: method, target: target, body: body, limit: deadline)
    waiting.append(Waiting(request: exchange, completion: completion))
    startNext()
  }

  /// Fails what waits; what is under way is completed.
  package func shutdown() {
    isShutDown = true
    let rest = waiting
    waiting = []
    for one in rest {
      loop.schedule(after: .zero) { one.completion(.failure(HTTPClient.shutDownError)) }
    }
  }

  private func startNext() {
    guard running < LocalHTTPClient.threads, !waiting.isEmpty else { return }
    let next = waiting.removeFirst()
    running += 1
    let bound = LoopBound((self, next.completion), loop: loop)
    let mailbox = loop.mailbox
    let exchange = next.request
    let hasStarted = DetachedThread.start {
      let result = exchange.result()
      mailbox.post { bound.value.0.finished(result, bound.value.1) }
    }
    guard !hasStarted else { return }
    loop.schedule(after: .zero) { [self] in
      let error = TransportError(.overloaded, "the system has no thread left", isRetryable: true)
      finished(.failure(error), next.completion)
    }
  }

  private func finished(
    _ result: Result<ClientResponse, TransportError>, _ completion: Completion
  ) {
    running -= 1
    completion(result)
    startNext()
  }
}

/// One request over a unix socket, by a thread that may wait.
package struct LocalExchange: Sendable {
  package let path: String
  package let method: HTTPMethod
  package let target: String
  package let body: [UInt8]
  package let limit: Duration

  package init(
    path: String, method: HTTPMethod, target: String, body: [UInt8] = [], limit: Duration
  ) {
    self.path = path
    self.method = method
    self.target = target
    self.body = body
    self.limit = limit
  }

  /// What a body may hold.
  private static let mostBytes = 16 << 20

  /// Sends the request and waits for its answer.
  ///
  /// - Returns: the response, without its header fields.
  /// - Throws: `.connectFailed`, `.timedOut`, `.connectionClosed`, `.protocolViolation`,
  ///   `.tooLarge`.
  package func perform() throws(TransportError) -> ClientResponse {
    let end = MonotonicTime.current() + limit
    let socket = try connect(until: end)
    var request = "\(method) \(target) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    if !body.isEmpty { request += "content-type: application/json\r\n" }
    request += "content-length: \(body.count)\r\n\r\n"
    try write(Array(request.utf8) + body, to: socket.rawValue, until: end)
    return try read(from: socket.rawValue, until: end)
  }

  func result() -> Result<ClientResponse, TransportError> {
    do throws(TransportError) {
      return .success(try perform())
    } catch {
      return .failure(error)
    }
  }

  private func connect(until end: MonotonicTime) throws(TransportError) -> Descriptor {
    var address = sockaddr_un()
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room, !path.utf8.contains(0) else {
      throw TransportError(
        .invalidAddress, "the path \(path) is too long for a socket; it can have \(room - 1) bytes")
    }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let raw = Glibc.socket(AF_UNIX, kind, 0)
    guard raw >= 0 else { throw .system("socket", errno) }
    let socket = Descriptor(owning: raw)
    var status: Int32
    repeat {
      // A program that takes no connections lets those that come wait.
      try limitWait(of: raw, until: end)
      status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    } while status != 0 && errno == EINTR
    guard status == 0 else {
      let error = errno
      if error == EAGAIN { throw late }
      throw TransportError(
        .connectFailed, "cannot connect to \(path): \(systemMessage(error))", isRetryable: true,
        systemError: error)
    }
    return socket
  }

  /// Has the socket's next wait end with the whole.
  private func limitWait(of socket: Int32, until end: MonotonicTime) throws(TransportError) {
    let left = end - .current()
    guard left > .zero else { throw late }
    var wait = timeval()
    wait.tv_sec = Int(left.components.seconds)
    // None at all would be for ever.
    wait.tv_usec = max(Int(left.components.attoseconds / 1_000_000_000_000), 1)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private var late: TransportError {
    TransportError(.timedOut, "\(path) did not answer \(method) \(target) within \(limit)")
  }

  private func failure(_ error: Int32) -> TransportError {
    error == EAGAIN
      ? late : TransportError(.connectionClosed, "\(path): \(systemMessage(error))")
  }

  private func write(
    _ bytes: [UInt8], to socket: Int32, until end: MonotonicTime
  ) throws(TransportError) {
    var sent = 0
    while sent < bytes.count {
      try limitWait(of: socket, until: end)
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.send(
          socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure(errno) }
      sent += count
    }
  }

  private func read(
    from socket: Int32, until end: MonotonicTime
  ) throws(TransportError) -> ClientResponse {
    let parser = HTTP1ResponseParser(mostBytes: LocalExchange.mostBytes)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !parser.isComplete {
      try limitWait(of: socket, until: end)
      let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(errno) }
      guard count > 0 else {
        // A body without a length ends with the connection.
        try? parser.take([])
        guard parser.isComplete else {
          throw TransportError(.connectionClosed, "\(path) ended amid its answer to \(target)")
        }
        break
      }
      try parser.take(buffer[..<count])
    }
    return ClientResponse(status: parser.status, headers: HeaderBlock(), body: parser.body)
  }
}
