import HTTPTransport

/// Reads and writes of keys that are there, in a closed loop.
final class MixedRun {
  private let fleet: ConnectionFleet
  private let keys: Int
  private let value: [UInt8]
  private let readRatio: Double
  private let seed: UInt64
  private let extent: BenchExtent
  private var generator: SplitMix64
  private var reads = Latencies()
  private var writes = Latencies()
  private var failed: UInt64 = 0
  private var firstFailure: String?

  init(
    _ fleet: ConnectionFleet, keys: Int, valueBytes: Int, readRatio: Double, seed: UInt64,
    extent: BenchExtent
  ) {
    self.fleet = fleet
    self.keys = keys
    self.readRatio = readRatio
    self.seed = seed
    self.extent = extent
    generator = SplitMix64(seed: seed)
    value = RandomPairs.text(valueBytes, &generator)
  }

  /// - Throws: `CommandFailure` when the keys cannot be stored.
  func run() throws(CommandFailure) -> BenchOutcome {
    try preload()
    var started: UInt64 = 0
    let begin = MonotonicTime.current()
    let pump = Pump(limit: fleet.concurrency) { [self] done in
      if case .requests(let most) = extent, started >= most { return .exhausted }
      request(Int(truncatingIfNeeded: started), done)
      started += 1
      return .started
    }
    if case .duration(let duration) = extent {
      fleet.loop.schedule(after: duration) { pump.stop() }
    }
    fleet.run(pump)
    let seconds = (MonotonicTime.current() - begin).seconds
    let count = reads.count + writes.count
    return BenchOutcome(
      seed: seed, seconds: seconds, requests: count + failed, failed: failed,
      firstFailure: firstFailure, perSecond: seconds > 0 ? Double(count) / seconds : 0,
      reads: reads.count > 0 ? reads.summary : nil, writes: writes.count > 0 ? writes.summary : nil)
  }

  private static func key(_ index: Int) -> [UInt8] { Array("bench/\(index)".utf8) }

  private func preload() throws(CommandFailure) {
    var display = ProgressDisplay("store keys", unit: "keys")
    var failure: CommandFailure?
    var next = 0
    var stored = 0
    let pump = Pump(limit: fleet.concurrency) { [self] done in
      guard next < keys, failure == nil else { return .exhausted }
      let index = next
      next += 1
      fleet.connection(index).send(.put(MixedRun.key(index), value)) { [self] result in
        do throws(CommandFailure) {
          _ = try result.get().checked()
          stored += 1
          display.update(UInt64(stored), fraction: Double(stored) / Double(keys))
        } catch {
          failure = failure ?? error
        }
        done()
      }
      return .started
    }
    fleet.run(pump)
    display.end()
    if let failure { throw failure }
  }

  private func request(_ number: Int, _ done: @escaping () -> Void) {
    let key = MixedRun.key(Int(generator.next() % UInt64(keys)))
    let isRead = Double(generator.next() >> 11) * 0x1p-53 < readRatio
    let begin = MonotonicTime.current()
    fleet.connection(number).send(isRead ? .get(key) : .put(key, value)) { [self] result in
      switch result {
      case .success(let reply) where reply.isSuccess:
        if isRead { reads.record(since: begin) } else { writes.record(since: begin) }
      case .success(let reply): fail(reply.problem.sentence)
      case .failure(let error): fail(error.message)
      }
      done()
    }
  }

  private func fail(_ text: String) {
    failed += 1
    firstFailure = firstFailure ?? text
  }
}
