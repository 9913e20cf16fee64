import Foundation
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct StreamedAnswerTests {
  private static let get = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"

  /// Sends to the first stream; returns whether it took the piece.
  private func send(_ text: String, _ harness: ServerHarness) throws -> Bool {
    try harness.onLoop { $0.handler.streams.first?.send(Array(text.utf8)) ?? false }
  }

  private func finish(_ harness: ServerHarness) throws {
    _ = try harness.onLoop { context in
      context.handler.streams.first?.finish()
      return true
    }
  }

  // MARK: - HTTP/1

  @Test("Pieces go out as chunks at once, and the connection goes on after the last")
  func chunks() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    let next = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
    try peer.send(StreamedAnswerTests.get + next)
    let head = try peer.response()
    #expect(head.status == 200 && head.head.contains("transfer-encoding: chunked\r\n"))
    #expect(!head.head.contains("content-length"))
    #expect(try peer.take(11) == Array("6\r\nbegin \r\n".utf8))
    #expect(try send("piece", harness))
    #expect(try peer.take(10) == Array("5\r\npiece\r\n".utf8))
    #expect(try harness.onLoop { $0.handler.handled } == 1)
    try finish(harness)
    #expect(try peer.take(5) == Array("0\r\n\r\n".utf8))
    #expect(try peer.response().text == "hello")
    #expect(try !send("more", harness))
    #expect(try harness.onLoop { $0.server?.bufferedBytes == 0 && $0.handler.endedStreams == 0 })
  }

  @Test("Much at once comes whole, in chunks that fit")
  func largePieces() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send(StreamedAnswerTests.get)
    _ = try peer.response()
    var sent = Array("begin ".utf8)
    var got: [UInt8] = []
    for _ in 0..<40 {
      let piece = TestHandler.pattern(60_000)
      #expect(try harness.onLoop { $0.handler.streams.first?.send(piece) ?? false })
      sent += piece
      while got.count < sent.count { got += try chunk(from: peer) }
    }
    try finish(harness)
    #expect(try chunk(from: peer).isEmpty)
    #expect(got == sent)
  }

  private func chunk(from peer: RawPeer) throws -> [UInt8] {
    var line: [UInt8] = []
    while line.suffix(2) != [13, 10] { line += try peer.take(1) }
    let digits = String(decoding: line.dropLast(2), as: UTF8.self)
    let count = try #require(Int(digits, radix: 16))
    return try peer.take(count + 2).dropLast(2)
  }

  @Test("HTTP/1.0 gets the body until the end of the connection")
  func closeDelimited() throws {
    let harness = try ServerHarness()
    let peer = try RawPeer(harness.address)
    try peer.send("GET /stream HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    try harness.waitUntil { $0.handler.streams.count == 1 }
    #expect(try send("piece", harness))
    try finish(harness)
    let text = try peer.receiveUntilClosed()
    #expect(text.hasSuffix("\r\n\r\nbegin piece") && text.contains("connection: close\r\n"))
    #expect(!text.contains("chunked") && !text.contains("content-length"))
  }

  @Test("HEAD has no body and ends at once", arguments: [true, false])
  func head(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    if usesHTTP2 {
      let client = try HTTP2Peer(harness.address)
      try client.request(1, "/stream", method: "HEAD")
      #expect(try client.bytes(of: 1).isEmpty)
    } else {
      let peer = try RawPeer(harness.address)
      try peer.send(
        "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try peer.response(to: "HEAD").head.contains("transfer-encoding: chunked"))
      #expect(try peer.response().text == "hello")
    }
    try harness.waitUntil { $0.handler.endedStreams == 1 && $0.server?.bufferedBytes == 0 }
  }

  // MARK: - HTTP/2

  @Test("Other streams of the connection are answered beside it")
  func besideOthers() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/stream")
    #expect(try client.first(HTTP2Peer.data, stream: 1).payload == Array("begin ".utf8))
    for stream in stride(from: UInt32(3), to: 21, by: 2) {
      try client.request(stream, "/hello")
      #expect(try client.body(of: stream) == "hello")
      #expect(try send("piece", harness))
      #expect(try client.first(HTTP2Peer.data, stream: 1).payload == Array("piece".utf8))
    }
    try finish(harness)
    #expect(try client.first(HTTP2Peer.data, stream: 1).flags & 1 == 1)
    #expect(try harness.onLoop { $0.server?.bufferedBytes == 0 && $0.handler.endedStreams == 0 })
  }

  @Test("A stream whose window is shut holds a bounded amount, and then is reset")
  func shutWindow() throws {
    let harness = try ServerHarness()
    let client = HTTP2Peer(try RawPeer(harness.address))
    // SETTINGS_INITIAL_WINDOW_SIZE
    try client.start([(4, 10)])
    try client.request(1, "/stream")
    try harness.waitUntil { $0.handler.streams.count == 1 }
    let piece = [UInt8](repeating: 7, count: 1_000)
    let taken = try harness.onLoop { context in
      (0..<100).count { _ in context.handler.streams.first?.send(piece) ?? false }
    }
    #expect(taken == 65)
    #expect(try client.first(HTTP2Peer.reset, stream: 1).errorCode == 8)
    try harness.waitUntil { $0.handler.endedStreams == 1 && $0.server?.bufferedBytes == 0 }
    // The connection goes on.
    try client.send(.init(type: HTTP2Peer.windowUpdate, payload: HTTP2Peer.word(1_000)))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  @Test("A window that opens in time lets go what waited")
  func openedWindow() throws {
    let harness = try ServerHarness()
    let client = HTTP2Peer(try RawPeer(harness.address))
    try client.start([(4, 3)])
    try client.request(1, "/stream")
    #expect(try client.first(HTTP2Peer.data, stream: 1).payload == Array("beg".utf8))
    #expect(try send("piece", harness))
    try finish(harness)
    try client.send(
      .init(type: HTTP2Peer.windowUpdate, stream: 1, payload: HTTP2Peer.word(1_000)))
    #expect(try client.body(of: 1) == "in piece")
  }

  @Test("A client that resets the stream is forgotten at once")
  func reset() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    try client.request(1, "/stream")
    try harness.waitUntil { $0.handler.streams.count == 1 }
    try client.send(.init(type: HTTP2Peer.reset, stream: 1, payload: HTTP2Peer.word(8)))
    try harness.waitUntil { $0.handler.endedStreams == 1 }
    #expect(try !send("more", harness))
    try client.request(3, "/hello")
    #expect(try client.body(of: 3) == "hello")
  }

  // MARK: - Both

  @Test("A client that goes is noticed by the next pieces", arguments: [true, false])
  func goneClient(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    var peer: RawPeer? = try open(harness, usesHTTP2: usesHTTP2)
    #expect(peer != nil)
    peer = nil
    try harness.waitUntil { context in
      _ = context.handler.streams.first?.send([1])
      return context.handler.endedStreams == 1
    }
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
  }

  @Test("A client that reads nothing is cut off, whatever it was sent", arguments: [true, false])
  func stalledClient(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    let peer = try open(harness, usesHTTP2: usesHTTP2, receiveBuffer: 4_096)
    let piece = TestHandler.pattern(16_384)
    try harness.waitUntil { context in
      _ = context.handler.streams.first?.send(piece)
      return context.handler.endedStreams == 1
    }
    #expect(try harness.onLoop { $0.handler.streams.first?.isOpen } == false)
    withExtendedLifetime(peer) {}
  }

  @Test("Shutdown ends streams at once, with their end", arguments: [true, false])
  func shutdown(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    let peer = try open(harness, usesHTTP2: usesHTTP2)
    let done = try harness.shutdown(within: .seconds(60))
    #expect(try harness.onLoop { $0.handler.endedStreams } == 1)
    if usesHTTP2 {
      let client = HTTP2Peer(peer)
      #expect(try client.body(of: 1) == "begin ")
      let ping = try client.first(HTTP2Peer.ping)
      try client.send(.init(type: HTTP2Peer.ping, flags: 1, payload: ping.payload))
      while try client.next() != nil {}
    } else {
      #expect(try peer.receiveUntilClosed().hasSuffix("6\r\nbegin \r\n0\r\n\r\n"))
    }
    peer.finishSending()
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  @Test("A server that is dropped ends its streams", arguments: [true, false])
  func droppedServer(usesHTTP2: Bool) throws {
    let harness = try ServerHarness()
    let peer = try open(harness, usesHTTP2: usesHTTP2)
    _ = try harness.onLoop { context in
      context.server = nil
      return true
    }
    #expect(try harness.onLoop { $0.handler.endedStreams } == 1)
    #expect(try !send("more", harness))
    withExtendedLifetime(peer) {}
  }

  @Test("The time of an answer that goes on does not count")
  func untimed() throws {
    let harness = try ServerHarness()
    _ = try harness.onLoop { $0.server?.answerTimes.take().count }
    let peer = try open(harness, usesHTTP2: true)
    #expect(try harness.onLoop { $0.server?.answerTimes.take().count } == 0)
    withExtendedLifetime(peer) {}
  }

  private func open(
    _ harness: ServerHarness, usesHTTP2: Bool, receiveBuffer: Int32? = nil
  ) throws -> RawPeer {
    let peer = try RawPeer(harness.address, receiveBuffer: receiveBuffer)
    if usesHTTP2 {
      let client = HTTP2Peer(peer)
      try client.start()
      try client.request(1, "/stream")
    } else {
      try peer.send(StreamedAnswerTests.get)
    }
    try harness.waitUntil { $0.handler.streams.count == 1 }
    return peer
  }
}
