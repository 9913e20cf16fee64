import Glibc

/// One POST over HTTP/1.1 in plain text, by a thread that may wait: for collectors of telemetry,
/// most of which speak HTTP/2 only within TLS.
package struct BlockingPost {
  /// Sends `body` and returns the status of the answer.
  ///
  /// - Parameter limit: for all of it but the look-up of a name.
  /// - Throws: `.invalidAddress`, `.connectFailed`, `.connectionClosed`.
  package static func send(
    _ body: [UInt8], contentType: String, to endpoint: HTTPEndpoint, target: String,
    limit: Duration
  ) throws(TransportError) -> Int {
    let address = try endpoint.resolve()
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let raw = Glibc.socket(address.family, kind, 0)
    guard raw >= 0 else { throw .system("socket", errno) }
    let socket = Descriptor(owning: raw)
    let exchange = BlockingPost(
      socket: socket.rawValue, endpoint: endpoint, end: .current() + limit)
    try exchange.limitWait()
    guard address.withSystemAddress({ connect(socket.rawValue, $0, $1) }) == 0 else {
      throw TransportError(.connectFailed, "\(endpoint): \(systemMessage(errno))")
    }
    let head =
      "POST \(target) HTTP/1.1\r\nhost: \(endpoint.authority)\r\ncontent-type: \(contentType)\r\n"
      + "content-length: \(body.count)\r\nconnection: close\r\n\r\n"
    try exchange.write(Array(head.utf8))
    try exchange.write(body)
    return try exchange.readStatus()
  }

  private let socket: Int32
  private let endpoint: HTTPEndpoint
  private let end: MonotonicTime

  /// Has the socket's next wait end with the whole.
  private func limitWait() throws(TransportError) {
    let left = end - .current()
    guard left > .zero else {
      throw TransportError(.connectionClosed, "\(endpoint) took too long")
    }
    var wait = timeval()
    wait.tv_sec = Int(left.components.seconds)
    // None at all would be for ever.
    wait.tv_usec = max(Int(left.components.attoseconds / 1_000_000_000_000), 1)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private func write(_ bytes: [UInt8]) throws(TransportError) {
    var sent = 0
    while sent < bytes.count {
      try limitWait()
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.send(
          socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw TransportError(.connectionClosed, "\(endpoint): \(systemMessage(errno))")
      }
      sent += count
    }
  }

  /// Reads the status line (RFC 9112 section 4), and no more.
  private func readStatus() throws(TransportError) -> Int {
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 256)
    while line.count < 12 {
      try limitWait()
      let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw TransportError(.connectionClosed, "\(endpoint) gave no answer")
      }
      line += buffer.prefix(count)
    }
    let digits = String(decoding: line[9..<12], as: UTF8.self)
    guard line.starts(with: "HTTP/1.".utf8), let status = Int(digits) else {
      throw TransportError(.protocolViolation, "\(endpoint) does not speak HTTP/1.1")
    }
    return status
  }
}
