import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTP2ServerTests {
  @Test func answersManyStreamsAtOnce() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let streams = (0..<200).map { UInt32(2 * $0 + 1) }
    for stream in streams { try client.request(stream, "/echo", method: "POST", body: [1, 2, 3]) }
    for stream in streams.reversed() { #expect(try client.bytes(of: stream) == [1, 2, 3]) }
  }

  @Test func showsTheWholeRequest() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(
      1, "/describe?q=%20", method: "PATCH", [("x-test", "v")],
      body: [UInt8](repeating: 1, count: 9)
    )
    #expect(try client.body(of: 1) == "PATCH /describe q=%20 http2 9 host=a x=v")
  }

  @Test func acceptsTrailersAndDropsThem() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.send(
      .init(
        type: HTTP2Peer.headers, flags: 4, stream: 1,
        payload: HTTP2Peer.block(HTTP2Peer.fields("POST", "/describe"))),
      .init(type: HTTP2Peer.data, stream: 1, payload: [1, 2]),
      .init(
        type: HTTP2Peer.headers, flags: 5, stream: 1, payload: HTTP2Peer.block([("x-test", "late")])
      ))
    #expect(try client.body(of: 1) == "POST /describe  http2 2 host=a x=-")
  }

  @Test func headAndNoContentHaveNoBody() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/hello", method: "HEAD")
    #expect(try client.bytes(of: 1).isEmpty)
    try client.request(3, "/empty")
    #expect(try client.bytes(of: 3).isEmpty)
  }

  @Test func saysContinueBeforeTheBody() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.send(
      .init(
        type: HTTP2Peer.headers, flags: 4, stream: 1,
        payload: HTTP2Peer.block(
          HTTP2Peer.fields("PUT", "/echo", [("expect", "100-continue")]))))
    let interim = try client.first(HTTP2Peer.headers, stream: 1)
    #expect(interim.flags & 1 == 0)
    try client.send(.init(type: HTTP2Peer.data, flags: 1, stream: 1, payload: [7]))
    #expect(try client.bytes(of: 1) == [7])
  }

  @Test func aLargeBodyArrivesThroughSmallWindows() throws {
    var limits = ServerLimits()
    limits.streamWindow = 65_535
    limits.connectionWindow = 65_535
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    let body = TestHandler.pattern(300_000)
    try client.send(
      .init(
        type: HTTP2Peer.headers, flags: 4, stream: 1,
        payload: HTTP2Peer.block(HTTP2Peer.fields("POST", "/echo"))))
    var stream = 65_535
    var connection = 65_535
    var offset = 0
    while offset < body.count {
      let amount = min(16_384, stream, connection, body.count - offset)
      if amount == 0 {
        let update = try client.first(HTTP2Peer.windowUpdate)
        let increment = update.payload.reduce(0) { $0 << 8 | Int($1) }
        if update.stream == 0 { connection += increment } else { stream += increment }
        continue
      }
      let piece = Array(body[offset..<offset + amount])
      offset += amount
      stream -= amount
      connection -= amount
      try client.send(
        .init(
          type: HTTP2Peer.data, flags: offset == body.count ? 1 : 0, stream: 1, payload: piece))
    }
    // The answer needs windows of ours.
    let grant = HTTP2Peer.word(1_000_000)
    try client.send(
      .init(type: HTTP2Peer.windowUpdate, payload: grant),
      .init(type: HTTP2Peer.windowUpdate, stream: 1, payload: grant))
    #expect(try client.bytes(of: 1) == body)
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test func aSlowReaderWithSmallWindowsGetsALargeAnswerWhole() throws {
    let harness = try ServerHarness()
    let client = HTTP2Peer(try RawPeer(harness.address, receiveBuffer: 4_096))
    // SETTINGS_INITIAL_WINDOW_SIZE
    try client.start([(4, 1_000)])
    let count = 5 * 1_048_576
    try client.request(1, "/large?\(count)")
    var body: [UInt8] = []
    body.reserveCapacity(count)
    while body.count < count {
      let frame = try client.first(HTTP2Peer.data, stream: 1)
      body += frame.payload
      let grant = HTTP2Peer.word(UInt32(frame.payload.count + 3_000))
      try client.send(
        .init(type: HTTP2Peer.windowUpdate, payload: grant),
        .init(type: HTTP2Peer.windowUpdate, stream: 1, payload: grant))
    }
    #expect(body == TestHandler.pattern(count))
    try harness.waitUntil { $0.server?.bufferedBytes == 0 }
  }

  @Test func tokensGoStale() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/later")
    try client.request(3, "/later")
    try client.request(5, "/later")
    try harness.waitUntil { $0.tokens.count == 3 }
    try client.send(
      .init(type: HTTP2Peer.reset, stream: 1, payload: HTTP2Peer.word(8)))
    try harness.waitUntil { $0.server?.exchange($0.tokens[0]) == nil }
    let answered = try harness.onLoop { context in
      let token = context.tokens[1]
      context.server?.exchange(token)?.finish()
      // Answered already, though not yet written.
      let isStale = context.server?.exchange(token) == nil
      context.server?.exchange(token)?.finish()
      return isStale
    }
    #expect(answered)
    #expect(try client.bytes(of: 3).isEmpty)
    client.peer.finishSending()
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 0)
    // The slot is used again; the old names still lead nowhere.
    let next = try HTTP2Peer(harness.address)
    try next.request(1, "/later")
    try harness.waitUntil { $0.tokens.count == 4 }
    #expect(
      try harness.onLoop { context in
        context.tokens.dropLast().allSatisfy { context.server?.exchange($0) == nil }
      })
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 1)
    #expect(try next.body(of: 1) == "late")
  }

  @Test func anHTTP1TokenGoesStaleWithItsConnection() throws {
    let harness = try ServerHarness()
    do {
      let peer = try RawPeer(harness.address)
      try peer.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
      try harness.waitUntil { $0.tokens.count == 1 }
    }
    // The peer has closed; the answer finds nobody, or meets a closed socket.
    #expect(try harness.onLoop { $0.handler.release($0.server) } <= 1)
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 0)
  }
}
