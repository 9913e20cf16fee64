import Cluster
import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// The original's test: random pairs in through the gateway, back through random nodes, each
/// compared.
final class StressTest {
  private let connection: ClusterEngine
  private let pairs: RandomPairs
  private let count: Int
  private let concurrency: Int
  private let settle: Duration
  /// Pairs whose key was there already.
  private var replaced: UInt64 = 0
  private var differing = 0
  private var failedRequests = 0
  private var faults: [String] = []

  private static let lookInterval = Duration.milliseconds(250)
  /// How long the ring has to stay as it is, to count as settled.
  private static let calm = Duration.seconds(1)
  private static let mostFaults = 10

  init(
    _ connection: ClusterEngine, pairs: RandomPairs, count: Int, concurrency: Int,
    settle: Duration
  ) {
    self.connection = connection
    self.pairs = pairs
    self.count = count
    self.concurrency = concurrency
    self.settle = settle
  }

  /// - Throws: `CommandFailure` when the cluster cannot be asked.
  func run() throws(CommandFailure) -> StressOutcome {
    let before = try connection.memberInfos().reduce(0) { $0 &+ $1.size }
    let writes = phase("write") { [self] index, done in write(index, done) }
    let begin = MonotonicTime.current()
    let isSettled = try awaitCalm()
    let settleSeconds = (MonotonicTime.current() - begin).seconds
    if !isSettled {
      fault("the cluster did not settle within \(Figures.fixed(settle.seconds, places: 0)) s")
    }
    let nodes = try connection.memberAddresses()
    var generator = SplitMix64(seed: pairs.seed)
    let reads = phase("read") { [self] index, done in
      read(index, at: nodes.random(using: &generator), done)
    }
    let keys = try connection.memberInfos().map(\.size)
    let stored = keys.reduce(0) { $0 &+ $1 }
    let expected = before &+ UInt64(count) &- replaced
    if stored != expected {
      fault("the nodes hold \(stored) keys; \(before) were there before, \(replaced) were replaced")
    }
    return StressOutcome(
      seed: pairs.seed, writes: writes, reads: reads,
      settleSeconds: isSettled ? settleSeconds : nil, nodes: keys.count, keysPerNode: keys,
      keysBefore: before, keysExpected: expected, keysStored: stored, differing: differing,
      faults: faults, pass: faults.isEmpty && differing == 0 && failedRequests == 0)
  }

  // MARK: - Phases

  private func phase(
    _ title: String, _ send: @escaping (Int, @escaping (Bool) -> Void) -> Void
  ) -> StressOutcome.Phase {
    var display = ProgressDisplay(title, unit: "pairs")
    var latencies = Latencies()
    var next = 0
    let begin = MonotonicTime.current()
    let pump = Pump(limit: concurrency) { [count] done in
      guard next < count else { return .exhausted }
      let index = next
      next += 1
      let start = MonotonicTime.current()
      send(index) { succeeded in
        if succeeded { latencies.record(since: start) }
        display.update(latencies.count, fraction: Double(latencies.count) / Double(count))
        done()
      }
      return .started
    }
    connection.run(pump)
    display.end()
    return StressOutcome.Phase(latencies, seconds: (MonotonicTime.current() - begin).seconds)
  }

  private func write(_ index: Int, _ done: @escaping (Bool) -> Void) {
    let (key, value) = pairs.pair(index)
    connection.send(.put(key, value)) { [self] result in
      switch result {
      case .success(let reply) where reply.isSuccess:
        // A repeated request finds what its first attempt stored.
        if reply.status == 200, !reply.isUncertain { replaced += 1 }
        done(true)
      case .success(let reply):
        failed("pair \(index) was not stored: \(reply.problem.sentence)")
        done(false)
      case .failure(let error):
        failed("pair \(index) was not stored: \(error.description)")
        done(false)
      }
    }
  }

  private func read(_ index: Int, at node: SocketAddress?, _ done: @escaping (Bool) -> Void) {
    let (key, value) = pairs.pair(index)
    connection.send(.get(key), to: node) { [self] result in
      switch result {
      case .success(let reply) where reply.status == 200:
        if reply.body != value {
          differing += 1
          fault("pair \(index) has another value (\(reply.body.count) bytes)")
        }
        done(true)
      case .success(let reply):
        failed("pair \(index) was not read: \(reply.problem.sentence)")
        done(false)
      case .failure(let error):
        failed("pair \(index) was not read: \(error.description)")
        done(false)
      }
    }
  }

  private func failed(_ text: String) {
    failedRequests += 1
    fault(text)
  }

  private func fault(_ text: String) {
    if faults.count < StressTest.mostFaults { faults.append(text) }
  }

  // MARK: - Settling

  /// Waits until the ring stays settled for a while: no node grows further.
  private func awaitCalm() throws(CommandFailure) -> Bool {
    let begin = MonotonicTime.current()
    var calmSince: (epoch: UInt64, time: MonotonicTime)?
    while true {
      let ring = try connection.ring()
      let now = MonotonicTime.current()
      if !ring.isSettled || ring.joining != nil || !ring.isReady {
        calmSince = nil
      } else if let calm = calmSince, calm.epoch == ring.epoch {
        if now - calm.time >= StressTest.calm { return true }
      } else {
        calmSince = (ring.epoch, now)
      }
      guard now - begin < settle else { return false }
      connection.pause(StressTest.lookInterval)
    }
  }
}
