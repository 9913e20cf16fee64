import ArgumentParser
import Candid
import Foundation
import HTTPTransport
import ScaledStorageClient
import Testing

@testable import Commands

struct BenchCallTests {
  private func request(_ key: UInt64, _ bytes: Int) -> LoadRequest {
    LoadRequest(intended: 0, sent: 0, key: key, isWrite: true, bodyBytes: bytes)
  }

  private var payload: [UInt8] { (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

  @Test(arguments: [0, 1, 100, 127, 128, 16_383, 16_384, 40_000])
  func `a call's body is the key with its number and a payload of any size`(bytes: Int) throws {
    let call = try BenchCall("update", key: "bench/", digits: 6, payload: payload)
    for key in [0, 7, 90_120, 999_999] as [UInt64] {
      let body = call.body.bytes(of: request(key, bytes))
      #expect(body.count == call.body.count(of: request(key, bytes)))
      let (text, blob) = try CandidArguments.decode(body, as: String.self, [UInt8].self)
      #expect(text == "bench/" + String(repeating: "0", count: 6 - "\(key)".count) + "\(key)")
      #expect(blob == Array(payload.prefix(bytes)))
    }
  }

  @Test(arguments: [
    "(\"{key}\", 5 : nat64)", "(blob \"{key}\", 5 : nat64)", "(record { k = \"a{key}b\" })",
    "(5 : nat64)",
  ])
  func `arguments have the key's number in its place`(text: String) throws {
    let call = try BenchCall("add", arguments: text, key: "k\\\"/", digits: 3)
    for key in [0, 42, 999] as [UInt64] {
      let number = String(repeating: "0", count: 3 - "\(key)".count) + "\(key)"
      let plain = try CandidText.parseArguments(
        text.replacingOccurrences(of: "{key}", with: "k\\\\\\\"/" + number))
      #expect(call.body.bytes(of: request(key, 0)) == (try CandidBinary.encode(plain)))
    }
  }

  @Test(arguments: [
    "(\"{key}\", \"{key}\")", "({key})", "(\"{key}\"", "(1{key} : nat)", "(record { {key} = 1 })",
    "(principal \"{key}\")",
  ])
  func `a key that stands twice, or is no text or blob, is refused`(text: String) {
    #expect(throws: CommandFailure.self) {
      try BenchCall("add", arguments: text, key: "", digits: 3)
    }
  }

  @Test(arguments: ["", "a/b", "a b", "ä", "a?b"])
  func `what cannot be a method's name is refused`(name: String) {
    #expect(throws: CommandFailure.self) {
      try BenchCall(name, key: "", digits: 1, payload: [])
    }
  }

  private func plan(_ address: SocketAddress, _ arguments: [String]) throws -> BenchPlan {
    let command = try ClusterBenchCommand.parse(
      ["--url", "http://\(address)", "--keys", "100", "--requests", "300", "--seed", "1"]
        + arguments)
    return try command.plan()
  }

  @Test(arguments: [["--plain"], [], ["--connections", "3", "--streams", "2", "--threads", "2"]])
  func `calls carry the key and a payload to the method`(shape: [String]) throws {
    let loop = try EventLoop()
    var keys: Set<String> = []
    var sizes: Set<Int> = []
    var targets: Set<String> = []
    let server = try FakeServer(loop) { exchange in
      targets.insert("\(exchange.method) " + String(decoding: exchange.rawTarget, as: UTF8.self))
      let body = try? CandidArguments.decode(exchange.body, as: String.self, [UInt8].self)
      guard let body, exchange.header("content-type") == "application/candid" else {
        exchange.status = 400
        return
      }
      keys.insert(body.0)
      sizes.insert(body.1.count)
      exchange.setBody([1, 2])
    }
    let plan = try plan(
      server.address,
      ["--call", "append", "--value-bytes", "120..140", "--distribution", "sequential"] + shape)
    let outcome = BenchOutcome(plan, try BenchRun(plan, loop: loop).run(), [])
    #expect(outcome.isSound && outcome.requests == 300 && server.requests == 300)
    #expect(targets == ["POST /append"])
    let expected = (0..<100).map { "bench/" + ($0 < 10 ? "0" : "") + "\($0)" }
    #expect(keys == Set(expected))
    #expect(sizes == Set(120...140))
    #expect(outcome.call == "append" && outcome.reads == nil)
    #expect(outcome.writes?.succeeded == 300)
    #expect(outcome.text.contains("calls of append, values of 120 to 140 bytes"))
    #expect(try JSONOutput.line(outcome).contains("\"call\":\"append\"".utf8))
  }

  @Test func `an open loop calls with the arguments that were given`() throws {
    let loop = try EventLoop()
    var amounts: Set<UInt64> = []
    let server = try FakeServer(loop) { exchange in
      let body = try? CandidArguments.decode(exchange.body, as: String.self, UInt64.self)
      if let body { amounts.insert(body.1) } else { exchange.status = 400 }
    }
    let plan = try plan(
      server.address,
      [
        "--call", "add", "--arguments", "(\"{key}\", 5 : nat64)", "--plain", "--rate", "20000",
        "--distribution", "zipf", "--key-prefix", "counter-",
      ])
    let outcome = BenchOutcome(plan, try BenchRun(plan, loop: loop).run(), [])
    #expect(outcome.isSound && outcome.requests == 300 && outcome.loop == "open")
    #expect(amounts == [5])
  }

  @Test func `keys that are stored before are those that are called with`() throws {
    let cluster = try FakeCluster()
    let plan = try plan(
      cluster.connect().origin, ["--call", "update", "--plain", "--value-bytes", "10"])
    let stored = try BenchRun(plan.preloading, loop: cluster.loop).run()
    #expect(stored.tally.failed == 0)
    #expect(cluster.count == 100)
    #expect(cluster.value("bench/07")?.utf8.count == 10)
  }

  @Test(arguments: [
    ["--arguments", "()"], ["--plain"], ["--increments", "5"],
    ["--call", "add", "--increments", "5"], ["--counters", "2", "--increments", "5"],
    ["--call", "add", "--read-ratio", "0.5"], ["--call", "add", "--target-path", "/add"],
    ["--call", "add", "--counters", "2", "--requests", "7"],
    ["--call", "add", "--counters", "2", "--increments", "0"],
    ["--call", "add", "--counters", "2", "--plain"],
  ])
  func `options that do not go together are refused`(arguments: [String]) {
    #expect(throws: (any Error).self) { try ClusterBenchCommand.parse(arguments) }
  }
}
