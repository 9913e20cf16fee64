import Foundation
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ShutdownTests {
  @Test func anIdleServerEndsAtOnce() throws {
    let harness = try ServerHarness()
    let done = try harness.shutdown(within: .seconds(60))
    #expect(done.wait(timeout: .now() + 10) == .success)
    #expect(throws: (any Error).self) { try RawPeer(harness.address) }
  }

  @Test func requestsInFlightAreAnswered() throws {
    let harness = try ServerHarness()
    let old = try RawPeer(harness.address)
    let idle = try RawPeer(harness.address)
    let client = try HTTP2Peer(harness.address)
    try idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try idle.response().status == 200)
    try old.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
    try client.request(1, "/later")
    try harness.waitUntil { $0.tokens.count == 2 }
    let done = try harness.shutdown(within: .seconds(60))

    // The first GOAWAY leaves room for requests on their way, the second names the last.
    let notice = try client.first(HTTP2Peer.goAway)
    #expect(Array(notice.payload[..<4]) == [0x7F, 0xFF, 0xFF, 0xFF])
    let ping = try client.first(HTTP2Peer.ping)
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
    try client.send(.init(type: HTTP2Peer.ping, flags: 1, payload: ping.payload))
    #expect(Array(try client.first(HTTP2Peer.goAway).payload[..<4]) == [0, 0, 0, 3])

    #expect(try idle.receiveUntilClosed().isEmpty)
    #expect(done.wait(timeout: .now()) == .timedOut)
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 2)
    #expect(try client.body(of: 1) == "late")
    #expect(try old.receiveUntilClosed().contains("connection: close\r\n"))
    while try client.next() != nil {}
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  @Test("A request that is on its way when the server ends is answered, on new connections too")
  func requestsOnTheirWay() throws {
    let harness = try ServerHarness()
    nonisolated(unsafe) let fresh = try RawPeer(harness.address)
    nonisolated(unsafe) let kept = try RawPeer(harness.address)
    try kept.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try kept.response().status == 200)
    try harness.waitUntil { $0.server?.connectionCount == 2 }
    let done = DispatchSemaphore(value: 0)
    let areSent = try harness.onLoop { context in
      context.server?.shutdown(within: .seconds(60)) { done.signal() }
      // The loop has not looked at its sockets since.
      do {
        for peer in [fresh, kept] { try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n") }
        return true
      } catch {
        return false
      }
    }
    #expect(areSent)
    for peer in [fresh, kept] {
      let answer = try peer.receiveUntilClosed()
      #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("connection: close\r\n"))
    }
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  @Test func whatIsNotDoneIsCutOff() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    let client = try HTTP2Peer(harness.address)
    try peer.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
    try client.request(1, "/later")
    try harness.waitUntil { $0.tokens.count == 2 }
    let done = try harness.shutdown(within: .milliseconds(100))
    #expect(done.wait(timeout: .now() + 10) == .success)
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 0)
    #expect(try peer.receiveUntilClosed().isEmpty)
  }

  /// In a process of its own would be cleaner; here other tests run beside, so that only the
  /// sockets of this server are counted.
  @Test func droppingTheServerClosesEverything() throws {
    let harness = try ServerHarness()
    let peers = try (0..<10).map { _ in try HTTP2Peer(harness.address) }
    for peer in peers { try peer.request(1, "/later") }
    try harness.waitUntil { $0.tokens.count == 10 }
    #expect(socketCount(port: harness.address.port) == 11)
    _ = try harness.onLoop { context in
      context.server = nil
      return true
    }
    #expect(socketCount(port: harness.address.port) == 0)
    for peer in peers { while try peer.next() != nil {} }
  }

  @Test(arguments: [true, false]) func aHandlerMayDropTheServer(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    let waiting = try HTTP2Peer(harness.address)
    try waiting.request(1, "/later")
    try harness.waitUntil { $0.tokens.count == 1 }
    _ = try harness.onLoop { context in
      context.handler.onEnd = { [unowned context] in context.server = nil }
      return true
    }
    let peer = try RawPeer(harness.address)
    if usesHTTP2 {
      let client = HTTP2Peer(peer)
      try client.start()
      try client.request(1, "/end")
      while try client.next() != nil {}
    } else {
      let request = "GET /end HTTP/1.1\r\nHost: a\r\n\r\n"
      try peer.send(request + request)
      _ = try peer.receiveUntilClosed()
    }
    while try waiting.next() != nil {}
    try harness.waitUntil { $0.server == nil }
    #expect(socketCount(port: harness.address.port) <= 1)
  }

  @Test(arguments: [true, false]) func aHandlerMayShutTheServerDown(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    let done = DispatchSemaphore(value: 0)
    _ = try harness.onLoop { context in
      context.handler.onEnd = { [unowned context] in
        context.server?.shutdown(within: .seconds(60)) {
          context.server = nil
          done.signal()
        }
      }
      return true
    }
    let peer = try RawPeer(harness.address)
    if usesHTTP2 {
      let client = HTTP2Peer(peer)
      try client.start()
      try client.request(1, "/end")
      #expect(try client.body(of: 1) == "ended")
      let ping = try client.first(HTTP2Peer.ping)
      try client.send(.init(type: HTTP2Peer.ping, flags: 1, payload: ping.payload))
      while try client.next() != nil {}
      peer.finishSending()
    } else {
      try peer.send("GET /end HTTP/1.1\r\nHost: a\r\n\r\n")
      let text = try peer.receiveUntilClosed()
      #expect(text.hasSuffix("ended") && text.contains("connection: close"))
      peer.finishSending()
    }
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  /// Descriptors of this process whose local port is `port`.
  private func socketCount(port: UInt16) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count { name in
      guard let descriptor = Int32(name) else { return false }
      var address = sockaddr_in()
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let status = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          getsockname(descriptor, $0, &length)
        }
      }
      return status == 0 && address.sin_family == sa_family_t(AF_INET)
        && UInt16(bigEndian: address.sin_port) == port
    }
  }
}
