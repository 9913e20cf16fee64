import Dispatch
import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
  @Test func `a response carries status, fields and body`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.respond(
        stream, fields: ok + field("content-type", "a/b") + field("x", "1") + field("x", "2"),
        body: Array("hello".utf8))
      _ = wire.receive()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    let response = try #require(harness.response(0))
    #expect(response.status == 200)
    #expect(response.header("content-type") == "a/b")
    #expect(response.header("x") == "1")
    #expect(response.headers.first(named: "y") == nil)
    #expect(response.headers.count == 3)
    #expect(response.body == Array("hello".utf8))
    var names: [String] = []
    response.headers.forEach { name, _ in names.append(String(decoding: name, as: UTF8.self)) }
    #expect(names == ["content-type", "x", "x"])
  }

  @Test func `interim responses are skipped and trailers told apart`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      let interim = field(":status", "103") + field("link", "x")
      wire.send(
        Frame(type: 1, flags: 4, stream: stream, payload: interim),
        Frame(type: 1, flags: 4, stream: stream, payload: field(":status", "404")),
        Frame(type: 0, stream: stream, payload: [1, 2]),
        Frame(type: 1, flags: 5, stream: stream, payload: field("checksum", "9")))
      _ = wire.receive()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    let response = try #require(harness.response(0))
    #expect(response.status == 404)
    #expect(response.headers.isEmpty)
    #expect(response.body == [1, 2])
    #expect(response.trailers.first("checksum") == "9")
  }

  @Test func `ten thousand requests share one connection and complete once each`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 200)
      wire.serve()
    }
    let harness = try ClientHarness()
    let total = 10_000
    var next = 0
    func sendNext() {
      guard next < total else { return }
      next += 1
      harness.send(next - 1, to: peer.address, then: sendNext)
    }
    for _ in 0..<100 { sendNext() }
    harness.run()
    #expect(harness.order.count == total)
    #expect((0..<total).allSatisfy { harness.response($0)?.status == 200 })
    #expect(peer.accepted == 1)
    #expect(harness.client?.outstanding == 0)
  }

  @Test func `a peer that takes one stream at a time gets more connections, never more streams`()
    throws
  {
    let most = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 1)
      while let stream = wire.request() {
        // A second request before the answer would be on the wire by the time this PING is
        // acknowledged.
        wire.send(Frame(type: Frame.ping, payload: [UInt8](repeating: 0, count: 8)))
        var seen = 1
        while let frame = wire.receive(), frame.type != Frame.ping {
          if frame.type == Frame.headers { seen += 1 }
        }
        most.raise(to: seen)
        wire.respond(stream)
      }
    }
    let harness = try ClientHarness()
    for number in 0..<200 { harness.send(number, to: peer.address) }
    harness.run()
    #expect((0..<200).allSatisfy { harness.response($0) != nil })
    #expect(most.value == 1)
    #expect(peer.accepted > 1 && peer.accepted <= 4)
  }

  @Test func `requests queued for one stream complete in order`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 1)
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    let harness = try ClientHarness(limits)
    for number in 0..<50 { harness.send(number, to: peer.address) }
    harness.run()
    #expect(harness.order == Array(0..<50))
    #expect(peer.accepted == 1)
  }

  @Test func `a full queue fails requests at once`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 1)
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxWaitingPerPeer = 5
    let harness = try ClientHarness(limits)
    for number in 0..<20 { harness.send(number, to: peer.address) }
    harness.run()
    let refused = (0..<20).filter { harness.error($0)?.code == .overloaded }
    #expect(refused == Array(6..<20))
    #expect(refused.allSatisfy { harness.error($0)?.isRetryable == true })
    #expect((0..<6).allSatisfy { harness.response($0) != nil })
  }

  @Test func `requests beyond the outstanding limit fail at once`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxOutstanding = 3
    let harness = try ClientHarness(limits)
    for number in 0..<5 { harness.send(number, to: peer.address) }
    harness.run()
    #expect((0..<5).map { harness.error($0)?.code } == [nil, nil, nil, .overloaded, .overloaded])
  }

  @Test func `an upload arrives whole under flow control`() throws {
    let received = Tally()
    let sum = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while let frame = wire.receive() {
        guard frame.type == Frame.data else { continue }
        received.add(frame.payload.count)
        sum.add(frame.payload.reduce(0) { $0 + Int($1) })
        if frame.isEndStream {
          wire.respond(frame.stream)
          continue
        }
        let credit = big(UInt32(frame.payload.count))
        wire.send(
          Frame(type: Frame.windowUpdate, payload: credit),
          Frame(type: Frame.windowUpdate, stream: frame.stream, payload: credit))
      }
    }
    let harness = try ClientHarness()
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    harness.send(0, to: peer.address, body: body)
    harness.run()
    #expect(harness.response(0)?.status == 200)
    #expect(received.value == body.count)
    #expect(sum.value == body.reduce(0) { $0 + Int($1) })
  }

  @Test func `a peer that reads slowly gets no more connections than its streams need`() throws {
    let gate = DispatchSemaphore(value: 0)
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 100)
      // The windows are opened wide, so that the socket is what fills up.
      wire.send(Frame(type: Frame.settings, payload: [0, 4] + big(0x7FFF_FFFF)))
      wire.send(Frame(type: Frame.windowUpdate, payload: big(0x7FFF_0000)))
      gate.wait()
      wire.serve()
    }
    let harness = try ClientHarness()
    let body = [UInt8](repeating: 1, count: 4 << 20)
    for number in 0..<8 { harness.send(number, to: peer.address, body: body) }
    // Connected, and the socket no longer takes what the eight uploads have to say.
    func isBlocked() -> Bool {
      harness.client?.peers.values.first?.connections.first.map {
        $0.openStreams == 8 && !$0.hasRoom
      } ?? false
    }
    harness.run(until: isBlocked)
    for number in 8..<16 { harness.send(number, to: peer.address) }
    var turns = 0
    harness.run(until: {
      turns += 1
      return turns > 5
    })
    #expect(harness.results.isEmpty)
    gate.signal()
    harness.run()
    #expect((0..<16).allSatisfy { harness.response($0)?.status == 200 })
    #expect(peer.accepted == 1)
  }

  @Test func `a response before the upload ends completes the request and stops the upload`() throws
  {
    let resets = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let head = wire.receive(Frame.headers) else { return }
      wire.respond(head.stream, fields: field(":status", "413"))
      if let reset = wire.receive(Frame.reset), reset.stream == head.stream { resets.add() }
      wire.serve()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address, body: [UInt8](repeating: 7, count: 1 << 20))
    harness.run()
    #expect(harness.response(0)?.status == 413)
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.response(1)?.status == 200)
    #expect(resets.value == 1)
    #expect(peer.accepted == 1)
  }

  @Test func `idle connections are closed`() throws {
    let ended = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
      ended.add()
    }
    var limits = ClientLimits()
    limits.idleTimeout = .milliseconds(10)
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address)
    harness.run()
    harness.run(until: { ended.value == 1 })
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.response(1) != nil)
    #expect(peer.accepted == 2)
  }

  @Test func `a command can wait for a response`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    let loop = try EventLoop()
    let client = HTTPClient(loop: loop)
    for _ in 0..<3 {
      let response = try client.sendAndWait(
        ClientRequest(target: "/"), to: peer.address, deadline: .seconds(10))
      #expect(response.status == 200)
    }
    #expect(peer.accepted == 1)
  }

  @Test(
    arguments: [
      ("", [], nil), ("x", [], nil), ("*", [], nil), ("/a b", [], nil), ("/\n", [], nil),
      ("/", [("", "")], nil), ("/", [(":path", "/")], nil), ("/", [("a b", "")], nil),
      ("/", [("a", "x\r\ny: z")], nil), ("/", [("a", " x")], nil), ("/", [("host", "h")], nil),
      ("/", [("Connection", "close")], nil), ("/", [("te", "gzip")], nil),
      ("/", [("content-length", "1")], nil), ("/", [], ""), ("/", [], "a b"),
    ] as [(String, [(name: String, value: String)], String?)])
  func `a request that HTTP cannot express fails without harm to others`(
    target: String, headers: [(name: String, value: String)], authority: String?
  ) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    let loop = try EventLoop()
    let client = HTTPClient(loop: loop)
    let request = ClientRequest(target: target, headers: headers, authority: authority)
    let error = #expect(throws: TransportError.self) {
      try client.sendAndWait(request, to: peer.address, deadline: .seconds(10))
    }
    #expect(error?.code == .invalidRequest)
    let response = try client.sendAndWait(
      ClientRequest(
        method: .other("QUERY"), target: "/", headers: [("X-Upper", "v")], authority: "h:1"),
      to: peer.address, deadline: .seconds(10))
    #expect(response.status == 200)
  }

  @Test func `a header section beyond the limit is refused before it is sent`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.serve()
    }
    let client = HTTPClient(loop: try EventLoop())
    let request = ClientRequest(target: "/" + String(repeating: "a", count: 40_000))
    let error = #expect(throws: TransportError.self) {
      try client.sendAndWait(request, to: peer.address, deadline: .seconds(10))
    }
    #expect(error?.code == .tooLarge)
  }
}
