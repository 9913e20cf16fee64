import ArgumentParser
import ClusterTestKit
import Testing

@testable import Commands
@testable import HTTPTransport

/// How a fault run reads answers and tells of a failure.
@Suite struct TortureTests {
  private func response(
    _ status: Int, _ headers: [(String, String)] = [], _ body: [UInt8] = []
  ) -> Result<ClientResponse, TransportError> {
    var storage: [UInt8] = []
    for (name, value) in headers {
      Array(name.utf8).withUnsafeBufferPointer { name in
        Array(value.utf8).withUnsafeBufferPointer { value in
          _ = storage.appendField(name: name, value: value)
        }
      }
    }
    let block = HeaderBlock(storage: storage, count: headers.count)
    return .success(ClientResponse(status: status, headers: block, body: body))
  }

  private func problem(
    _ status: Int, _ code: String, retryable: Bool
  ) -> Result<ClientResponse, TransportError> {
    let text = #"{"detail":"why","code":"\#(code)","retryable":\#(retryable)}"#
    let headers = [("content-type", "application/problem+json"), ("ss-error", code)]
    return response(status, headers, Array(text.utf8))
  }

  private let put = KeyOperation.Command.put(value: 7, ttl: nil, condition: .none)
  private let delete = KeyOperation.Command.delete(condition: .exists)

  @Test("Answers are read as what they say of the key")
  func answers() {
    let tag = ("etag", "\"9\"")
    let value = TorturedKey.body(of: 7)
    #expect(
      TortureAnswer(response(200, [tag], value), to: .get) == .outcome(.value(7, version: 9)))
    #expect(
      TortureAnswer(response(201, [tag]), to: put) == .outcome(.stored(version: 9, created: true)))
    #expect(
      TortureAnswer(response(200, [tag]), to: put) == .outcome(.stored(version: 9, created: false)))
    #expect(TortureAnswer(response(204), to: delete) == .outcome(.deleted(version: nil)))
    #expect(
      TortureAnswer(response(412, [tag]), to: delete)
        == .outcome(.preconditionFailed(current: 9)))
    #expect(
      TortureAnswer(response(412), to: put) == .outcome(.preconditionFailed(current: nil)))
    for command in [KeyOperation.Command.get, delete] {
      #expect(
        TortureAnswer(problem(404, "not_found", retryable: false), to: command)
          == .outcome(.missing))
    }
  }

  @Test("What was certainly not done is told from what may have been")
  func failures() {
    func outcome(
      _ result: Result<ClientResponse, TransportError>
    ) -> TortureAnswer { TortureAnswer(result, to: put) }
    #expect(outcome(problem(503, "overloaded", retryable: true)) == .outcome(.notDone))
    #expect(outcome(problem(409, "stale_epoch", retryable: false)) == .outcome(.notDone))
    #expect(outcome(response(307)) == .outcome(.notDone))
    #expect(outcome(problem(500, "outcome_unknown", retryable: false)) == .outcome(.unknown))
    #expect(outcome(problem(502, "node_unreachable", retryable: false)) == .outcome(.unknown))
    #expect(outcome(.failure(TransportError(.timedOut, "late"))) == .outcome(.unknown))
    let refused = TransportError(.connectFailed, "nobody listens", isRetryable: true)
    #expect(outcome(.failure(refused)) == .outcome(.notDone))
  }

  @Test("Answers that the interface does not have count as failures")
  func broken() {
    let results = [
      TortureAnswer(response(200, [("etag", "\"9\"")], Array("7 damaged".utf8)), to: .get),
      TortureAnswer(response(200, [], TorturedKey.body(of: 7)), to: .get),
      TortureAnswer(response(201), to: put),
      TortureAnswer(problem(400, "bad_key", retryable: false), to: put),
      TortureAnswer(problem(404, "unknown_method", retryable: false), to: .get),
    ]
    for result in results {
      guard case .broken = result else {
        Issue.record("\(result)")
        continue
      }
    }
  }

  @Test("A stored body tells its number, and damage shows", arguments: [0, 7, 40, UInt64.max])
  func bodies(value: UInt64) {
    let body = TorturedKey.body(of: value)
    #expect(TorturedKey.value(of: body) == value)
    #expect(TorturedKey.value(of: body + [0x61]) == nil)
    #expect(TorturedKey.value(of: Array(body.dropLast())) == nil)
  }

  @Test("A failing history is shown without what does not matter")
  func failingHistory() throws {
    var history: [KeyOperation] = []
    func add(_ command: KeyOperation.Command, _ outcome: KeyOperation.Outcome) {
      let time = UInt64(history.count) * 10
      history.append(KeyOperation(command, outcome, invoked: time, returned: time + 5))
    }
    for version in 1..<20 as Range<UInt64> {
      let value = 100 + version
      add(
        .put(value: value, ttl: nil, condition: .none),
        .stored(version: version, created: version == 1))
    }
    let start = history.count
    add(put, .stored(version: 30, created: false))
    for _ in 0..<50 { add(.get, .value(7, version: 30)) }
    add(delete, .deleted(version: nil))
    for _ in 0..<50 { add(.get, .missing) }
    add(.get, .value(7, version: 30))
    let checker = LinearizabilityChecker()
    guard case .violated(let operation, _) = checker.check(history) else {
      Issue.record("a value came back after its deletion")
      return
    }
    let shown = FailingHistory(history, until: operation, checker: checker)
    history[start].outcome = .stored(version: 30, created: nil)
    #expect(shown.operations == [history[start], history[start + 51], history[start + 102]])
  }

  @Test(
    "Options out of range are refused",
    arguments: [
      ["--minutes", "1", "--seconds", "1"], ["--seconds", "0"], ["--nodes", "0"],
      ["--clients", "49"], ["--keys", "0"], ["--url", ","],
      ["--url", "http://127.0.0.1:1,https://127.0.0.1:1"], ["--url", "ftp://127.0.0.1"],
      ["--url", "http://127.0.0.1:1", "--data", "here"], ["--patience", "0"],
    ])
  func options(arguments: [String]) {
    #expect(throws: (any Error).self) { try TortureCommand.parse(arguments) }
  }
}

/// How long writes were not acknowledged, as clients of a running cluster count it.
@Suite struct WriteInterruptionsTests {
  private let put = KeyOperation.Command.put(value: 7, ttl: nil, condition: .none)

  private func operation(
    _ command: KeyOperation.Command, _ outcome: KeyOperation.Outcome, _ invoked: UInt64,
    _ returned: UInt64
  ) -> KeyOperation {
    KeyOperation(command, outcome, invoked: invoked, returned: returned)
  }

  @Test("The longest time without an acknowledged write is told, and that of one key")
  func interruptions() {
    var interruptions = WriteInterruptions()
    let stored = KeyOperation.Outcome.stored(version: 1, created: nil)
    interruptions.add(operation(put, stored, 0, 10), slot: 1)
    interruptions.add(operation(put, .notDone, 20, 30), slot: 2)
    interruptions.add(operation(.get, .missing, 30, 40), slot: 2)
    interruptions.add(operation(put, .unknown, 40, 60), slot: 2)
    interruptions.add(operation(put, stored, 50, 70), slot: 1)
    interruptions.add(operation(put, stored, 100, 120), slot: 2)
    #expect(interruptions.acknowledged == 3)
    #expect(interruptions.longest == .init(length: 60, begin: 10))
    #expect(interruptions.longestOfAKey == .init(length: 100, begin: 20))
  }

  @Test("What has not ended when the run ends counts as well")
  func unended() {
    var interruptions = WriteInterruptions()
    interruptions.add(operation(put, .notDone, 20, 30), slot: 2)
    interruptions.close(begin: 0, end: 500)
    #expect(interruptions.acknowledged == 0)
    #expect(interruptions.longest == .init(length: 500, begin: 0))
    #expect(interruptions.longestOfAKey == .init(length: 480, begin: 20))
  }
}
