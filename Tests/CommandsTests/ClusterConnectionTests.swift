import Cluster
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

@testable import Commands

struct ClusterConnectionTests {
  private func connect(
    _ loop: EventLoop, _ server: FakeServer, timeout: Duration = .seconds(10),
    patience: Duration = .seconds(1), credential: Credential? = nil
  ) throws -> ClusterConnection {
    try ClusterConnection(
      loop: loop, endpoint: HTTPEndpoint("http://\(server.address)"), timeout: timeout,
      connectPatience: patience, credential: credential)
  }

  @Test func `a forward response is followed, with method, body and headers`() throws {
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
    let gateway = try FakeServer(loop) { exchange in
      exchange.status = 307
      exchange.setHeader("location", "http://\(node.address)/kv/a%20b?ttl=5")
    }
    let connection = try connect(loop, gateway, credential: Credential.random())
    var request = ClusterRequest.put(Array("a b".utf8), Array("value".utf8))
    request.target += "?ttl=5"
    request.headers = [("if-match", "*")]
    let reply = try connection.perform(request)
    #expect(reply.status == 201)
    // The credential is not for whom an answer names.
    #expect(seen == ["PUT", "/kv/a%20b?ttl=5", "value", "*", "none"])
  }

  @Test func `forwards that go round end with an error`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.status = 307
      exchange.setHeader("location", "/kv/a")
    }
    let connection = try connect(loop, server)
    let error = #expect(throws: CommandFailure.self) {
      try connection.perform(.get(Array("a".utf8)))
    }
    #expect(error?.message.contains("forwarded 8 times") == true)
    #expect(server.requests == 9)
  }

  @Test(arguments: ["ftp://127.0.0.1/kv/a", "http://127.0.0.1:99999/kv/a", "http://", nil])
  func `a forward without a usable location is an error`(location: String?) throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.status = 307
      if let location { exchange.setHeader("location", location) }
    }
    let connection = try connect(loop, server)
    #expect(throws: CommandFailure.self) { try connection.perform(.get(Array("a".utf8))) }
  }

  @Test(arguments: [429, 503]) func `who is told to retry, does`(status: Int) throws {
    let loop = try EventLoop()
    var refusals = 3
    let server = try FakeServer(loop) { exchange in
      guard refusals > 0 else { return }
      refusals -= 1
      exchange.setProblem(
        status: status, title: "Busy", code: "busy", detail: "come back later", retryable: true)
      exchange.setHeader("retry-after", "0")
    }
    let connection = try connect(loop, server)
    var request = ClusterRequest.put([0x61], [])
    request.isRepeatable = false
    #expect(try connection.perform(request).status == 200)
    #expect(server.requests == 4)
  }

  @Test func `a write that may have been taken is not sent again`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.setProblem(
        status: 503, title: "Not ready", code: "storage", detail: "the disk failed")
      exchange.setHeader("retry-after", "0")
    }
    let connection = try connect(loop, server)
    var request = ClusterRequest.put([0x61], [])
    request.isRepeatable = false
    #expect(try connection.perform(request).status == 503)
    #expect(server.requests == 1)
  }

  @Test func `when the time is up, the last answer stands`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in
      exchange.setProblem(
        status: 503, title: "Not ready", code: "busy", detail: "come back later")
      exchange.setHeader("retry-after", "30")
    }
    let connection = try connect(loop, server, timeout: .seconds(5))
    let reply = try connection.perform(.get([0x61]))
    #expect(reply.status == 503)
    #expect(reply.problem.sentence == "come back later (status 503, busy)")
    #expect(throws: CommandFailure("come back later (status 503, busy)")) { try reply.checked() }
  }

  @Test func `an answer of 503 that does not say when is final`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in exchange.status = 503 }
    #expect(try connect(loop, server).perform(.get([0x61])).status == 503)
    #expect(server.requests == 1)
  }

  @Test func `nobody listening is an error that names the address`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    let address = server.address
    let connection = try connect(loop, server, patience: .milliseconds(50))
    server.close()
    let error = #expect(throws: CommandFailure.self) { try connection.perform(.get([0x61])) }
    #expect(error?.message.contains("\(address)") == true)
  }

  @Test func `an answer in another format is an error, not a crash`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in exchange.setBody(Array("DIDLx".utf8)) }
    let connection = try connect(loop, server)
    #expect(throws: CommandFailure.self) { try connection.ring() }
  }

  @Test func `many requests at a time are all answered`() throws {
    let cluster = try FakeCluster()
    let connection = try cluster.connect()
    var next = 0
    var created = 0
    let pump = Pump(limit: 100) { done in
      guard next < 2_000 else { return .exhausted }
      next += 1
      connection.send(.put(Array("key \(next)".utf8), Array("\(next)".utf8))) { result in
        if case .success(let reply) = result, reply.status == 201 { created += 1 }
        done()
      }
      return .started
    }
    connection.run(pump)
    #expect(created == 2_000)
    #expect(cluster.count == 2_000)
    #expect(cluster.value("key 77") == "77")
  }
}
