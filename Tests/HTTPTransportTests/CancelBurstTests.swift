import Testing

@testable import HTTPTransport

/// Many cancelled requests at once: what rapid reset (CVE-2023-44487) looks like from behind a
/// proxy, whose own connections must not pay for it.
@Suite(.timeLimit(.minutes(2))) struct CancelBurstTests {
  private static func ports(_ harness: ServerHarness) throws -> Set<UInt16> {
    try harness.onLoop { context in
      Set(context.server?.core.slots.compactMap { $0.connection?.peer.port } ?? [])
    }
  }

  @Test("5,000 proxied requests that are reset cost the proxy no connection")
  func burst() throws {
    let upstream = try ServerHarness()
    var limits = ServerLimits()
    limits.maxResets = 100_000
    let proxy = try RelayHarness(to: upstream.address, server: limits)
    let client = try ClientHarness()
    let other = try #require(client.client)
    let hello = ClientRequest(target: "/hello")
    _ = try other.sendAndWait(hello, to: proxy.address, deadline: .seconds(20))
    let first = try Self.ports(upstream)
    let attackers = try (0..<4).map { _ in try HTTP2Peer(proxy.address) }
    for round in 0..<1_250 {
      let stream = UInt32(2 * round + 1)
      for attacker in attackers {
        try attacker.request(stream, "/timer")
        try attacker.send(
          HTTP2Peer.Frame(
            type: HTTP2Peer.reset, stream: stream, payload: HTTP2Peer.word(8)))
      }
      guard round % 250 == 0 else { continue }
      let answer = try other.sendAndWait(hello, to: proxy.address, deadline: .seconds(20))
      #expect(answer.status == 200)
    }
    try proxy.waitUntil { $0.proxy.inFlight == 0 && $0.proxy.client.outstanding == 0 }
    let answer = try other.sendAndWait(hello, to: proxy.address, deadline: .seconds(20))
    #expect(answer.status == 200)
    #expect(try Self.ports(upstream).isSuperset(of: first))
  }

  @Test("A client resets few streams at once, and leaves the others to their answers")
  func budget() throws {
    let resets = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      var streams: [Int32] = []
      while streams.count < 50, let stream = wire.request() { streams.append(stream) }
      while let frame = wire.receive() {
        if frame.type == Frame.reset { resets.add() }
        guard frame.type == Frame.headers else { continue }
        for stream in streams { wire.respond(stream) }
        wire.respond(frame.stream)
      }
    }
    var limits = ClientLimits()
    limits.maxResets = 3
    limits.resetWindow = .seconds(3_600)
    limits.pingTimeout = .seconds(30)
    let harness = try ClientHarness(limits)
    let ids = (0..<50).map { harness.send($0, to: peer.address) }
    harness.run(until: { peer.accepted == 1 && harness.client?.isSent(50) == true })
    for id in ids { id.map { harness.client?.cancel($0) } }
    harness.run()
    harness.send(50, to: peer.address)
    harness.run()
    #expect(harness.response(50)?.status == 200)
    #expect((0..<50).allSatisfy { harness.error($0)?.code == .cancelled })
    #expect(resets.value == 3)
    #expect(peer.accepted == 1)
  }

  @Test("Only a connection that is trusted may reset many streams", arguments: [true, false])
  func trust(isTrusted: Bool) throws {
    let upstream = try ServerHarness()
    let peer = try HTTP2Peer(upstream.address)
    try peer.request(1, isTrusted ? "/trust" : "/hello")
    _ = try peer.body(of: 1)
    for index in 1...600 {
      let stream = UInt32(2 * index + 1)
      try peer.request(stream, "/later")
      try peer.send(
        HTTP2Peer.Frame(type: HTTP2Peer.reset, stream: stream, payload: HTTP2Peer.word(8)))
      if !isTrusted, index > 500 { break }
    }
    guard isTrusted else {
      #expect(try peer.first(HTTP2Peer.goAway).errorCode == 11)
      return
    }
    try peer.request(9_001, "/hello")
    #expect(try peer.body(of: 9_001) == "hello")
  }
}

extension HTTPClient {
  /// Whether this many requests were serialised.
  fileprivate func isSent(_ count: Int) -> Bool {
    table.outstanding().compactMap { table[$0] }.filter(\.requestSent).count == count
  }
}
