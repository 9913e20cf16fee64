import ArgumentParser
import Candid
import HTTPTransport
import Testing

@testable import Commands

/// A server with the counter's methods, whose answers a test spoils.
private final class CounterServer {
  enum Fault: CaseIterable {
    /// Answers with an error without having counted.
    case refuses
    /// Counts, and answers with an error.
    case losesAnswer
    /// Counts, and then refuses as if another had been faster.
    case saysConflict
  }

  private struct Counter {
    var number: UInt64 = 0
    var version = 0
  }

  private var counters: [String: Counter] = [:]
  private var server: FakeServer?
  private var turn = 0
  /// Every how manieth call is spoiled, in turn in each way.
  var spoils = 0
  /// What a defect of the server adds to an increment.
  var excess: UInt64 = 0

  init(_ loop: EventLoop) throws {
    server = try FakeServer(loop) { [weak self] in self?.serve($0) }
  }

  var address: SocketAddress { server?.address ?? .loopback() }
  var sum: UInt64 { counters.values.reduce(0) { $0 + $1.number } }

  private func serve(_ exchange: Exchange) {
    switch String(decoding: exchange.path, as: UTF8.self) {
    case "/add": add(exchange)
    case "/get":
      let key = try? CandidArguments.decode(exchange.body, as: String.self)
      answer(key.flatMap { counters[$0]?.number } ?? 0, exchange)
    case let path where path.hasPrefix("/kv/"):
      let key = path.dropFirst(4).replacing("%2F", with: "/")
      guard let counter = counters[String(key)] else {
        exchange.status = 404
        return
      }
      exchange.setHeader("etag", "\"\(counter.version)\"")
    default:
      exchange.status = 404
    }
  }

  private func add(_ exchange: Exchange) {
    guard
      let (key, amount) = try? CandidArguments.decode(
        exchange.body, as: String.self, UInt64.self)
    else {
      exchange.status = 400
      return
    }
    turn += 1
    let fault =
      spoils > 0 && turn % spoils == 0
      ? Fault.allCases[turn / spoils % Fault.allCases.count] : nil
    if fault == .refuses {
      exchange.status = 500
      return
    }
    let counter = counters[key]
    let stands =
      exchange.header("if-match").map { $0 == counter.map { "\"\($0.version)\"" } }
      ?? (exchange.header("if-none-match") == "*" && counter == nil)
    guard stands else {
      exchange.status = 412
      return
    }
    let number = (counter?.number ?? 0) + amount + excess
    let version = (counter?.version ?? 0) + 1
    counters[key] = Counter(number: number, version: version)
    if let fault {
      exchange.status = fault == .losesAnswer ? 500 : 412
      return
    }
    exchange.setHeader("etag", "\"\(version)\"")
    answer(number, exchange)
  }

  private func answer(_ number: UInt64, _ exchange: Exchange) {
    guard let body = try? CandidArguments.encode(number) else { return }
    exchange.setHeader("content-type", "application/candid")
    exchange.setBody(body)
  }
}

struct CallCounterTests {
  private func outcome(
    _ server: CounterServer, _ loop: EventLoop, counters: Int = 5, total: UInt64? = 500,
    method: String = "add"
  ) throws -> CallCounterOutcome {
    let options = try ClusterOptions.parse(["--url", "http://\(server.address)", "--timeout", "5"])
    let fleet = try ConnectionFleet(options, count: 2, streams: 4, loop: loop)
    return try CallCounterRun(
      fleet, methods: CallCounterRun.Methods(add: method, read: "get"), counters: counters,
      seed: 1, total: total, duration: .milliseconds(50), patience: .seconds(20)
    ).run()
  }

  @Test(arguments: [1, 5, 300])
  func `every increment of a total is done once`(counters: Int) throws {
    let loop = try EventLoop()
    let server = try CounterServer(loop)
    let outcome = try outcome(server, loop, counters: counters)
    #expect(outcome.isSound && outcome.counters.sum == 500 && server.sum == 500)
    #expect(outcome.failed == 0 && outcome.counters.resolved == 0)
    #expect(outcome.text.contains("sum 500 of 500: exact"))
  }

  @Test func `what became of an increment whose answer is lost is told by the version`() throws {
    let loop = try EventLoop()
    let server = try CounterServer(loop)
    server.spoils = 7
    let outcome = try outcome(server, loop)
    #expect(outcome.isSound && outcome.counters.sum == 500 && server.sum == 500)
    #expect(outcome.failed > 0 && outcome.counters.resolved > 0)
  }

  @Test func `a server that counts wrongly is found out`() throws {
    let loop = try EventLoop()
    let server = try CounterServer(loop)
    server.excess = 1
    let outcome = try outcome(server, loop)
    #expect(!outcome.isSound && outcome.counters.sum == 1_000)
    #expect(outcome.counters.differing == 5 && outcome.counters.wrongAnswers > 0)
    #expect(outcome.text.contains("sum 1,000 of 500: WRONG"))
  }

  @Test func `a method that is not there ends the run`() throws {
    let loop = try EventLoop()
    let server = try CounterServer(loop)
    let outcome = try outcome(server, loop, method: "absent")
    #expect(!outcome.isSound && outcome.counters.increments == 0)
    #expect(outcome.counters.gaveUp?.contains("404") == true)
  }

  @Test func `without a total it goes until its time is over`() throws {
    let loop = try EventLoop()
    let server = try CounterServer(loop)
    let outcome = try outcome(server, loop, total: nil)
    #expect(outcome.isSound && outcome.counters.sum == server.sum)
    #expect(outcome.counters.expected == outcome.counters.increments)
  }
}
