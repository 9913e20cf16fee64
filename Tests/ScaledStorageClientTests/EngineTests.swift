import HTTPTransport
import Testing
import WireProtocol

@testable import ScaledStorageClient

@Suite("The engine that follows", .timeLimit(.minutes(2)))
struct EngineTests {
  private func connect(
    _ loop: EventLoop, _ server: FakeServer, timeout: Duration = .seconds(10),
    change: (inout ClusterEngine.Settings) -> Void = { _ in }
  ) throws -> ClusterEngine {
    var settings = ClusterEngine.Settings(endpoint: try server.endpoint)
    settings.timeout = timeout
    change(&settings)
    return try ClusterEngine(loop: loop, settings)
  }

  @Test("A forward response is followed, with method, body and fields")
  func follows() throws {
    let loop = try EventLoop()
    var seen: [String] = []
    let node = try FakeServer(loop) { exchange in
      seen = [
        "\(exchange.method)", String(decoding: exchange.rawTarget, as: UTF8.self),
        String(decoding: exchange.body, as: UTF8.self), exchange.header("if-match") ?? "",
        exchange.header("authorization") ?? "none",
      ]
      exchange.status = 201
    }
    let gateway = try FakeServer(loop) { $0.forward(to: node.address) }
    let engine = try connect(loop, gateway) { $0.credential = .random() }
    var request = ClusterRequest.put(Array("a b".utf8), Array("value".utf8))
    request.target += "?ttl=5"
    request.headers = [("if-match", "*")]
    #expect(try engine.ask(request).status == 201)
    // The credential is not for whom an answer names.
    #expect(seen == ["PUT", "/kv/a%20b?ttl=5", "value", "*", "none"])
  }

  @Test("Forwards that go round end with an error")
  func circles() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.status = 307
      exchange.setHeader("location", "/kv/a")
    }
    let engine = try connect(loop, server)
    let error = #expect(throws: ClientError.self) { try engine.ask(.get([0x61])) }
    #expect(error?.message.contains("forwarded 8 times") == true)
    #expect(server.requests == 9)
  }

  @Test(
    "A forward without a location that can be used is an error",
    arguments: ["ftp://127.0.0.1/kv/a", "http://127.0.0.1:99999/kv/a", "http://", nil])
  func badLocation(location: String?) throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.status = 307
      if let location { exchange.setHeader("location", location) }
    }
    let engine = try connect(loop, server)
    let error = #expect(throws: ClientError.self) { try engine.ask(.get([0x61])) }
    #expect(error?.code == .badAnswer)
  }

  @Test("Who is told to retry, does", arguments: [429, 503])
  func retries(status: Int) throws {
    let loop = try EventLoop()
    var refusals = 3
    let server = try FakeServer(loop) { exchange in
      guard refusals > 0 else { return }
      refusals -= 1
      exchange.refuse(status, "busy", isRetryable: true, retryAfter: 0)
    }
    let engine = try connect(loop, server)
    var request = ClusterRequest.put([0x61], [])
    request.isRepeatable = false
    #expect(try engine.ask(request).status == 200)
    #expect(server.requests == 4)
  }

  @Test("A write that may have been taken is not sent again")
  func doubtfulWrite() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { $0.refuse(503, "storage", retryAfter: 0) }
    let engine = try connect(loop, server)
    var request = ClusterRequest.put([0x61], [])
    request.isRepeatable = false
    let reply = try engine.ask(request)
    #expect(reply.status == 503 && server.requests == 1)
    #expect(ClientError(reply, isRead: false).isOutcomeUnknown)
  }

  @Test("When the time is up, the last answer stands")
  func timeUp() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) {
      $0.refuse(503, "busy", isRetryable: true, retryAfter: 30)
    }
    let engine = try connect(loop, server, timeout: .seconds(5))
    let reply = try engine.ask(.get([0x61]))
    #expect(reply.status == 503)
    #expect(reply.problem.sentence == "it says busy (status 503, busy)")
  }

  @Test(
    "Who routed by a ring that has passed looks again, unless something may have been done",
    arguments: [(409, "stale_epoch"), (508, "too_many_hops")], [true, false])
  func disagreement(problem: (status: Int, code: String), isRetryable: Bool) throws {
    let loop = try EventLoop()
    var isSettled = false
    let server = try FakeServer(loop) { exchange in
      if !isSettled { exchange.refuse(problem.status, problem.code, isRetryable: isRetryable) }
      isSettled = true
    }
    var request = ClusterRequest.put([0x61], [])
    request.isRepeatable = false
    let reply = try connect(loop, server).ask(request)
    #expect(reply.status == (isRetryable ? 200 : problem.status))
    #expect(server.requests == (isRetryable ? 2 : 1))
  }

  @Test(
    "What a service refuses for good stands, also for reads",
    arguments: [(502, "bad_answer"), (503, "not_today"), (504, "too_slow")])
  func refusedForGood(status: Int, code: String) throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { $0.refuse(status, code, retryAfter: 0) }
    let reply = try connect(loop, server).ask(.get([0x61]))
    #expect(reply.status == status && reply.problem.code == code)
    #expect(server.requests == 1)
  }

  @Test(
    "Trouble on the way is overcome by what may be done twice",
    arguments: [(502, "node_unreachable"), (504, "outcome_unknown"), (502, nil), (503, nil)])
  func troubleOnTheWay(status: Int, code: String?) throws {
    let loop = try EventLoop()
    var troubles = 2
    let server = try FakeServer(loop) { exchange in
      guard troubles > 0 else { return }
      troubles -= 1
      guard let code else {
        exchange.status = status
        return exchange.setHeader("retry-after", "0")
      }
      exchange.refuse(status, code)
    }
    let reply = try connect(loop, server).ask(.put([0x61], []))
    #expect(reply.status == 200 && reply.isUncertain)
    #expect(server.requests == 3)
  }

  @Test("An answer of 503 that does not say when is final")
  func final503() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { $0.status = 503 }
    #expect(try connect(loop, server).ask(.get([0x61])).status == 503)
    #expect(server.requests == 1)
  }

  @Test("A gateway that forwards is asked to pass requests on, from then on at once")
  func gatewayRouting() throws {
    let loop = try EventLoop()
    var asked: [Bool] = []
    let gateway = try FakeServer(loop) { exchange in
      asked.append(exchange.header("ss-forward") == "proxy")
      if asked.last == false { exchange.forward(to: .loopback(port: 1)) }
    }
    let engine = try connect(loop, gateway) { $0.routing = .gateway }
    for _ in 0..<3 { #expect(try engine.ask(.get([0x61])).status == 200) }
    #expect(asked == [false, true, true, true])
  }

  @Test("A gateway is asked so for what has no key that is known, and by all that were under way")
  func gatewayRoutingWithoutKeys() throws {
    let loop = try EventLoop()
    var asked: [Bool] = []
    let gateway = try FakeServer(loop) { exchange in
      asked.append(exchange.header("ss-forward") == "proxy")
      if asked.last == false { exchange.forward(to: .loopback(port: 1)) }
    }
    let engine = try connect(loop, gateway) { $0.routing = .gateway }
    var statuses: [Int?] = []
    for _ in 0..<2 {
      engine.send(ClusterRequest(method: .post, target: "/version", isRepeatable: false)) {
        statuses.append((try? $0.get())?.status)
        if statuses.count == 2 { loop.stop() }
      }
    }
    loop.run()
    #expect(statuses == [200, 200])
    #expect(asked == [false, false, true, true])
    #expect(engine.counters.extraHops.current == 0)
  }

  @Test("More requests than may be under way fail at once")
  func overload() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    let engine = try connect(loop, server) { $0.maximumOutstanding = 2 }
    var codes: [ClientError.Code?] = []
    for _ in 0..<4 {
      engine.send(.get([0x61])) { result in
        if case .failure(let error) = result { codes.append(error.code) } else { codes.append(nil) }
        if codes.count == 4 { loop.stop() }
      }
    }
    loop.run()
    #expect(codes == [.overloaded, .overloaded, nil, nil])
    #expect(try engine.ask(.get([0x61])).status == 200)
  }

  @Test("A cancelled write says that it may have been done; what comes later is not told")
  func cancelled() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop, isMute: true) { _ in }
    let engine = try connect(loop, server)
    var outcomes: [ClientError?] = []
    let journey = engine.send(.put([0x61], [])) { result in
      if case .failure(let error) = result { outcomes.append(error) } else { outcomes.append(nil) }
    }
    loop.atEndOfTurn { engine.cancel(journey) }
    loop.schedule(after: .milliseconds(1)) {
      engine.cancel(journey)
      loop.schedule(after: .zero) { loop.stop() }
    }
    loop.run()
    #expect(outcomes.map { $0?.code } == [.cancelled])
    #expect(outcomes.first??.isOutcomeUnknown == true)
  }
}
