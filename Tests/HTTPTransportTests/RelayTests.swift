import Testing

@testable import HTTPTransport

/// A proxy between a client and a server, over real sockets.
@Suite(.timeLimit(.minutes(2))) struct RelayTests {
  private func run(
    _ client: ClientHarness, _ method: HTTPMethod, _ target: String, _ address: SocketAddress,
    headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) throws -> ClientResponse {
    try #require(client.client).sendAndWait(
      ClientRequest(method: method, target: target, headers: headers, body: body), to: address,
      deadline: .seconds(20))
  }

  @Test(
    "Bodies of any size go through in both directions", arguments: [0, 1, 100, 70_000, 400_000])
  func bodies(size: Int) throws {
    let upstream = try ServerHarness()
    let proxy = try RelayHarness(to: upstream.address)
    let client = try ClientHarness()
    let body = TestHandler.pattern(size)
    let echo = try run(client, .post, "/echo", proxy.address, body: body)
    #expect(echo.status == 200 && echo.body == body)
    let large = try run(client, .get, "/large?\(size)", proxy.address)
    #expect(large.body == body)
    #expect(large.header("content-length") == String(size))
  }

  @Test("HEAD tells the length that GET would have, and no body comes")
  func head() throws {
    let upstream = try ServerHarness()
    let proxy = try RelayHarness(to: upstream.address)
    let response = try run(ClientHarness(), .head, "/large?5000", proxy.address)
    #expect(response.status == 200 && response.body.isEmpty)
    #expect(response.header("content-length") == "5000")
    let plain = try RawPeer(proxy.address)
    try plain.send("HEAD /large?5000 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    while try plain.receiveSome() {}
    let text = String(decoding: plain.received, as: UTF8.self)
    #expect(text.contains("content-length: 5000\r\n") && text.hasSuffix("\r\n\r\n"))
  }

  @Test("Answers without a body stay so", arguments: [204, 304])
  func bodiless(status: Int) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while let stream = wire.request() {
        wire.respond(stream, fields: field(":status", "\(status)") + field("etag", "\"1\""))
      }
    }
    let proxy = try RelayHarness(to: peer.address)
    let response = try run(ClientHarness(), .get, "/", proxy.address)
    #expect(response.status == status && response.body.isEmpty)
    #expect(response.header("etag") == "\"1\"")
    #expect(response.header("content-length") == nil)
  }

  @Test("Only known fields pass; interim answers and trailers are dropped")
  func fields() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let head = wire.receive(Frame.headers) else { return }
      let interim = field(":status", "103") + field("x-back", "early")
      let answer = ok + field("x-back", "kept") + field("x-other", "dropped")
      let stream = head.stream
      wire.send(
        Frame(type: 1, flags: 4, stream: stream, payload: interim),
        Frame(type: 1, flags: 4, stream: stream, payload: answer),
        Frame(type: 0, stream: stream, payload: [1, 2]),
        Frame(type: 1, flags: 5, stream: stream, payload: field("x-back", "late")))
      _ = wire.receive()
    }
    let proxy = try RelayHarness(to: peer.address)
    let response = try run(
      ClientHarness(), .get, "/", proxy.address, headers: [("x-on", "1"), ("x-off", "1")])
    #expect(response.status == 200 && response.body == [1, 2])
    var seen: [String] = []
    response.headers.forEach { name, value in
      let name = String(decoding: name, as: UTF8.self)
      if name.hasPrefix("x-") { seen.append(name + String(decoding: value, as: UTF8.self)) }
    }
    #expect(seen == ["x-backkept"])
    let echo = try ServerHarness()
    let second = try RelayHarness(to: echo.address)
    let described = try run(
      ClientHarness(), .get, "/fields", second.address, headers: [("x-on", "1"), ("x-off", "1")])
    let text = String(decoding: described.body, as: UTF8.self)
    #expect(text.contains("x-on") && text.contains("x-proxy") && !text.contains("x-off"))
  }

  @Test("An answer that does not wait for the body is passed back at once")
  func earlyAnswer() throws {
    let resets = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let head = wire.receive(Frame.headers) else { return }
      wire.respond(head.stream, fields: field(":status", "413"))
      if wire.receive(Frame.reset) != nil { resets.add() }
    }
    let proxy = try RelayHarness(to: peer.address)
    let client = try ClientHarness()
    let response = try run(
      client, .post, "/", proxy.address, body: [UInt8](repeating: 1, count: 1 << 20))
    #expect(response.status == 413)
    client.run(until: { resets.value == 1 })
  }

  @Test("A peer that dies amid the body leaves no half of an answer")
  func deathAmidBody() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(
        Frame(
          type: 1, flags: 4, stream: stream, payload: ok + field("x-back", "1")),
        Frame(type: 0, stream: stream, payload: [UInt8](repeating: 7, count: 1_000)))
    }
    let proxy = try RelayHarness(to: peer.address)
    let response = try run(ClientHarness(), .get, "/", proxy.address)
    #expect(response.status == 502)
    #expect(response.header("x-back") == nil)
    #expect(String(decoding: response.body, as: UTF8.self).contains("connectionClosed"))
  }

  @Test("A client that goes away frees the relay, and the next request has the connection")
  func clientGone() throws {
    let upstream = try ServerHarness()
    let proxy = try RelayHarness(to: upstream.address)
    do {
      let gone = try HTTP2Peer(proxy.address)
      try gone.request(1, "/later")
      try upstream.waitUntil { $0.tokens.count == 1 }
    }
    try proxy.waitUntil { $0.proxy.inFlight == 0 && $0.proxy.client.outstanding == 0 }
    let response = try run(ClientHarness(), .get, "/hello", proxy.address)
    #expect(response.body == Array("hello".utf8))
    #expect(try upstream.onLoop { $0.server?.connectionCount } == 1)
  }
}
