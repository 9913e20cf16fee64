import Testing

@testable import HTTPTransport

/// Keeps what a load connection tells, on a loop that the test runs.
private final class LoadHarness: LoadObserver {
  let loop: EventLoop
  private(set) var connection: LoadConnection?
  private(set) var answered: [UInt64: Int] = [:]
  private(set) var bytes = 0
  private(set) var unprocessed: Set<UInt64> = []
  private(set) var failures: [UInt64: TransportError] = [:]
  private(set) var drains = 0
  private(set) var closings: [TransportError] = []
  private(set) var hasBeenReady = false

  init(
    _ address: SocketAddress, tls: TLSFiles? = nil, streams: Int = 4,
    path: (String, String?) = ("/", nil), body: [UInt8] = []
  ) throws {
    loop = try EventLoop()
    let template = try LoadTemplate(
      authority: "\(address)", isSecure: tls != nil, path: path, headers: [("x-extra", "1")],
      body: LoadBody(body))
    connection = try LoadConnection(
      to: address, security: try tls.map { (try TLSContext($0), "127.0.0.1") }, streams: streams,
      template: template, loop: loop, observer: self)
  }

  /// An open connection keeps its observer.
  func close() { connection?.cancel() }

  /// How many requests have ended, in whatever way.
  var ended: Int { answered.count + unprocessed.count + failures.count }

  func send(_ keys: ClosedRange<UInt64>, bodyBytes: Int? = nil) {
    for key in keys {
      let request = LoadRequest(
        intended: 1, sent: MonotonicTime.current().nanoseconds, key: key,
        isWrite: bodyBytes != nil, bodyBytes: bodyBytes ?? 0)
      #expect(connection?.send(request) == true)
    }
  }

  /// Runs until a condition, looked at each millisecond, holds.
  func run(sourceLocation: SourceLocation = #_sourceLocation, until condition: @escaping () -> Bool)
  {
    let limit = loop.schedule(after: .seconds(30)) { [loop] in
      Issue.record("still waiting after 30 seconds", sourceLocation: sourceLocation)
      loop.stop()
    }
    func look() {
      if condition() { loop.stop() } else { loop.schedule(after: .milliseconds(1), look) }
    }
    loop.schedule(after: .zero, look)
    loop.run()
    loop.cancel(limit)
  }

  func loadConnectionHasRoom(_ connection: LoadConnection) { hasBeenReady = true }

  func loadConnection(
    _ connection: LoadConnection, ended request: LoadRequest, _ end: LoadEnd, at time: UInt64
  ) {
    #expect(answered[request.key] == nil && failures[request.key] == nil, "ended twice")
    switch end {
    case .answered(let status, let count):
      answered[request.key] = status
      bytes += count
    case .unprocessed: unprocessed.insert(request.key)
    case .failed(let error): failures[request.key] = error
    }
  }

  func loadConnectionDrains(_ connection: LoadConnection) { drains += 1 }

  func loadConnectionClosed(_ connection: LoadConnection, _ error: TransportError) {
    closings.append(error)
  }
}

struct LoadConnectionTests {
  @Test func `requests are answered, and streams are used again`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while let stream = wire.request() { wire.respond(stream, body: [1, 2, 3]) }
    }
    let harness = try LoadHarness(peer.address, streams: 4, path: ("/file-", ".txt"))
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    #expect(harness.connection?.room == 4)
    for round in 0..<50 {
      let first = UInt64(round * 4)
      harness.send(first...first + 3)
      #expect(harness.connection?.room == 0)
      harness.run { harness.ended == round * 4 + 4 }
    }
    #expect(harness.answered.values.allSatisfy { $0 == 200 })
    #expect(harness.bytes == 600)
  }

  @Test func `a body longer than windows and buffers arrives whole`() throws {
    let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      wire.send(Frame(type: Frame.windowUpdate, payload: big(1 << 20)))
      var received: [UInt8] = []
      while let frame = wire.receive() {
        if frame.type == Frame.headers {
          wire.send(Frame(type: Frame.windowUpdate, stream: frame.stream, payload: big(1 << 20)))
        }
        if frame.type == Frame.data { received += frame.payload }
        if frame.type <= Frame.headers, frame.isEndStream {
          wire.respond(frame.stream, fields: received == body ? ok : [0x8D])
        }
      }
    }
    let harness = try LoadHarness(peer.address, body: body)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    harness.send(7...7, bodyBytes: body.count)
    harness.run { harness.ended == 1 }
    #expect(harness.answered == [7: 200])
  }

  @Test func `requests and bodies go over TLS`() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files)
    let body = [UInt8](repeating: 7, count: 300_000)
    let line = try LoadHarness(
      server.address, tls: authority.trust, streams: 8, path: ("/echo", nil), body: body)
    line.run { line.connection?.room == 8 }
    line.send(1...8, bodyBytes: body.count)
    line.run { line.ended == 8 }
    #expect(line.answered.count == 8)
    #expect(line.bytes == 8 * body.count)
    line.close()
  }

  @Test func `a server that is not trusted is not measured`() throws {
    let server = try ServerHarness(tls: try TestAuthority.files())
    let line = try LoadHarness(server.address, tls: try TestAuthority.stranger.get().trust)
    line.run { !line.closings.isEmpty }
    #expect(line.closings.first?.code == .tls)
  }

  @Test func `the peer's limit of streams is kept`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 2)
      wire.serve()
    }
    let harness = try LoadHarness(peer.address, streams: 10)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    #expect(harness.connection?.room == 2)
  }

  @Test func `streams above a GOAWAY are unprocessed, and those below are answered`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      for _ in 0..<3 { _ = wire.request() }
      wire.send(Frame(type: Frame.goAway, payload: big(1) + big(0)))
      wire.respond(1)
      _ = wire.receive()
    }
    let harness = try LoadHarness(peer.address)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    harness.send(1...3)
    harness.run { !harness.closings.isEmpty }
    #expect(harness.answered == [1: 200])
    #expect(harness.unprocessed == [2, 3])
    #expect(harness.drains == 1 && harness.closings.count == 1)
    #expect(harness.connection?.room == 0)
  }

  @Test(arguments: [(7, true), (2, false)] as [(UInt32, Bool)])
  func `a reset stream is unprocessed only when it was refused`(
    code: UInt32, isUnprocessed: Bool
  ) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Frame(type: Frame.reset, stream: stream, payload: big(code)))
      wire.serve()
    }
    let harness = try LoadHarness(peer.address)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    harness.send(1...1)
    harness.run { harness.ended == 1 }
    #expect(harness.unprocessed.isEmpty != isUnprocessed)
    #expect((harness.failures[1]?.code == .streamReset) != isUnprocessed)
    harness.send(2...2)
    harness.run { harness.ended == 2 }
    #expect(harness.answered == [2: 200])
  }

  @Test func `a request that takes too long is reset and told of once`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let first = wire.request(), let second = wire.request() else { return }
      wire.respond(second)
      while let frame = wire.receive(Frame.reset) {
        if frame.stream == first, frame.payload == big(8) { break }
      }
      wire.serve()
    }
    let harness = try LoadHarness(peer.address, streams: 2)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    harness.send(1...2)
    harness.run { harness.ended == 1 }
    harness.connection?.expire(sentBefore: .max)
    harness.connection?.expire(sentBefore: .max)
    #expect(harness.failures[1]?.code == .timedOut)
    harness.run { harness.connection?.room == 2 }
    harness.send(3...4)
    harness.run { harness.ended == 4 }
    #expect(harness.answered == [2: 200, 3: 200, 4: 200])
  }

  @Test func `a connection that ends fails what was under way`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.request()
      _ = wire.request()
    }
    let harness = try LoadHarness(peer.address)
    defer { harness.close() }
    harness.run { harness.hasBeenReady }
    harness.send(1...2)
    harness.run { !harness.closings.isEmpty }
    #expect(harness.failures.count == 2)
    #expect(harness.failures.values.allSatisfy { $0.code == .connectionClosed })
  }

  @Test func `a peer that answers in HTTP/1 is told of`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.send(Array("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".utf8))
      while wire.receive() != nil {}
    }
    let harness = try LoadHarness(peer.address)
    defer { harness.close() }
    harness.run { !harness.closings.isEmpty }
    #expect(harness.closings.first?.code == .protocolViolation)
    #expect(harness.closings.first?.message.contains("HTTP/1") == true)
  }

  @Test func `what cannot be sent is refused when the fields are laid out`() {
    for path in ["", "file", "/a b"] {
      #expect(throws: TransportError.self) {
        try LoadTemplate(
          authority: "127.0.0.1:1", path: (path, nil), headers: [], body: LoadBody([]))
      }
    }
    #expect(throws: TransportError.self) {
      try LoadTemplate(
        authority: "127.0.0.1:1", path: ("/", nil), headers: [("content-length", "5")],
        body: LoadBody([]))
    }
  }
}

struct LoadBodyTests {
  @Test(arguments: [(0, 1), (5, 1), (127, 3), (128, 7), (300, 100), (300, 1_000)])
  func `a body that is copied part by part is the same as whole`(rest: Int, part: Int) {
    let body = LoadBody(
      head: Array("<key-0000>".utf8), digits: 5..<9, tellsLength: true,
      rest: (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 11) })
    let request = LoadRequest(intended: 0, sent: 0, key: 1_234, isWrite: true, bodyBytes: rest)
    let whole = body.bytes(of: request)
    #expect(whole.starts(with: Array("<key-1234>".utf8)))
    #expect(whole.count == 10 + (rest < 128 ? 1 : 2) + rest)
    var copied: [UInt8] = []
    let place = UnsafeMutablePointer<UInt8>.allocate(capacity: part)
    defer { place.deallocate() }
    while copied.count < whole.count {
      let count = body.copy(request, from: copied.count, to: place, capacity: part)
      #expect(count > 0)
      copied += UnsafeBufferPointer(start: place, count: count)
    }
    #expect(copied == whole)
  }
}

struct PreciseTimerTests {
  @Test func `it fires once at its time, not before, and can be set again`() throws {
    let loop = try EventLoop()
    var fired: [MonotonicTime] = []
    let timer = try PreciseTimer(loop: loop) { [unowned loop] in
      fired.append(.current())
      loop.stop()
    }
    let first = MonotonicTime.current() + .microseconds(300)
    timer.set(at: .current() + .seconds(3_600))
    timer.set(at: first)
    loop.run()
    #expect(fired.count == 1)
    #expect(fired[0] >= first)
    timer.set(at: MonotonicTime(nanoseconds: 0))
    loop.run()
    #expect(fired.count == 2)
  }
}
