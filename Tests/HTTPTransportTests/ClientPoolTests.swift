import Dispatch
import Testing

@testable import HTTPTransport

/// Connections to one peer: when there are more of them, when fewer, and what happens to those that
/// are about to end.
@Suite(.timeLimit(.minutes(1))) struct ClientPoolTests {
  @Test("A pool grows where streams would queue, and shrinks when the peak is over")
  func growth() throws {
    let server = try ServerHarness()
    var limits = ClientLimits()
    limits.streamsBeforeGrowth = 4
    limits.maxConnectionsPerPeer = 3
    limits.idleTimeout = .milliseconds(200)
    let harness = try ClientHarness(limits)
    var sent = 0
    harness.run(until: {
      if sent < 1_000 {
        harness.send(sent, to: server.address, target: "/later")
        sent += 1
      }
      return (try? server.onLoop { $0.server?.connectionCount }) == 3
    })
    try waitFor(server, harness) { [sent] in $0.tokens.count == sent }
    #expect(try server.onLoop { $0.server?.connectionCount } == 3)
    _ = try server.onLoop { $0.handler.release($0.server) }
    harness.run()
    #expect((0..<sent).allSatisfy { harness.response($0)?.status == 200 })
    // What little there is now goes to the first connection.
    while try server.onLoop({ $0.server?.connectionCount }) != 1 {
      harness.send(sent, to: server.address, target: "/hello")
      harness.run()
      #expect(harness.response(sent)?.status == 200)
      sent += 1
    }
  }

  private func waitFor(
    _ server: ServerHarness, _ harness: ClientHarness,
    _ condition: @escaping @Sendable (ServerHarness.Context) -> Bool
  ) throws {
    harness.run(until: { (try? server.onLoop { condition($0) }) == true })
  }

  @Test("A server that drains amid load loses no request: each is answered or may be repeated")
  func drainAmidLoad() throws {
    let server = try ServerHarness()
    let harness = try ClientHarness()
    for number in 0..<300 {
      harness.send(number, to: server.address, target: number % 2 == 0 ? "/timer" : "/hello")
    }
    harness.run(until: { harness.results.count >= 20 })
    let done = try server.shutdown(within: .seconds(5))
    harness.run()
    done.wait()
    for number in 0..<300 {
      let isAnswered = harness.response(number)?.status == 200
      #expect(isAnswered || harness.error(number)?.isRetryable == true)
    }
  }

  @Test("Requests that wait are bounded in bytes, and one of any size may wait")
  func waitingBytes() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 1)
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxWaitingBytesPerPeer = 1_000
    let harness = try ClientHarness(limits)
    let body = [UInt8](repeating: 1, count: 600)
    harness.send(0, to: peer.address, body: [UInt8](repeating: 1, count: 5_000))
    harness.send(1, to: peer.address, body: body)
    harness.send(2, to: peer.address)
    harness.run()
    #expect(harness.response(0)?.status == 200)
    #expect(harness.error(1)?.code == .overloaded)
    #expect(harness.error(1)?.isRetryable == true)
    #expect(harness.response(2)?.status == 200)
    harness.send(3, to: peer.address, body: body)
    harness.run()
    #expect(harness.response(3)?.status == 200)
  }

  @Test("An idle connection is asked for a sign of life, and replaced when it gives none")
  func idleProbe() throws {
    let pings = Tally()
    let peer = try ScriptedPeer { wire, index in
      wire.greet()
      if index > 0 { return wire.serve() }
      if let stream = wire.request() { wire.respond(stream) }
      // Holds its tongue.
      if let stream = wire.request() { _ = stream }
      while let frame = wire.receive() {
        if frame.type == Frame.ping { pings.add() }
      }
    }
    var limits = ClientLimits()
    limits.pingInterval = .milliseconds(30)
    limits.pingTimeout = .milliseconds(60)
    limits.minBackoff = .zero
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address)
    harness.run()
    // A stream that waits for its answer shall not be waited for in vain.
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.error(1)?.code == .connectionClosed)
    #expect(pings.value == 1)
    harness.send(2, to: peer.address)
    harness.run()
    #expect(harness.response(2)?.status == 200)
    #expect(peer.accepted == 2)
  }

  @Test("Trailers follow a body, or stand in for one", arguments: [0, 5, 100_000])
  func trailers(size: Int) throws {
    let seen = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.receive(Frame.headers)
      while let frame = wire.receive() {
        if frame.type == Frame.data {
          let count = big(UInt32(frame.payload.count))
          guard !frame.payload.isEmpty else { continue }
          wire.send(
            Frame(type: Frame.windowUpdate, payload: count),
            Frame(type: Frame.windowUpdate, stream: frame.stream, payload: count))
        }
        guard frame.type == Frame.headers, frame.isEndStream else { continue }
        seen.add(frame.payload.count)
        wire.respond(frame.stream)
        break
      }
      _ = wire.receive()
    }
    let client = try ClientHarness()
    var request = ClientRequest(
      method: .put, target: "/", body: [UInt8](repeating: 1, count: size))
    request.trailers = [("checksum", "77")]
    let response = try #require(client.client).sendAndWait(
      request, to: peer.address, deadline: .seconds(20))
    #expect(response.status == 200)
    #expect(seen.value > 0)
  }

  @Test("A server takes a request with trailers, and counts them")
  func serverTakesTrailers() throws {
    let server = try ServerHarness()
    let client = try #require(ClientHarness().client)
    var request = ClientRequest(method: .post, target: "/echo", body: [1, 2, 3])
    request.trailers = [("checksum", "77")]
    let response = try client.sendAndWait(request, to: server.address, deadline: .seconds(20))
    #expect(response.body == [1, 2, 3])
    request.trailers = [("checksum", String(repeating: "7", count: 40_000))]
    #expect(throws: TransportError.self) {
      _ = try client.sendAndWait(request, to: server.address, deadline: .seconds(20))
    }
  }
}
