import Foundation
import Glibc
import HTTPTransport

/// A blocking socket whose reads are bounded in time: a client that sends exactly what a test says.
final class RawPeer {
  let descriptor: Int32
  private(set) var received: [UInt8] = []

  init(_ address: SocketAddress, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | 0o2000000, 0)
    guard descriptor >= 0 else { throw HarnessError.system(errno) }
    if var size = receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = address.port.bigEndian
    target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw HarnessError.system(errno) }
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw HarnessError.system(errno) }
      offset += count
    }
  }

  /// Ends the output; the input goes on.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Reads once into ``received``; false at the end.
  @discardableResult
  func receiveSome(_ limit: Int = 65_536) throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, 0)
    if count == 0 { return false }
    guard count > 0 else {
      if errno == ECONNRESET { return false }
      throw HarnessError.timedOut
    }
    received.append(contentsOf: buffer[..<count])
    return true
  }

  func receiveUntilClosed() throws -> String {
    while try receiveSome() {}
    return String(decoding: received, as: UTF8.self)
  }

  /// Takes exactly `count` bytes.
  func take(_ count: Int) throws -> [UInt8] {
    while received.count < count {
      guard try receiveSome() else { throw HarnessError.closed }
    }
    let bytes = Array(received[..<count])
    received.removeFirst(count)
    return bytes
  }

  struct Response {
    let status: Int
    let head: String
    let body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// Takes one HTTP/1.1 answer.
  func response(to method: String = "GET") throws -> Response {
    let mark = Array("\r\n\r\n".utf8)
    var end = received.firstRange(of: mark)
    while end == nil {
      guard try receiveSome() else { throw HarnessError.closed }
      end = received.firstRange(of: mark)
    }
    guard let end else { throw HarnessError.closed }
    let head = String(decoding: try take(end.upperBound), as: UTF8.self)
    guard let status = Int(head.split(separator: " ").dropFirst().first ?? "") else {
      throw HarnessError.malformed(head)
    }
    var length = 0
    for line in head.split(separator: "\r\n") where line.hasPrefix("content-length: ") {
      length = Int(line.dropFirst(16)) ?? 0
    }
    let body = method == "HEAD" || status < 200 ? [] : try take(length)
    return Response(status: status, head: head, body: body)
  }
}
