import Foundation
import Synchronization
import Testing

@testable import HTTPTransport

/// Handlers that may wait.
@Suite(.timeLimit(.minutes(2))) struct AsyncHandlingTests {
  /// Answers by the path: `/now` without waiting, `/yield` after having waited, `/gate` once the
  /// test lets it.
  private final class Handler: RequestHandler {
    unowned(unsafe) var server: HTTPServer?
    let gate: Gate
    private(set) var dispositions: [Disposition] = []

    init(gate: Gate) { self.gate = gate }

    func handle(_ exchange: Exchange) -> Disposition {
      guard let server else { return .done }
      let (loop, gate) = (LoopBound(server.loop, loop: server.loop), gate)
      let disposition = server.answer(exchange) { request in
        switch String(decoding: request.path, as: UTF8.self) {
        case "/yield": await Task.yield()
        case "/gate": await gate.wait()
        default: break
        }
        let isOnLoop = loop.value.isCurrent
        return AsyncResponse(
          status: isOnLoop ? 200 : 500,
          headers: [("x-echo", request.header("x-ask") ?? "none")],
          body: request.body + request.query)
      }
      dispositions.append(disposition)
      return disposition
    }
  }

  /// Lets tasks through once it is open.
  private final class Gate: Sendable {
    private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

    var count: Int { waiting.withLock { $0.count } }

    func wait() async {
      await withCheckedContinuation { continuation in
        waiting.withLock { $0.append(continuation) }
      }
    }

    func open() {
      let all = waiting.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
      for continuation in all { continuation.resume() }
    }
  }

  private struct Bench {
    let loop: EventLoop
    let handler: Handler
    let server: HTTPServer
    let client: HTTPClient
    let address: SocketAddress
    let gate = Gate()

    init() throws {
      loop = try EventLoop()
      handler = Handler(gate: gate)
      server = HTTPServer(loop: loop, handler: handler)
      handler.server = server
      client = HTTPClient(loop: loop)
      address = try server.listen(on: .loopback())
    }

    func send(_ target: String, body: [UInt8] = []) throws -> ClientResponse {
      let request = ClientRequest(
        method: .post, target: target, headers: [("x-ask", "this")], body: body)
      return try client.sendAndWait(request, to: address, deadline: .seconds(20))
    }
  }

  @Test("One that does not wait is answered at once, with all of its request")
  func immediate() throws {
    let bench = try Bench()
    let response = try bench.send("/now?tail", body: Array("body ".utf8))
    #expect(response.status == 200)
    #expect(response.header("x-echo") == "this")
    #expect(String(decoding: response.body, as: UTF8.self) == "body tail")
    #expect(bench.handler.dispositions == [.done])
  }

  @Test("One that waits goes on upon the loop's thread, and is answered then")
  func suspended() throws {
    let bench = try Bench()
    let response = try bench.send("/yield", body: [1])
    #expect(response.status == 200)
    #expect(response.body == [1])
    #expect(bench.handler.dispositions == [.later])
  }

  @Test("What another thread lets go on comes back to the loop")
  func resumedElsewhere() throws {
    let bench = try Bench()
    let gate = bench.gate
    Thread.detachNewThread {
      while gate.count < 1 { sched_yield() }
      gate.open()
    }
    #expect(try bench.send("/gate", body: [2]).body == [2])
  }

  @Test("An answer that comes after its client went away is dropped")
  func clientGone() throws {
    let bench = try Bench()
    let request = ClientRequest(method: .post, target: "/gate", body: [3])
    #expect(throws: TransportError.self) {
      try bench.client.sendAndWait(request, to: bench.address, deadline: .milliseconds(50))
    }
    #expect(bench.gate.count == 1)
    bench.gate.open()
    #expect(try bench.send("/now", body: [4]).body == [4])
  }
}
