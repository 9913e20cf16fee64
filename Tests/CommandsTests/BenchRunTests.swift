import Foundation
import HTTPTransport
import ScaledStorageClient
import Testing

@testable import Commands

/// A server whose answers come when the test wants.
private final class HoldingServer: RequestHandler {
  private var server: HTTPServer?
  private(set) var address = SocketAddress.loopback()
  private(set) var held: [ExchangeToken] = []
  private(set) var requests = 0
  /// Requests before this many are answered at once.
  let answered: Int

  init(_ loop: EventLoop, answered: Int) throws {
    self.answered = answered
    let server = HTTPServer(loop: loop, limits: ServerLimits(), handler: self)
    self.server = server
    address = try server.listen(on: .loopback())
  }

  func handle(_ exchange: Exchange) -> Disposition {
    requests += 1
    guard requests > answered else { return .done }
    held.append(exchange.token)
    return .later
  }

  func close() {
    server?.shutdown(within: .zero) {}
    server = nil
  }
}

struct BenchRunTests {
  private func plan(_ address: SocketAddress, path: String? = "/file-{key}") throws -> BenchPlan {
    let endpoint = try HTTPEndpoint("http://\(address)")
    var plan = BenchPlan(endpoint: endpoint, address: address, seed: 3)
    if let path {
      let parts = path.components(separatedBy: "{key}")
      plan.target = .plain(prefix: parts[0], suffix: parts.count > 1 ? parts[1] : nil)
    } else {
      plan.keyPrefix = "bench/"
    }
    plan.connections = 3
    plan.streams = 4
    plan.keys = 20
    return plan
  }

  private func outcome(_ plan: BenchPlan, _ loop: EventLoop) throws -> BenchOutcome {
    BenchOutcome(plan, try BenchRun(plan, loop: loop).run(), [])
  }

  @Test(arguments: [1, 2, 3])
  func `a closed loop sends as many requests as asked for, on any number of threads`(
    threads: Int
  ) throws {
    let loop = try EventLoop()
    var targets: Set<String> = []
    let server = try FakeServer(loop) { exchange in
      targets.insert(String(decoding: exchange.rawTarget, as: UTF8.self))
      if exchange.method == .get { exchange.setBody(Array("hello".utf8)) }
    }
    var plan = try plan(server.address)
    plan.threads = threads
    plan.extent = .requests(1_000)
    plan.readRatio = 0.7
    plan.valueBytes = 10...20
    let outcome = try outcome(plan, loop)
    #expect(server.requests == 1_000)
    #expect(outcome.requests == 1_000 && outcome.isSound)
    let reads = try #require(outcome.reads)
    let writes = try #require(outcome.writes)
    #expect(reads.succeeded + writes.succeeded == 1_000)
    #expect((600...800).contains(reads.succeeded))
    #expect(reads.service == nil)
    #expect(outcome.statuses == ["200": 1_000])
    #expect(targets == Set((0..<20).map { "/file-\($0)" }))
    let received = outcome.receivedBytesPerSecond * outcome.seconds
    #expect(abs(received - 5 * Double(reads.succeeded)) < 1)
    let sent = outcome.sentBytesPerSecond * outcome.seconds / Double(writes.succeeded)
    #expect((13...17).contains(sent))
  }

  @Test func `writes carry their bodies and header fields`() throws {
    let loop = try EventLoop()
    var bodies: Set<[UInt8]> = []
    var names: Set<String> = []
    let server = try FakeServer(loop) { exchange in
      bodies.insert(exchange.body)
      names.insert(exchange.header("x-name") ?? "none")
    }
    var plan = try plan(server.address, path: "/one")
    plan.headers = [("X-Name", "value")]
    plan.extent = .requests(10)
    plan.readRatio = 0
    plan.valueBytes = 100_000...100_000
    #expect(try outcome(plan, loop).isSound)
    #expect(names == ["value"])
    #expect(bodies == [plan.values])
  }

  @Test func `other statuses than 2xx are failures, counted each`() throws {
    let loop = try EventLoop()
    var number = 0
    let server = try FakeServer(loop) { exchange in
      exchange.status = [200, 404, 307, 503][number % 4]
      number += 1
    }
    var plan = try plan(server.address)
    plan.extent = .requests(400)
    plan.readRatio = 1
    let outcome = try outcome(plan, loop)
    #expect(outcome.statuses == ["200": 100, "404": 100, "307": 100, "503": 100])
    #expect(outcome.failed == 300 && outcome.requests == 400 && !outcome.isSound)
    #expect(outcome.reads?.succeeded == 100)
    #expect(outcome.text.contains("failed with status 404: 100\n"))
  }

  @Test func `an open loop counts from when requests should have been sent`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    var plan = try plan(server.address)
    plan.readRatio = 1
    plan.extent = .requests(500)
    plan.arrivals = BenchPlan.Arrivals(
      rate: 20_000, process: .poisson, maximumBehind: 1_000_000)
    let outcome = try outcome(plan, loop)
    #expect(outcome.isSound && outcome.requests == 500 && server.requests == 500)
    let reads = try #require(outcome.reads)
    let service = try #require(reads.service)
    #expect(service.mean <= reads.response.mean)
    #expect(service.max <= reads.response.max)
  }

  @Test("A target that answers no more is told of, and nothing that was due is forgotten")
  func behind() throws {
    let loop = try EventLoop()
    let server = try HoldingServer(loop, answered: 10)
    var plan = try plan(server.address)
    plan.connections = 1
    plan.streams = 2
    plan.readRatio = 1
    plan.timeout = .milliseconds(300)
    plan.arrivals = BenchPlan.Arrivals(rate: 10_000, process: .constant, maximumBehind: 100)
    let outcome = try outcome(plan, loop)
    #expect(outcome.gaveUp && !outcome.isSound)
    #expect(outcome.behind == 101)
    #expect(outcome.transportErrors == ["timed_out": 2])
    #expect(server.requests == 12)
    #expect(outcome.reads?.response.max ?? 0 >= 10_000_000)
    #expect(
      outcome.text.contains("the target could not keep up: 101 requests behind, more than"))
    server.close()
  }

  @Test func `a warm-up does not count`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    var plan = try plan(server.address)
    plan.readRatio = 1
    plan.warmUp = .milliseconds(50)
    plan.extent = .requests(100)
    let outcome = try outcome(plan, loop)
    #expect(outcome.requests == 100)
    #expect(server.requests > 100)
  }

  @Test func `an interruption ends early and tells what there is`() throws {
    let loop = try EventLoop()
    var interrupt: () -> Void = {}
    var requests = 0
    let server = try FakeServer(loop) { _ in
      requests += 1
      if requests == 200 { interrupt() }
    }
    var plan = try plan(server.address)
    plan.readRatio = 1
    plan.extent = .duration(.seconds(3_600))
    let run = BenchRun(plan, loop: loop)
    interrupt = { run.interrupt() }
    let outcome = BenchOutcome(plan, try run.run(), [])
    #expect(outcome.interrupted)
    #expect(outcome.requests >= 200 - 12 && outcome.failed == 0)
    #expect(outcome.seconds < 3_600)
  }

  @Test func `a server that is not there is told of`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    server.close()
    var plan = try plan(server.address)
    plan.threads = 2
    let error = #expect(throws: CommandFailure.self) { try outcome(plan, loop) }
    #expect(error?.message.contains("is the server running?") == true)
  }

  @Test func `a cluster's forward responses are followed`() throws {
    let cluster = try FakeCluster()
    let address = try cluster.connect().origin
    var plan = try plan(address, path: nil)
    plan.threads = 2
    let stored = try BenchRun(plan.preloading, loop: cluster.loop).run()
    #expect(stored.tally.failed == 0)
    #expect(cluster.count == 20)
    plan.extent = .requests(300)
    let outcome = try outcome(plan, cluster.loop)
    #expect(outcome.isSound && outcome.requests == 300)
    #expect(cluster.value("bench/7") == String(decoding: plan.values, as: UTF8.self))
  }

  @Test func `storing the keys ends at the first failure`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { $0.status = 507 }
    var plan = try plan(server.address)
    plan.keys = 100_000
    let stored = try BenchRun(plan.preloading, loop: loop).run()
    #expect(stored.tally.firstFailure == "the target answered with status 507")
    #expect(server.requests < 100_000)
  }

  @Test func `a target that goes away and does not come back ends the run`() throws {
    let loop = try EventLoop()
    var close: () -> Void = {}
    let server = try FakeServer(loop) { _ in loop.schedule(after: .zero) { close() } }
    close = { server.close() }
    var plan = try plan(server.address)
    plan.extent = .requests(1_000_000)
    plan.timeout = .milliseconds(200)
    let outcome = try outcome(plan, loop)
    #expect(!outcome.isSound)
    #expect(outcome.transportErrors["unreachable"] == 1)
    #expect(outcome.requests < 1_000_000)
  }

  @Test func `the outcome has stable names with units`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    var plan = try plan(server.address)
    plan.extent = .requests(50)
    plan.arrivals = BenchPlan.Arrivals(rate: 50_000, process: .constant, maximumBehind: 1_000)
    plan.distribution = .zipf(exponent: 0.99)
    let line = try JSONOutput.line(try outcome(plan, loop))
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    #expect(
      Set(object.keys)
        == [
          "target", "loop", "rate_per_second", "arrivals", "connections", "streams", "threads",
          "keys", "distribution", "zipf_exponent", "read_ratio", "value_bytes_min",
          "value_bytes_max", "seed", "warm_up_seconds", "seconds", "requests", "failed",
          "per_second", "received_bytes_per_second", "sent_bytes_per_second", "behind", "gave_up",
          "interrupted", "resent", "reconnected", "statuses", "transport_errors", "reads", "writes",
          "processors",
        ])
    let times: Set = [
      "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns", "mean_ns", "stdev_ns",
      "saturated",
    ]
    let reads = try #require(object["reads"] as? [String: Any])
    #expect(Set(reads.keys) == times.union(["succeeded", "failed", "behind", "service"]))
    let service = try #require(reads["service"] as? [String: Any])
    #expect(Set(service.keys) == times)
  }
}

struct ProcessorTimeTests {
  @Test func `a process is named by number, or by name and number`() throws {
    #expect(ProcessorTime.Subject("17")?.name == "pid 17")
    #expect(ProcessorTime.Subject("node=17")?.name == "node")
    #expect(ProcessorTime.Subject("node=17")?.process == 17)
    for text in ["", "node", "node=", "=17", "-1", "0", "node=x"] {
      #expect(ProcessorTime.Subject(text) == nil)
    }
  }

  @Test func `time goes on for a process that works`() throws {
    let subject = try #require(ProcessorTime.Subject("test=\(getpid())"))
    let begin = try ProcessorTime.read([subject])
    var generator = SplitMix64(seed: 1)
    var end = begin
    while end.since(begin, subject) < 5_000_000 {
      for _ in 0..<100_000 { _ = generator.next() }
      end = try ProcessorTime.read([subject])
    }
    #expect(begin.since(end, subject) == 0)
  }

  @Test func `a process that has ended is told of`() throws {
    let subject = try #require(ProcessorTime.Subject("gone=\(Int32.max)"))
    #expect(throws: CommandFailure.self) { try ProcessorTime.read([subject]) }
  }
}
