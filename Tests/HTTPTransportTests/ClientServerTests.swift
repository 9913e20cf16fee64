import Testing

@testable import HTTPTransport

/// Echoes bodies; `/zeros/N` answers with N zero bytes.
private final class EchoHandler: RequestHandler {
  var handled = 0

  func handle(_ exchange: Exchange) -> Disposition {
    handled += 1
    let path = String(decoding: exchange.path, as: UTF8.self)
    if path.hasPrefix("/zeros/"), let count = Int(path.dropFirst(7)) {
      exchange.setBody([UInt8](repeating: 0, count: count))
    } else {
      exchange.setHeader("content-type", exchange.header("content-type") ?? "none")
      exchange.setBody(exchange.body)
    }
    return .done
  }
}

@Suite(.timeLimit(.minutes(1))) struct ClientServerTests {
  /// A server on the harness's loop.
  private func serve(
    _ harness: ClientHarness, _ limits: ServerLimits = ServerLimits()
  ) throws -> (server: HTTPServer, handler: EchoHandler, address: SocketAddress) {
    let handler = EchoHandler()
    let server = HTTPServer(loop: harness.loop, limits: limits, handler: handler)
    return (server, handler, try server.listen(on: .loopback()))
  }

  @Test(arguments: [0, 1, 16_384, 70_000, 1_500_000])
  func `a body comes back from the server as it was sent`(size: Int) throws {
    let harness = try ClientHarness()
    let (server, _, address) = try serve(harness)
    let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) }
    for number in 0..<8 { harness.send(number, to: address, body: body) }
    harness.run()
    for number in 0..<8 {
      #expect(harness.response(number)?.status == 200)
      #expect(harness.response(number)?.body == body)
    }
    #expect(server.connectionCount == 1)
  }

  @Test func `responses larger than the windows arrive whole`() throws {
    let harness = try ClientHarness()
    let (server, _, address) = try serve(harness)
    for number in 0..<3 { harness.send(number, to: address, target: "/zeros/5000000") }
    harness.run()
    for number in 0..<3 { #expect(harness.response(number)?.body.count == 5_000_000) }
    #expect(harness.client?.table.bufferedBytes == 0)
    #expect(server.connectionCount == 1)
  }

  @Test func `two thousand requests at once are queued, spread and answered once each`() throws {
    let harness = try ClientHarness()
    var limits = ServerLimits()
    limits.maxConcurrentStreams = 10
    let (server, handler, address) = try serve(harness, limits)
    for number in 0..<2_000 {
      harness.send(number, to: address, body: [UInt8](repeating: 1, count: number % 50))
    }
    harness.run()
    for number in 0..<2_000 { #expect(harness.response(number)?.body.count == number % 50) }
    #expect(handler.handled == 2_000)
    #expect(server.connectionCount <= 4)
  }

  @Test func `methods, fields and a HEAD without body pass`() throws {
    let harness = try ClientHarness()
    let (server, _, address) = try serve(harness)
    var methods: [HTTPMethod: ClientResponse] = [:]
    for method in [HTTPMethod.get, .head, .put, .delete, .options, .patch, .other("QUERY")] {
      harness.client?.send(
        ClientRequest(
          method: method, target: "/a?b=c", headers: [("content-type", "text/\(method)")],
          body: method == .put ? [1, 2, 3] : []),
        to: address, deadline: .seconds(10)
      ) { result in
        methods[method] = try? result.get()
        if methods.count == 7 { harness.loop.stop() }
      }
    }
    harness.run(until: { methods.count == 7 })
    #expect(methods[.put]?.body == [1, 2, 3])
    #expect(methods[.head]?.body == [])
    for (method, response) in methods {
      #expect(response.header("content-type") == "text/\(method)")
    }
    #expect(server.connectionCount == 1)
  }

  @Test func `a server that shuts down loses no request, and its successor is found`() throws {
    var limits = ClientLimits()
    limits.minBackoff = .milliseconds(1)
    limits.maxBackoff = .milliseconds(2)
    let harness = try ClientHarness(limits)
    let (first, handler, address) = try serve(harness)
    let total = 3_000
    var next = 0
    var retries = 0
    var successor: HTTPServer?
    var answered = 0
    // Ten at a time, each sent again as long as its error says that it was not processed.
    func attempt(_ body: [UInt8]) {
      harness.client?.send(
        ClientRequest(method: .post, target: "/", body: body), to: address, deadline: .seconds(20)
      ) { result in
        switch result {
        case .success(let response):
          #expect(response.body == body)
          answered += 1
          if answered == total / 2 { replace() }
          more()
        case .failure(let error):
          #expect(error.isRetryable, "\(error)")
          retries += 1
          harness.loop.schedule(after: .milliseconds(1)) { attempt(body) }
        }
      }
    }
    func more() {
      guard next < total else { return }
      next += 1
      attempt([UInt8](repeating: 5, count: next % 100))
    }
    func replace() {
      first.shutdown(within: .seconds(5)) {
        let server = HTTPServer(loop: harness.loop, handler: handler)
        successor = server
        #expect(throws: Never.self) { try server.listen(on: address) }
      }
    }
    for _ in 0..<10 { more() }
    harness.run(until: { answered == total })
    #expect(answered == total)
    #expect(handler.handled == total)
    #expect(successor?.connectionCount == 1)
  }

  @Test func `bodies the server refuses come back as its answer, not as a failure`() throws {
    let harness = try ClientHarness()
    var limits = ServerLimits()
    limits.maxBodyBytes = 1_000
    let (server, handler, address) = try serve(harness, limits)
    harness.send(0, to: address, body: [UInt8](repeating: 0, count: 3_000_000))
    harness.run()
    #expect(harness.response(0)?.status == 413)
    #expect(harness.response(0)?.header("content-type") == "application/problem+json")
    harness.send(1, to: address, body: [1])
    harness.run()
    #expect(harness.response(1)?.body == [1])
    #expect(handler.handled == 1)
    #expect(server.connectionCount == 1)
  }
}
