import Candid
import Testing

@testable import Cluster

@Suite struct ScalerTests {
  private typealias Load = ScalePolicy.Load

  /// A settled cluster whose nodes bear these loads.
  private func bench(_ loads: [Load]) throws -> CoordinatorBench {
    let bench = try CoordinatorBench.settled(loads.count)
    for (node, load) in zip(bench.machine.state.map.members, loads) { bench.bear(node, load) }
    bench.machine.lastChangeAt = nil
    return bench
  }

  private func bench(keys: UInt64..., bytes: UInt64 = 0) throws -> CoordinatorBench {
    try bench(keys.map { Load(keys: $0, bytes: bytes) })
  }

  private func decide(_ policy: ScalePolicy, _ bench: CoordinatorBench) -> Scaler.Decision {
    var scaler = Scaler(policy)
    return scaler.decide(bench.machine, now: bench.now)
  }

  private func growth(_ policy: ScalePolicy, _ bench: CoordinatorBench) -> Int {
    if case .grow(let count, _) = decide(policy, bench) { count } else { 0 }
  }

  @Test(
    "A cluster grows when a node exceeds the threshold of keys or bytes, not before",
    arguments: [(10, 0, 0), (11, 0, 1), (0, 100, 0), (0, 101, 1), (11, 101, 1)]
      as [(UInt64, UInt64, Int)])
  func threshold(keys: UInt64, bytes: UInt64, expected: Int) throws {
    let policy = ScalePolicy.threshold(keys: 10, bytes: 100)
    #expect(try growth(policy, bench(keys: keys, bytes: bytes)) == expected)
  }

  @Test("The developer's own rule decides")
  func ownRule() throws {
    let policy = ScalePolicy { $0.keys % 2 == 1 }
    #expect(try growth(policy, bench(keys: 3)) == 1)
    #expect(try growth(policy, bench(keys: 4)) == 0)
  }

  @Test(
    "So many nodes join at once as bring every node below the threshold, at most doubling",
    arguments: [
      ([40, 40, 40, 110], 1), ([40, 40, 40, 126], 2), ([151, 0, 0, 0], 3), ([1_000, 0, 0, 0], 4),
    ] as [([UInt64], Int)])
  func severalAtOnce(keys: [UInt64], expected: Int) throws {
    let policy = ScalePolicy.threshold(keys: 100)
    let bench = try bench(keys.map { Load(keys: $0, bytes: 0) })
    #expect(growth(policy, bench) == expected)
    var bounded = policy
    bounded.maximumNodes = 5
    #expect(growth(bounded, bench) == 1)
  }

  @Test("A cluster grows to its minimum without need, and not beyond its maximum")
  func bounds() throws {
    #expect(try growth(ScalePolicy(minimumNodes: 2) { _ in false }, bench(keys: 0)) == 1)
    #expect(try growth(ScalePolicy(minimumNodes: 8) { _ in false }, bench(keys: 0, 0)) == 2)
    #expect(try growth(ScalePolicy(minimumNodes: 1) { _ in false }, bench(keys: 0)) == 0)
    #expect(try growth(ScalePolicy(maximumNodes: 1) { _ in true }, bench(keys: 0)) == 0)
  }

  @Test("Nothing is decided while the ring changes or a node is away")
  func unsettled() throws {
    let policy = ScalePolicy { _ in true }
    let changing = try bench(keys: 0)
    try changing.join(upTo: .planned)
    #expect(growth(policy, changing) == 0)
    let away = try bench(keys: 0)
    away.machine.reportFailed(CoordinatorBench.one)
    #expect(growth(policy, away) == 0)
  }

  @Test("After a change the cluster cools down")
  func cooldown() throws {
    let bench = try bench(keys: 0)
    let policy = ScalePolicy(cooldown: 500) { _ in true }
    bench.machine.lastChangeAt = bench.now
    bench.now += 499
    #expect(growth(policy, bench) == 0)
    bench.now += 1
    #expect(growth(policy, bench) == 1)
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
    #expect(growth(policy, bench) == 0)
    bench.now += 1
    #expect(growth(policy, bench) == 1)
  }

  @Test("An overload brings nodes only once it has held without a break")
  func overload() throws {
    let bench = try bench([Load(keys: 1, bytes: 1)])
    var scaler = Scaler(
      ScalePolicy(scaleUpAfter: 1_000, isOverloaded: { $0.utilisation > 0.8 }) { _ in false })
    let busy = Load(keys: 1, bytes: 1, utilisation: 0.9)
    func decide(after pause: UInt64, _ load: Load) -> Bool {
      bench.now += pause
      bench.bear(CoordinatorBench.one, load)
      if case .grow = scaler.decide(bench.machine, now: bench.now) { return true }
      return false
    }
    #expect(!decide(after: 0, busy))
    #expect(!decide(after: 900, busy))
    #expect(!decide(after: 50, Load(keys: 1, bytes: 1, utilisation: 0.5)))
    #expect(!decide(after: 50, busy))
    #expect(!decide(after: 999, busy))
    #expect(decide(after: 1, busy))
  }

  @Test(
    "Nodes that wait for their core are helped by as many as free it, others by doubling",
    arguments: [(0.9, 100, 1), (0.98, 100, 1), (0.5, 100, 2), (0.05, 100, 2), (0.9, 9, 0)])
  func latency(utilisation: Double, milliseconds: Int, expected: Int) throws {
    let load = Load(
      keys: 1, bytes: 1, utilisation: utilisation, latencyP99: .milliseconds(milliseconds))
    let bench = try bench([load, load])
    let policy = ScalePolicy(
      scaleUpAfter: 0, isOverloaded: { $0.latencyP99 > .milliseconds(30) }
    ) { _ in false }
    #expect(growth(policy, bench) == expected)
  }

  @Test(
    "A node is kept when users would wait too long for the rest",
    arguments: [(0.01, 6, true), (0.2, 4, true), (0.2, 6, false), (0.4, 6, false), (1, 1, false)])
  func latencyKeepsNodes(utilisation: Double, milliseconds: Int, expected: Bool) throws {
    let load = Load(
      keys: 1, bytes: 1, utilisation: utilisation, latencyP99: .milliseconds(milliseconds))
    let policy = ScalePolicy(isOverloaded: { $0.latencyP99 > .milliseconds(20) }) { _ in false }
    #expect(try shrinks(policy, bench([load, load])) == expected)
  }

  @Test("A projected latency is the same however many steps led to it")
  func latencySteps() {
    let load = Load(keys: 1, bytes: 1, utilisation: 0.7, latencyP99: .milliseconds(10))
    let there = load.scaled(by: 3).scaled(by: 1 / 6)
    let direct = load.scaled(by: 0.5)
    #expect(abs(there.latencyP99 / direct.latencyP99 - 1) < 1e-9)
    #expect((load + Load(keys: 0, bytes: 0)).latencyP99 == load.latencyP99)
    #expect((load + load).latencyP99 > .milliseconds(300))
  }

  @Test("An overloaded node that misses a poll still counts as overloaded since then")
  func overloadWithSilence() throws {
    let bench = try bench([Load(keys: 1, bytes: 1, requestsPerSecond: 900)])
    var scaler = Scaler(
      ScalePolicy(scaleUpAfter: 1_000, isOverloaded: { $0.requestsPerSecond > 500 }) { _ in false })
    _ = scaler.decide(bench.machine, now: bench.now)
    bench.now += 500
    bench.machine.reportFailed(CoordinatorBench.one)
    _ = scaler.decide(bench.machine, now: bench.now)
    bench.now += 500
    bench.bear(CoordinatorBench.one, Load(keys: 1, bytes: 1, requestsPerSecond: 900))
    guard case .grow(1, let reason) = scaler.decide(bench.machine, now: bench.now) else {
      Issue.record("it does not grow")
      return
    }
    #expect(reason.contains("900 requests/s"))
  }

  // MARK: - Retiring

  private func shrinks(
    _ policy: ScalePolicy, _ bench: CoordinatorBench, after pause: UInt64 = 60_000
  ) -> Bool {
    var scaler = Scaler(policy)
    _ = scaler.decide(bench.machine, now: bench.now)
    let decision = scaler.decide(bench.machine, now: bench.now + pause)
    guard case .shrink(let nodes, _) = decision else { return false }
    #expect(nodes == bench.machine.state.map.members.suffix(1))
    return true
  }

  @Test("Whoever runs the instances says which member is retired")
  func orderOfLeaving() throws {
    let bench = try bench(keys: 0, 40, 0)
    let members = bench.machine.state.map.members
    var scaler = Scaler(.threshold(keys: 100))
    let order = { (members: [Principal]) in [members[1], members[2], members[0]] }
    _ = scaler.decide(bench.machine, now: bench.now, leavingOrder: order)
    let later = bench.now + 60_000
    let decision = scaler.decide(bench.machine, now: later, leavingOrder: order)
    guard case .shrink(retiring: [members[1]], _) = decision else {
      Issue.record("\(decision)")
      return
    }
  }

  @Test(
    "The member that joined last is retired when the rest stays below the low-water mark",
    arguments: [
      ([25, 25], true), ([26, 25], false), ([40, 10, 20], true), ([41, 10, 20], false),
      ([0], false),
    ] as [([UInt64], Bool)])
  func lowWater(keys: [UInt64], expected: Bool) throws {
    let bench = try bench(keys.map { Load(keys: $0, bytes: 0) })
    #expect(shrinks(.threshold(keys: 100), bench) == expected)
    #expect(!shrinks(.threshold(keys: 100), bench, after: 59_999))
    var without = ScalePolicy.threshold(keys: 100)
    without.scaleDownAt = nil
    #expect(!shrinks(without, bench))
  }

  @Test("A node is kept when the requests of all would overload the rest")
  func requestsKeepNodes() throws {
    var policy = ScalePolicy.threshold(keys: 100)
    policy.isOverloaded = { $0.requestsPerSecond > 1_000 }
    func cluster(_ rate: Double) throws -> CoordinatorBench {
      try bench([Load(keys: 1, bytes: 1), Load(keys: 1, bytes: 1, requestsPerSecond: rate)])
    }
    #expect(try !shrinks(policy, cluster(501)))
    #expect(try shrinks(policy, cluster(499)))
  }

  @Test("No node is retired below the minimum, nor below what an operator asked for")
  func fewest() throws {
    var policy = ScalePolicy.threshold(keys: 100)
    policy.minimumNodes = 2
    #expect(try !shrinks(policy, bench(keys: 0, 0)))
    #expect(try shrinks(policy, bench(keys: 0, 0, 0)))
    let asked = try bench(keys: 0, 0, 0)
    asked.machine.askFor(nodes: 3)
    #expect(!shrinks(policy, asked))
    asked.machine.askFor(nodes: 2)
    #expect(shrinks(policy, asked))
  }

  @Test("What an operator asked for survives a restart, and is made up for")
  func askedForIsKept() throws {
    let bench = try bench(keys: 0)
    bench.machine.askFor(nodes: 3)
    bench.persist()
    let next = try bench.restarted()
    #expect(next.machine.state.nodesAskedFor == 3)
    #expect(growth(.threshold(keys: 100), bench) == 1)
  }

  @Test("Spare room has to last without a break")
  func spareRoomLasts() throws {
    let bench = try bench(keys: 10, 10)
    var scaler = Scaler(.threshold(keys: 100))
    let last = try #require(bench.machine.state.map.members.last)
    func decide(after pause: UInt64, keys: UInt64) -> Bool {
      bench.now += pause
      bench.bear(last, Load(keys: keys, bytes: 0))
      if case .shrink = scaler.decide(bench.machine, now: bench.now) { return true }
      return false
    }
    #expect(!decide(after: 0, keys: 10))
    #expect(!decide(after: 59_000, keys: 60))
    #expect(!decide(after: 1_000, keys: 10))
    #expect(!decide(after: 59_999, keys: 10))
    #expect(decide(after: 1, keys: 10))
  }

  @Test(
    "A constant load never makes a cluster grow and shrink in turn",
    arguments: [1, 99, 100, 101, 150, 199, 201, 399, 401, 799, 1_203, 4_321] as [UInt64])
  func hysteresis(total: UInt64) throws {
    // Keys spread by chance: each node has up to a tenth more or less than its share.
    var policy = ScalePolicy.threshold(keys: 100)
    policy.isOverloaded = { $0.requestsPerSecond > 1_000 }
    for start in [1, 7, 16] {
      let bench = try CoordinatorBench.settled(start)
      var scaler = Scaler(policy)
      var growths = 0
      var retirements = 0
      for _ in 0..<400 {
        let members = bench.machine.state.map.members
        for (index, node) in members.enumerated() {
          let share = Double(total) / Double(members.count) * (1 + 0.1 * Double(index % 3 - 1))
          bench.bear(
            node, Load(keys: UInt64(share), bytes: 0, requestsPerSecond: 9 * share))
        }
        bench.now += 1_000
        switch scaler.decide(bench.machine, now: bench.now) {
        case .stay: continue
        case .grow(let count, _):
          growths += 1
          try bench.machine.addNodes(count, reason: "test", now: bench.now)
        case .shrink(let nodes, _):
          retirements += 1
          try bench.machine.removeNodes(nodes, reason: "test", now: bench.now)
        }
        bench.advance()
        try bench.carryOn()
      }
      #expect(growths == 0 || retirements == 0, "from \(start) nodes")
    }
  }
}
