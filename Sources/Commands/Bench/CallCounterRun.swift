import Candid
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// Streams that increment counters by calls of a module's method, each on the condition that the
/// counter's version is still the one that the last increment brought. No two are under way on one
/// counter, and of several attempts at one increment the condition lets one succeed at most: a
/// version that has changed tells that it was done, whatever became of the answer.
final class CallCounterRun {
  private struct Counter {
    var done: UInt64 = 0
    /// Of the value; nil as long as there is none.
    var tag: String?
    /// How long the increment that is under way has been tried.
    var begin: MonotonicTime?
  }

  /// Methods `add : (key : text, amount : nat64) -> (nat64)` and
  /// `read : (key : text) -> (nat64) query`.
  struct Methods {
    var add: String
    var read: String
  }

  private let fleet: ConnectionFleet
  private let methods: Methods
  private let seed: UInt64
  /// Nil increments until the time is over.
  private let total: UInt64?
  private let duration: Duration
  private let patience: Duration
  private var counters: [Counter]
  /// The counters on which no increment is under way.
  private var idle = IndexQueue()
  private var started: UInt64 = 0
  private var calls = Latencies()
  private var found = CallCounterOutcome.Counters()
  private var failed: UInt64 = 0
  private var firstFailure: String?
  private var lastIncrement = MonotonicTime.current()
  private var pump: Pump?

  private static let pause = Duration.milliseconds(50)

  /// - Parameters:
  ///   - patience: how long one increment is tried before the run ends without it.
  ///   - duration: how long it goes without a total.
  init(
    _ fleet: ConnectionFleet, methods: Methods, counters: Int, seed: UInt64, total: UInt64?,
    duration: Duration, patience: Duration
  ) {
    self.fleet = fleet
    self.methods = methods
    self.seed = seed
    self.total = total
    self.duration = duration
    self.patience = patience
    self.counters = Array(repeating: Counter(), count: counters)
    idle = IndexQueue(capacity: counters)
    for index in 0..<counters { idle.append(index) }
  }

  /// - Throws: `CommandFailure` when the counters cannot be read at the end.
  func run() throws(CommandFailure) -> CallCounterOutcome {
    let begin = MonotonicTime.current()
    lastIncrement = begin
    let pump = Pump(limit: min(fleet.concurrency, counters.count)) { [self] done in
      if let total, started >= total { return .exhausted }
      guard let index = idle.first else { return .blocked }
      idle.removeFirst()
      started += 1
      counters[index].begin = .current()
      increment(index, done)
      return .started
    }
    self.pump = pump
    if total == nil { fleet.loop.schedule(after: duration) { pump.stop() } }
    fleet.run(pump)
    self.pump = nil
    notePause()
    let seconds = (MonotonicTime.current() - begin).seconds
    try tally()
    return CallCounterOutcome(
      method: methods.add, seed: seed, seconds: seconds, failed: failed,
      firstFailure: firstFailure,
      perSecond: seconds > 0 ? Double(found.increments) / seconds : 0,
      calls: calls.count > 0 ? calls.summary : nil, counters: found)
  }

  private func key(_ index: Int) -> String {
    "bench-counter/\(String(seed, radix: 16))/\(index)"
  }

  // MARK: - One increment

  private func increment(_ index: Int, _ done: @escaping () -> Void) {
    var request: ClusterRequest
    do throws(CandidError) {
      request = ClusterRequest(
        method: .post, target: "/" + methods.add,
        body: try CandidArguments.encode(key(index), 1 as UInt64))
    } catch {
      return giveUp(error.message, done)
    }
    let condition = counters[index].tag.map { ("if-match", $0) } ?? ("if-none-match", "*")
    request.headers = [("content-type", "application/candid"), condition]
    let begin = MonotonicTime.current()
    fleet.connection(index).send(request) { [self] result in
      switch result {
      case .success(let reply) where reply.isSuccess:
        calls.record(since: begin)
        guard let tag = reply.response.header("etag") else {
          return giveUp("the answer has no etag: \(methods.add) changed no value", done)
        }
        let number = try? CandidArguments.decode(reply.body, as: UInt64.self)
        if number != counters[index].done + 1 { found.wrongAnswers += 1 }
        incremented(index, tag, done)
      case .success(let reply):
        if reply.status != 412 || !reply.isUncertain { fail(reply.problem.sentence) }
        // What was asked wrongly will not be done another time either.
        let isFinal = (400..<500).contains(reply.status) || reply.status == 501
        if isFinal, reply.status != 412, reply.status != 429 {
          return giveUp(reply.problem.sentence, done)
        }
        resolve(index, done)
      case .failure(let error):
        fail(error.description)
        resolve(index, done)
      }
    }
  }

  /// Finds out by the version whether an increment was done, and tries it again if not.
  private func resolve(_ index: Int, _ done: @escaping () -> Void) {
    let waited = counters[index].begin.map { MonotonicTime.current() - $0 } ?? .zero
    guard waited < patience else {
      return giveUp("an increment of counter \(index) was not done in \(waited.seconds) s", done)
    }
    fleet.connection(index).send(.get(Array(key(index).utf8))) { [self] result in
      switch result {
      case .success(let reply) where reply.status == 200 || reply.status == 404:
        if let tag = reply.response.header("etag"), reply.status == 200, tag != counters[index].tag
        {
          found.resolved += 1
          return incremented(index, tag, done)
        }
        if reply.status == 404, counters[index].tag != nil {
          return giveUp("counter \(index) is gone", done)
        }
        later { self.increment(index, done) }
      case .success(let reply):
        fail(reply.problem.sentence)
        later { self.resolve(index, done) }
      case .failure(let error):
        fail(error.description)
        later { self.resolve(index, done) }
      }
    }
  }

  private func later(_ body: @escaping () -> Void) {
    fleet.loop.schedule(after: CallCounterRun.pause, body)
  }

  private func incremented(_ index: Int, _ tag: String, _ done: () -> Void) {
    if let begin = counters[index].begin {
      let taken = MonotonicTime.current().nanoseconds &- begin.nanoseconds
      found.longestIncrementNs = max(found.longestIncrementNs, taken)
    }
    notePause()
    counters[index].tag = tag
    counters[index].done += 1
    idle.append(index)
    done()
  }

  private func notePause() {
    let now = MonotonicTime.current()
    found.longestPauseNs = max(found.longestPauseNs, now.nanoseconds &- lastIncrement.nanoseconds)
    lastIncrement = now
  }

  private func fail(_ text: String) {
    failed += 1
    firstFailure = firstFailure ?? text
  }

  private func giveUp(_ text: String, _ done: () -> Void) {
    found.gaveUp = found.gaveUp ?? text
    pump?.stop()
    done()
  }

  // MARK: - All counters

  private func tally() throws(CommandFailure) {
    found.counters = counters.count
    found.increments = counters.reduce(0) { $0 + $1.done }
    found.expected = total ?? found.increments
    var next = 0
    var failure: CommandFailure?
    let pump = Pump(limit: fleet.concurrency) { [self] done in
      while next < counters.count, counters[next].tag == nil { next += 1 }
      guard next < counters.count, failure == nil else { return .exhausted }
      let index = next
      next += 1
      read(index) { [self] result in
        do throws(CommandFailure) {
          let number = try result.get()
          found.sum &+= number
          if number != counters[index].done { found.differing += 1 }
        } catch {
          failure = failure ?? error
        }
        done()
      }
      return .started
    }
    fleet.run(pump)
    if let failure { throw failure }
  }

  private func read(_ index: Int, _ take: @escaping (Result<UInt64, CommandFailure>) -> Void) {
    let arguments: [UInt8]
    do throws(CandidError) {
      arguments = try CandidArguments.encode(key(index))
    } catch {
      return take(.failure(CommandFailure(error.message)))
    }
    let request = ClusterRequest(
      method: .post, target: "/" + methods.read, headers: [("content-type", "application/candid")],
      body: arguments)
    fleet.connection(index).send(request) { result in
      do throws(CommandFailure) {
        let body = try result.mapError(CommandFailure.init).get().checked().body
        do throws(CandidError) {
          take(.success(try CandidArguments.decode(body, as: UInt64.self)))
        } catch {
          throw CommandFailure("what the counter is read by answers no nat64: \(error.message)")
        }
      } catch {
        take(.failure(error))
      }
    }
  }
}
