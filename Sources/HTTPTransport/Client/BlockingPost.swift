import Glibc

/// One POST over HTTP/1.1 in plain text, by a thread that may wait: for collectors of telemetry,
/// most of which speak HTTP/2 only within TLS.
package enum BlockingPost {
  /// Sends `body` and returns the status of the answer.
  ///
  /// - Parameter limit: for each wait of the socket.
  /// - Throws: `.invalidAddress`, `.connectFailed`, `.connectionClosed`.
  package static func send(
    _ body: [UInt8], contentType: String, to endpoint: HTTPEndpoint, target: String,
    limit: Duration
  ) throws(TransportError) -> Int {
    let address = try endpoint.resolve()
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let raw = socket(address.family, kind, 0)
    guard raw >= 0 else { throw .system("socket", errno) }
    let socket = Descriptor(owning: raw)
    var wait = timeval()
    wait.tv_sec = Int(limit.components.seconds)
    wait.tv_usec = Int(limit.components.attoseconds / 1_000_000_000_000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(
        socket.rawValue, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
    guard address.withSystemAddress({ connect(socket.rawValue, $0, $1) }) == 0 else {
      throw TransportError(.connectFailed, "\(endpoint): \(systemMessage(errno))")
    }
    let head =
      "POST \(target) HTTP/1.1\r\nhost: \(endpoint.authority)\r\ncontent-type: \(contentType)\r\n"
      + "content-length: \(body.count)\r\nconnection: close\r\n\r\n"
    try write(Array(head.utf8), to: socket.rawValue, endpoint)
    try write(body, to: socket.rawValue, endpoint)
    return try readStatus(socket.rawValue, endpoint)
  }

  private static func write(
    _ bytes: [UInt8], to socket: Int32, _ endpoint: HTTPEndpoint
  ) throws(TransportError) {
    var sent = 0
    while sent < bytes.count {
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
  private static func readStatus(
    _ socket: Int32, _ endpoint: HTTPEndpoint
  ) throws(TransportError) -> Int {
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 256)
    while line.count < 12 {
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
