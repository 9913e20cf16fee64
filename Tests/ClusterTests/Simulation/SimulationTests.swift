import Foundation
import Testing

/// Random clusters under random faults: every seed is a run that can be repeated.
///
/// `SIMULATION_SEEDS=first..<last` replaces the seeds of the normal test.
@Suite struct SimulationTests {
  private static let batches = 6

  private static var seeds: Range<UInt64> {
    let text = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"] ?? ""
    let bounds = text.components(separatedBy: "..<").compactMap(UInt64.init)
    guard bounds.count == 2, bounds[0] < bounds[1] else { return 1..<241 }
    return bounds[0]..<bounds[1]
  }

  @Test("A cluster keeps its promises under every fault", arguments: 0..<batches)
  func clusterKeepsItsPromises(batch: Int) {
    var total = SimulatedCluster.Summary()
    for seed in Self.seeds where Int(seed % UInt64(Self.batches)) == batch {
      let summary = SimulatedCluster(seed: seed).run()
      #expect(summary.violation == nil, "seed \(seed)")
      total.acknowledged += summary.acknowledged
      total.ambiguous += summary.ambiguous
      total.nodes += summary.nodes
      total.undone += summary.undone
      total.kills += summary.kills
      total.coordinatorKills += summary.coordinatorKills
      total.events += summary.events
    }
    print("simulated:", total)
  }

  @Test("A seed decides everything that happens", arguments: [1, 2, 3] as [UInt64])
  func seedDecidesEverything(seed: UInt64) {
    #expect(SimulatedCluster(seed: seed).run() == SimulatedCluster(seed: seed).run())
  }
}
