import Candid
import Testing

@testable import Cluster

@Suite struct ScalePolicyTests {
  private func bench(keys: UInt64, bytes: UInt64 = 0) throws -> CoordinatorBench {
    let bench = try CoordinatorBench.settled()
    bench.report(
      CoordinatorBench.one, epoch: 1, revision: bench.machine.state.map.revision, keys: keys,
      bytes: bytes)
    return bench
  }

  private func grows(_ policy: ScalePolicy, _ bench: CoordinatorBench) -> Bool {
    if case .grow = policy.decide(bench.machine, now: bench.now) { true } else { false }
  }

  @Test(
    "A cluster grows when a node exceeds the threshold of keys or bytes, not before",
    arguments: [(10, 0, false), (11, 0, true), (0, 100, false), (0, 101, true), (11, 101, true)]
      as [(UInt64, UInt64, Bool)])
  func threshold(keys: UInt64, bytes: UInt64, expected: Bool) throws {
    let policy = ScalePolicy.threshold(keys: 10, bytes: 100)
    #expect(try grows(policy, bench(keys: keys, bytes: bytes)) == expected)
  }

  @Test("The developer's own rule decides")
  func ownRule() throws {
    let policy = ScalePolicy { $0.keys % 2 == 1 }
    #expect(try grows(policy, bench(keys: 3)))
    #expect(try !grows(policy, bench(keys: 4)))
  }

  @Test("A cluster grows to its minimum without need, and not beyond its maximum")
  func bounds() throws {
    #expect(try grows(ScalePolicy(minimumNodes: 2) { _ in false }, bench(keys: 0)))
    #expect(try !grows(ScalePolicy(minimumNodes: 1) { _ in false }, bench(keys: 0)))
    #expect(try !grows(ScalePolicy(maximumNodes: 1) { _ in true }, bench(keys: 0)))
  }

  @Test("Nothing is decided while the ring changes or a node is away")
  func unsettled() throws {
    let policy = ScalePolicy { _ in true }
    let changing = try bench(keys: 0)
    try changing.join(upTo: .planned)
    #expect(!grows(policy, changing))
    let away = try bench(keys: 0)
    away.machine.reportFailed(CoordinatorBench.one)
    #expect(!grows(policy, away))
  }

  @Test("After a change the cluster cools down")
  func cooldown() throws {
    let bench = try bench(keys: 0)
    let policy = ScalePolicy(cooldown: 500) { _ in true }
    bench.machine.lastChangeAt = bench.now
    bench.now += 499
    #expect(!grows(policy, bench))
    bench.now += 1
    #expect(grows(policy, bench))
  }

  @Test(
    "Defect 9 of the original: failures pause scaling, for twice as long each, up to a bound",
    arguments: [(1, 100), (2, 200), (3, 400), (5, 1_000), (70, 1_000)] as [(UInt64, UInt64)])
  func backoff(failures: UInt64, pause: UInt64) throws {
    let bench = try bench(keys: 0)
    let policy = ScalePolicy(backoff: 100, longestBackoff: 1_000) { _ in true }
    bench.machine.failures = failures
    bench.machine.lastFailureAt = bench.now
    bench.now += pause - 1
    #expect(!grows(policy, bench))
    bench.now += 1
    #expect(grows(policy, bench))
  }
}
