import Foundation
import Glibc
import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(1))) struct ClientLifetimeTests {
  /// A port nobody listens on: bound, and kept from others, by a socket that does not listen.
  private func closedPort() throws -> (address: SocketAddress, holder: Int32) {
    let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let wanted = SocketAddress.loopback()
    try #require(wanted.withSystemAddress { bind(holder, $0, $1) } == 0)
    return (try Socket.localAddress(holder), holder)
  }

  @Test func `a refused connection fails all that wait, and more at once during the pause`() throws
  {
    let (address, holder) = try closedPort()
    defer { close(holder) }
    var limits = ClientLimits()
    limits.minBackoff = .seconds(3_600)
    limits.maxBackoff = .seconds(3_600)
    let harness = try ClientHarness(limits)
    for number in 0..<50 { harness.send(number, to: address) }
    harness.run()
    // A connection would be accepted now: those sent in the pause must not try.
    #expect(listen(holder, 1) == 0)
    for number in 50..<60 { harness.send(number, to: address) }
    harness.run()
    for number in 0..<60 {
      #expect(harness.error(number)?.code == .refused)
      #expect(harness.error(number)?.isRetryable == true)
    }
  }

  @Test func `a peer that comes back is reached after the pause`() throws {
    let (address, holder) = try closedPort()
    defer { close(holder) }
    var limits = ClientLimits()
    limits.minBackoff = .milliseconds(1)
    limits.maxBackoff = .milliseconds(5)
    let harness = try ClientHarness(limits)
    harness.send(0, to: address)
    harness.run()
    #expect(harness.error(0)?.code == .refused)
    #expect(listen(holder, 16) == 0)
    Thread.detachNewThread {
      let wire = Wire(accept(holder, nil, nil))
      wire.greet()
      wire.serve()
      wire.close()
    }
    var attempt = 0
    func again() {
      attempt += 1
      let number = attempt
      harness.send(number, to: address) {
        if harness.response(number) == nil { again() }
      }
    }
    again()
    harness.run()
    #expect(harness.response(attempt)?.status == 200)
  }

  @Test func `a cancelled request completes once, and its stream is reset`() throws {
    let resets = Tally()
    let arrived = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 1)
      guard let stream = wire.request() else { return }
      arrived.add()
      if let reset = wire.receive(Frame.reset), reset.stream == stream { resets.add() }
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    let harness = try ClientHarness(limits)
    let client = try #require(harness.client)
    let sent = try #require(harness.send(0, to: peer.address))
    let queued = try #require(harness.send(1, to: peer.address))
    harness.send(2, to: peer.address)
    harness.run(until: { arrived.value == 1 })
    client.cancel(queued)
    client.cancel(sent)
    client.cancel(sent)
    #expect(harness.results.isEmpty, "completed inside cancel")
    harness.run()
    #expect(harness.error(0)?.code == .cancelled)
    #expect(harness.error(1)?.code == .cancelled)
    #expect(harness.response(2)?.status == 200)
    #expect(resets.value == 1)
    // The identifiers are spent: their slots serve others now.
    harness.send(3, to: peer.address)
    client.cancel(sent)
    client.cancel(queued)
    harness.run()
    #expect(harness.response(3)?.status == 200)
    #expect(harness.order.count == 4)
  }

  @Test func `a request cancelled in the turn it was sent is never seen`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    let harness = try ClientHarness()
    let id = try #require(harness.send(0, to: peer.address))
    harness.client?.cancel(id)
    harness.run()
    #expect(harness.error(0)?.code == .cancelled)
    #expect(peer.accepted == 0)
  }

  @Test func `a completion may send, cancel and shut down`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let first = wire.request(), wire.request() != nil, wire.request() != nil else { return }
      wire.respond(first)
      while wire.receive() != nil {}
    }
    let harness = try ClientHarness()
    let client = try #require(harness.client)
    var second: RequestID?
    harness.send(0, to: peer.address) {
      if let second { client.cancel(second) }
      harness.send(3, to: peer.address)
      client.shutdown()
      harness.send(4, to: peer.address)
    }
    second = harness.send(1, to: peer.address)
    harness.send(2, to: peer.address)
    harness.run()
    #expect(harness.response(0) != nil)
    for number in 1...4 { #expect(harness.error(number)?.code == .cancelled) }
    #expect(harness.order.count == 5)
  }

  @Test func `shutdown closes every connection`() throws {
    let ended = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while wire.receive() != nil {}
      ended.add()
    }
    let harness = try ClientHarness()
    for number in 0..<10 { harness.send(number, to: peer.address) }
    harness.run(until: { peer.accepted == 1 })
    harness.client?.shutdown()
    harness.run()
    for number in 0..<10 { #expect(harness.error(number)?.code == .cancelled) }
    harness.run(until: { ended.value == 1 })
  }

  @Test(arguments: [false, true])
  func `a client that is dropped cancels its requests and closes its connections`(
    connected: Bool
  ) throws {
    let ended = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.request()
      wire.send(Frame(type: 1, flags: 4, stream: 1, payload: ok))
      while wire.receive() != nil {}
      ended.add()
    }
    let harness = try ClientHarness()
    weak let client = harness.client
    for number in 0..<5 { harness.send(number, to: peer.address) }
    if connected { harness.run(until: { peer.accepted == 1 }) }
    harness.dropClient()
    harness.run()
    for number in 0..<5 { #expect(harness.error(number)?.code == .cancelled) }
    #expect(client == nil)
    if connected { harness.run(until: { ended.value == 1 }) }
  }

  @Test func `a loop that goes away with its client closes the connections`() throws {
    let ended = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while let frame = wire.receive() {
        if frame.type == Frame.headers { wire.respond(frame.stream) }
      }
      ended.add()
    }
    weak var loop: EventLoop?
    do {
      let harness = try ClientHarness()
      loop = harness.loop
      harness.send(0, to: peer.address)
      harness.run()
      #expect(harness.response(0) != nil)
    }
    #expect(loop == nil)
    let other = try ClientHarness()
    other.run(until: { ended.value == 1 })
  }

  @Test func `a completion that drops the client is the last to run`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address) { harness.dropClient() }
    harness.send(1, to: peer.address, deadline: .seconds(10))
    harness.run()
    #expect(harness.order.count == 2)
  }
}
