import CLinux
import Glibc

/// Non-blocking TCP sockets. Every descriptor is close-on-exec.
enum Socket {
  /// The outcome of a read or a write that must not block.
  enum Transfer: Equatable {
    case bytes(Int)
    case wouldBlock
    case ended
    case failed(Int32)
  }

  static func create(for address: SocketAddress) throws(TransportError) -> Descriptor {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, type, 0)
    guard descriptor >= 0 else { throw .system("socket", errno) }
    return Descriptor(owning: descriptor)
  }

  /// A listening socket bound to `address`.
  static func listen(on address: SocketAddress, backlog: Int32) throws(TransportError) -> Descriptor
  {
    let socket = try create(for: address)
    set(socket.rawValue, SOL_SOCKET, SO_REUSEADDR, 1)
    if address.isIPv6 { set(socket.rawValue, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    guard address.withSystemAddress({ bind(socket.rawValue, $0, $1) }) == 0 else {
      let error = errno
      throw TransportError(
        .system, "cannot listen on \(address): \(systemMessage(error)); choose another address",
        systemError: error)
    }
    guard Glibc.listen(socket.rawValue, backlog) == 0 else { throw .system("listen", errno) }
    return socket
  }

  /// Another descriptor of the same socket.
  static func copy(_ descriptor: Int32) throws(TransportError) -> Descriptor {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .system("fcntl", errno) }
    return Descriptor(owning: copy)
  }

  /// Whether the descriptor is a TCP socket that listens.
  static func isListening(_ descriptor: Int32) -> Bool {
    option(descriptor, SO_ACCEPTCONN) == 1
      && option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue)
  }

  private static func option(_ descriptor: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 else { return nil }
    return value
  }

  /// Starts to connect. The socket becomes writable when the attempt has ended; then
  /// ``pendingError(_:)`` tells how.
  static func connect(to address: SocketAddress) throws(TransportError) -> Descriptor {
    let socket = try create(for: address)
    disableDelay(socket.rawValue)
    let status = address.withSystemAddress { Glibc.connect(socket.rawValue, $0, $1) }
    guard status == 0 || errno == EINPROGRESS else {
      let error = errno
      throw TransportError(
        error == ECONNREFUSED ? .refused : .connectFailed,
        "cannot connect to \(address): \(systemMessage(error))", isRetryable: true,
        systemError: error)
    }
    return socket
  }

  /// The error that a socket carries, 0 when there is none.
  static func pendingError(_ descriptor: Int32) -> Int32 {
    option(descriptor, SO_ERROR) ?? errno
  }

  /// The accepted descriptor, or the negated error number.
  static func accept(_ listener: Int32) -> Int32 {
    let descriptor = scaled_accept4(listener)
    return descriptor >= 0 ? descriptor : -errno
  }

  static func localAddress(_ descriptor: Int32) throws(TransportError) -> SocketAddress {
    guard let address = name(descriptor, getsockname) else { throw .system("getsockname", errno) }
    return address
  }

  static func peerAddress(_ descriptor: Int32) -> SocketAddress? {
    name(descriptor, getpeername)
  }

  /// Small answers must not wait for the peer's delayed acknowledgement.
  static func disableDelay(_ descriptor: Int32) {
    set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .ended }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      case let error: return .failed(error)
      }
    }
  }

  /// Never raises SIGPIPE.
  static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    while true {
      let count = Glibc.send(
        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return .bytes(count) }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      case let error: return .failed(error)
      }
    }
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func name(
    _ descriptor: Int32,
    _ query: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &storage) { bytes in
      bytes.withMemoryRebound(to: sockaddr.self) { rebound -> SocketAddress? in
        guard let base = rebound.baseAddress, query(descriptor, base, &length) == 0 else {
          return nil
        }
        return SocketAddress(base, length: length)
      }
    }
  }
}
