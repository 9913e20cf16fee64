import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(1))) struct ClientChaosTests {
  /// Answers, resets, stalls, goes away and breaks off, as the seed has it.
  private static func misbehave(_ wire: Wire, seed: UInt64) {
    var random = SplitMix(state: seed)
    wire.greet(maxStreams: UInt32(1 + random.next() % 20))
    while let stream = wire.request() {
      switch random.next() % 16 {
      case 0: wire.send(Frame(type: Frame.reset, stream: stream, payload: big(7)))
      case 1: wire.send(Frame(type: Frame.reset, stream: stream, payload: big(2)))
      case 2: break
      case 3:
        wire.send(
          Frame(type: Frame.headers, flags: 4, stream: stream, payload: ok),
          Frame(type: Frame.data, stream: stream, payload: .init(repeating: 1, count: 100)))
      case 4:
        wire.send(
          Frame(type: Frame.goAway, payload: big(UInt32(max(stream - 4, 0))) + big(0)))
      case 5: return wire.abort()
      case 6: return
      case 7:
        let setting = [0, 3] + big(UInt32(random.next() % 10))
        wire.send(Frame(type: Frame.settings, payload: setting))
        wire.respond(stream)
      case 8: wire.send(Frame(type: Frame.data, flags: 1, stream: stream, payload: [1]))
      default: wire.respond(stream, body: .init(repeating: 2, count: Int(random.next() % 900)))
      }
    }
  }

  @Test(arguments: 0..<12)
  func `whatever peers and callers do, each request completes exactly once`(seed: UInt64) throws {
    let peers = try (0..<2).map { peer in
      try ScriptedPeer { wire, index in
        Self.misbehave(wire, seed: seed &* 1_000 &+ UInt64(peer * 500 + index))
      }
    }
    var limits = ClientLimits()
    limits.minBackoff = .milliseconds(1)
    limits.maxBackoff = .milliseconds(2)
    limits.pingTimeout = .milliseconds(10)
    limits.idleTimeout = .milliseconds(5)
    limits.maxWaitingPerPeer = 30
    limits.maxConnectionsPerPeer = 3
    let harness = try ClientHarness(limits)
    var random = SplitMix(state: seed)
    var sent = 0
    var identifiers: [RequestID] = []
    func sendNext() {
      guard sent < 600 else { return }
      sent += 1
      let size = random.next() % 8 == 0 ? Int(random.next() % 100_000) : 0
      let id = harness.send(
        sent, to: peers[Int(random.next() % 2)].address, body: .init(repeating: 3, count: size),
        deadline: .milliseconds(Int(5 + random.next() % 60)), then: sendNext)
      if let id { identifiers.append(id) }
      if random.next() % 10 == 0, let victim = identifiers.randomElement(using: &random) {
        harness.client?.cancel(victim)
      }
    }
    for _ in 0..<50 { sendNext() }
    harness.run()
    #expect(harness.order.count == 600)
    #expect(harness.client?.outstanding == 0)
    #expect(harness.client?.table.bufferedBytes == 0)
    let successes = (1...600).filter { harness.response($0) != nil }
    #expect(!successes.isEmpty)
    // Nothing is left behind: idle connections go, and with them the peers.
    harness.run(until: { harness.client?.peers.isEmpty ?? true })
  }
}
