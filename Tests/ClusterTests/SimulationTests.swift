import ClusterTestKit
import Testing

/// Random clusters under random faults: every seed is a run that can be repeated.
@Suite struct SimulationTests {
  private static let seeds: Range<UInt64> = 1..<121
  private static let batches = 4

  @Test("A cluster keeps its promises under every fault", arguments: 0..<batches)
  func clusterKeepsItsPromises(batch: Int) {
    var faults = Counts()
    var changes = Counts()
    for seed in Self.seeds where Int(seed % UInt64(Self.batches)) == batch {
      let report = SimulationPlan(seed: seed).run()
      #expect(report.violation == nil, "seed \(seed)")
      #expect(report.undecided == 0, "seed \(seed)")
      faults.add(report.faults)
      changes.add(report.changes)
    }
    for kind in FaultKind.allCases where kind != .commitTorn {
      #expect(faults[kind.rawValue] > 0, "\(kind.rawValue) never struck")
    }
    for kind in ["joins done", "joins undone", "leaves done", "cancelled"] {
      #expect(changes[kind] > 0, "there were no \(kind)")
    }
  }

  @Test("A plan decides everything that happens", arguments: [1, 2, 3] as [UInt64])
  func planDecidesEverything(seed: UInt64) {
    var plan = SimulationPlan(seed: seed)
    #expect(plan.run(isTraced: true) == plan.run(isTraced: true))
    plan.without = [.nodeKilled, .messageLate]
    plan.clients = 3
    plan.mostKeys = 8
    let report = plan.run()
    #expect(report == plan.run())
    #expect(report.faults[FaultKind.nodeKilled.rawValue] == 0)
    #expect(report.faults[FaultKind.messageLate.rawValue] == 0)
  }

  @Test("A run that fails is made smaller, and still fails and tells what happened")
  func failingRunIsMadeSmaller() {
    let plan = SimulationPlan(seed: 1, mutation: .forgetTombstones)
    let smaller = plan.shrunk(runs: 60)
    let report = smaller.run(isTraced: true)
    #expect(report.violation != nil)
    #expect(report.events < plan.run().events)
    #expect(smaller.without.count > FaultKind.allCases.count / 2)
    #expect(!report.trace.isEmpty && report.trace.count <= 100)
  }
}
