import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// Streams that increment counters by compare-and-set: read a version, write the next number on
/// the condition that the version still stands. At the end each counter has to show every
/// increment that was acknowledged.
final class CounterRun {
  private struct Counter {
    var acknowledged: UInt64 = 0
    /// Increments that may or may not have been done.
    var uncertain: UInt64 = 0
  }

  private let fleet: ConnectionFleet
  private let seed: UInt64
  private let extent: BenchPlan.Extent
  private var counters: [Counter]
  private var generator: SplitMix64
  private var reads = Latencies()
  private var writes = Latencies()
  private var conflicts: UInt64 = 0
  private var failed: UInt64 = 0
  private var firstFailure: String?
  private var longestWrite: UInt64 = 0
  private var longestPause: UInt64 = 0
  private var lastWrite = MonotonicTime.current()

  init(_ fleet: ConnectionFleet, counters: Int, seed: UInt64, extent: BenchPlan.Extent) {
    self.fleet = fleet
    self.seed = seed
    self.extent = extent
    self.counters = Array(repeating: Counter(), count: counters)
    generator = SplitMix64(seed: seed)
  }

  /// - Throws: `CommandFailure` when the counters cannot be made or read at the end.
  func run() throws(CommandFailure) -> CounterOutcome {
    try eachCounter { [self] index in
      .put(key(index), Array("0".utf8))
    } take: { _, _ in
    }
    var started: UInt64 = 0
    let begin = MonotonicTime.current()
    lastWrite = begin
    let pump = Pump(limit: fleet.concurrency) { [self] done in
      if case .requests(let most) = extent, started >= most { return .exhausted }
      let stream = Int(truncatingIfNeeded: started)
      started += 1
      increment(Int(generator.next() % UInt64(counters.count)), stream, done)
      return .started
    }
    if case .duration(let duration) = extent {
      fleet.loop.schedule(after: duration) { pump.stop() }
    }
    fleet.run(pump)
    notePause()
    let seconds = (MonotonicTime.current() - begin).seconds
    let tally = try tally()
    let requests = reads.count + writes.count + conflicts + failed
    return CounterOutcome(
      seed: seed, seconds: seconds, requests: requests, failed: failed,
      firstFailure: firstFailure, perSecond: seconds > 0 ? Double(requests) / seconds : 0,
      reads: reads.count > 0 ? reads.summary : nil,
      writes: writes.count > 0 ? writes.summary : nil, counters: tally)
  }

  private func key(_ index: Int) -> [UInt8] {
    Array("bench-counter/\(String(seed, radix: 16))/\(index)".utf8)
  }

  // MARK: - One increment

  private func increment(_ index: Int, _ stream: Int, _ done: @escaping () -> Void) {
    let connection = fleet.connection(stream)
    let begin = MonotonicTime.current()
    connection.send(.get(key(index))) { [self] result in
      switch result {
      case .success(let reply) where reply.status == 200:
        guard let number = CounterRun.number(reply.body), let tag = reply.response.header("etag")
        else {
          fail("counter \(index) holds no number or has no etag")
          return done()
        }
        reads.record(since: begin)
        write(number + 1, to: index, over: tag, connection, done)
      case .success(let reply):
        fail(reply.problem.sentence)
        done()
      case .failure(let error):
        fail(error.description)
        done()
      }
    }
  }

  private func write(
    _ number: UInt64, to index: Int, over tag: String, _ connection: ClusterEngine,
    _ done: @escaping () -> Void
  ) {
    var request = ClusterRequest.put(key(index), Array(String(number).utf8))
    request.headers = [("if-match", tag)]
    request.isRepeatable = false
    let begin = MonotonicTime.current()
    connection.send(request) { [self] result in
      switch result {
      case .success(let reply) where reply.isSuccess:
        let taken = MonotonicTime.current().nanoseconds &- begin.nanoseconds
        writes.record(nanoseconds: taken)
        longestWrite = max(longestWrite, taken)
        notePause()
        counters[index].acknowledged += 1
      case .success(let reply) where reply.status == 412:
        conflicts += 1
      case .success(let reply):
        // A server that failed may have stored before it did.
        if reply.status >= 500 { counters[index].uncertain += 1 }
        fail(reply.problem.sentence)
      case .failure(let error):
        counters[index].uncertain += 1
        fail(error.description)
      }
      done()
    }
  }

  private func notePause() {
    let now = MonotonicTime.current()
    longestPause = max(longestPause, now.nanoseconds &- lastWrite.nanoseconds)
    lastWrite = now
  }

  private func fail(_ text: String) {
    failed += 1
    firstFailure = firstFailure ?? text
  }

  private static func number(_ body: [UInt8]) -> UInt64? {
    guard body.count <= 19 else { return nil }
    return UInt64(String(decoding: body, as: UTF8.self))
  }

  // MARK: - All counters

  private func tally() throws(CommandFailure) -> CounterOutcome.Counters {
    var total = CounterOutcome.Counters(
      counters: counters.count, increments: 0, conflicts: conflicts, uncertain: 0, lost: 0,
      gained: 0, longestWriteNs: longestWrite, longestPauseNs: longestPause)
    try eachCounter { [self] index in
      .get(key(index))
    } take: { [self] index, reply in
      let counter = counters[index]
      let stored = CounterRun.number(reply.body) ?? 0
      total.increments += counter.acknowledged
      total.uncertain += counter.uncertain
      if stored < counter.acknowledged { total.lost += counter.acknowledged - stored }
      let most = counter.acknowledged + counter.uncertain
      if stored > most { total.gained += stored - most }
    }
    return total
  }

  private func eachCounter(
    _ request: @escaping (Int) -> ClusterRequest,
    take: @escaping (Int, ClusterReply) -> Void
  ) throws(CommandFailure) {
    var next = 0
    var failure: CommandFailure?
    let pump = Pump(limit: fleet.concurrency) { [self] done in
      guard next < counters.count, failure == nil else { return .exhausted }
      let index = next
      next += 1
      fleet.connection(index).send(request(index)) { result in
        do throws(CommandFailure) {
          take(index, try result.mapError(CommandFailure.init).get().checked())
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
}
