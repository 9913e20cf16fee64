import Testing

@testable import HTTPTransport

/// Answers that are taken as they come.
@Suite(.timeLimit(.minutes(1))) struct ClientStreamTests {
  /// What came of one stream.
  private final class Reader {
    var bytes: [UInt8] = []
    var parts = 0
    var result: Result<ClientResponse, TransportError>?
  }

  private static let request = ClientRequest(method: .post, target: "/watch", body: [1])

  private static func header(_ stream: Int32) -> Frame {
    Frame(type: Frame.headers, flags: Frame.endHeaders, stream: stream, payload: ok)
  }

  private static func data(_ stream: Int32, _ bytes: [UInt8], isLast: Bool = false) -> Frame {
    Frame(
      type: Frame.data, flags: isLast ? Frame.endStream : 0, stream: stream, payload: bytes)
  }

  /// Runs a stream to its end; `onPart` is called after each part.
  private func read(
    from peer: ScriptedPeer, limits: ClientLimits = ClientLimits(),
    deadline: Duration = .seconds(20), idleLimit: Duration? = nil,
    onPart: @escaping (HTTPClient, RequestID?, Reader) -> Void = { _, _, _ in }
  ) throws -> Reader {
    let loop = try EventLoop()
    let client = HTTPClient(loop: loop, limits: limits)
    let reader = Reader()
    var id: RequestID?
    var isCalling = true
    id = client.stream(
      Self.request, to: peer.address, deadline: deadline, idleLimit: idleLimit,
      onBytes: { bytes in
        #expect(!isCalling && reader.result == nil && !bytes.isEmpty)
        reader.bytes += bytes
        reader.parts += 1
        onPart(client, id, reader)
      },
      onEnd: { result in
        #expect(!isCalling && reader.result == nil)
        reader.result = result
        loop.stop()
      })
    isCalling = false
    loop.run()
    return reader
  }

  @Test("Parts come as they arrive, beyond what a whole body may have, and the end comes last")
  func parts() throws {
    let piece = [UInt8](repeating: 7, count: 16_000)
    let pieces = 40
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Self.header(stream))
      for _ in 0..<pieces { wire.send(Self.data(stream, piece)) }
      wire.send(
        Frame(
          type: Frame.headers, flags: Frame.endHeaders | Frame.endStream, stream: stream,
          payload: field("grpc-status", "0")))
      _ = wire.receive()
    }
    var limits = ClientLimits()
    limits.maxBodyBytes = 1_000
    limits.maxBufferedBytes = 1_000
    let reader = try read(from: peer, limits: limits)
    let response = try #require(try reader.result?.get())
    #expect(response.status == 200 && response.body.isEmpty)
    #expect(response.trailers.first("grpc-status") == "0")
    #expect(reader.bytes == Array(repeatElement(piece, count: pieces).joined()))
    #expect(reader.parts > 1)
  }

  @Test("The deadline is for the beginning of the answer only")
  func deadline() throws {
    let silent = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.request()
      _ = wire.receive(Frame.reset)
    }
    let reader = try read(from: silent, deadline: .milliseconds(50))
    #expect(throws: TransportError.self) { try reader.result?.get() }
    #expect(reader.parts == 0)
    // This one ends its answer when it has seen a PING, which comes long after the deadline.
    let slow = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Self.header(stream), Self.data(stream, [1]))
      guard let ping = wire.receive(Frame.ping) else { return }
      wire.send(Frame(type: Frame.ping, flags: 1, payload: ping.payload))
      wire.send(Self.data(stream, [2], isLast: true))
      _ = wire.receive()
    }
    var limits = ClientLimits()
    limits.pingInterval = .milliseconds(600)
    limits.pingTimeout = .seconds(10)
    limits.connectTimeout = .milliseconds(400)
    let second = try read(from: slow, limits: limits, deadline: .milliseconds(300))
    if case .success = second.result { #expect(second.bytes == [1, 2]) }
  }

  @Test("An answer that stands still for too long is given up, and one that moves is not")
  func idleLimit() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Self.header(stream), Self.data(stream, [1]))
      _ = wire.receive(Frame.reset)
    }
    let reader = try read(from: peer, idleLimit: .milliseconds(100))
    #expect(reader.bytes == [1])
    let error = try #require(throws: TransportError.self) { try reader.result?.get() }
    #expect(error.code == .timedOut)
  }

  @Test("A reader that takes its request back hears no more of it")
  func cancel() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Self.header(stream), Self.data(stream, [1]))
      guard wire.receive(Frame.reset)?.stream == stream else { return }
      wire.send(Self.data(stream, [2], isLast: true))
      _ = wire.receive()
    }
    let reader = try read(from: peer) { client, id, _ in
      if let id { client.cancel(id) }
    }
    #expect(reader.bytes == [1])
    let error = try #require(throws: TransportError.self) { try reader.result?.get() }
    #expect(error.code == .cancelled)
  }

  @Test("A connection that breaks ends the stream after what came of it")
  func broken() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Self.header(stream), Self.data(stream, [1, 2, 3]))
    }
    let reader = try read(from: peer)
    #expect(reader.bytes == [1, 2, 3])
    #expect(throws: TransportError.self) { try reader.result?.get() }
  }

  @Test("PINGs keep their distance, whatever they are sent for")
  func pingSpacing() throws {
    let pings = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      while let frame = wire.receive() {
        guard frame.type == Frame.ping, frame.flags & 1 == 0 else { continue }
        pings.add()
        wire.send(Frame(type: Frame.ping, flags: 1, payload: frame.payload))
      }
    }
    var limits = ClientLimits()
    limits.pingSpacing = .seconds(3_600)
    let harness = try ClientHarness(limits)
    // Each of these makes the connection suspect.
    for number in 0..<4 {
      harness.send(number, to: peer.address, deadline: .milliseconds(60))
      harness.run()
    }
    harness.dropClient()
    #expect(pings.value <= 1)
  }
}
