import Glibc
import HTTPTransport

/// An upload whose body does not come before `finish`; the server has read its head and waits.
final class StalledUpload {
  private let descriptor: Int32
  /// What the server said before the body.
  private(set) var answer = ""

  init(to address: SocketAddress) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = address.port.bigEndian
    peer.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw ClusterFailure("the upload could not connect") }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let head = Array(
      ("PUT /kv/stalled HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n"
        + "content-length: 10\r\n\r\n").utf8)
    guard send(descriptor, head, head.count, Int32(MSG_NOSIGNAL)) == head.count else {
      throw ClusterFailure("the upload could not be sent")
    }
    answer = receive()
  }

  private func receive() -> String {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }

  /// Sends the body and returns what the server says to it.
  func finish() -> String {
    let body = Array("ten bytes.".utf8)
    guard send(descriptor, body, body.count, Int32(MSG_NOSIGNAL)) == body.count else { return "" }
    return receive()
  }

  deinit {
    close(descriptor)
  }
}
