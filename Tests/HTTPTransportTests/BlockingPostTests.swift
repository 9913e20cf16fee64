import Foundation
import Glibc
import Testing

@testable import HTTPTransport

struct BlockingPostTests {
  @Test("A collector that answers byte by byte holds nobody up for longer than the limit")
  func slowAnswer() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | 0o2000000, 0)
    try #require(listener >= 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 1) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    try #require(bound)
    Thread.detachNewThread {
      let peer = accept(listener, nil, nil)
      for byte in "HTTP/1.1 200".utf8 {
        var one = byte
        guard Glibc.send(peer, &one, 1, Int32(MSG_NOSIGNAL)) == 1 else { break }
        // A tenth of a second, or until the client goes (POLLRDHUP, which has no Swift name).
        var wait = pollfd(fd: peer, events: 0x2000, revents: 0)
        if poll(&wait, 1, 100) != 0 { break }
      }
      close(peer)
    }
    let endpoint = try HTTPEndpoint("http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
    #expect(throws: TransportError.self) {
      _ = try BlockingPost.send(
        [], contentType: "text/plain", to: endpoint, target: "/", limit: .milliseconds(300))
    }
  }
}
