import ClusterTestKit
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
    var operations = Counts()
    var faults = Counts()
    for seed in Self.seeds where Int(seed % UInt64(Self.batches)) == batch {
      let report = SimulationPlan(seed: seed).run()
      #expect(report.violation == nil, "seed \(seed)")
      operations.add(report.operations)
      faults.add(report.faults)
    }
    print("simulated:", operations.byKind, faults.byKind)
  }

  @Test("A seed decides everything that happens", arguments: [1, 2, 3] as [UInt64])
  func seedDecidesEverything(seed: UInt64) {
    #expect(SimulationPlan(seed: seed).run() == SimulationPlan(seed: seed).run())
  }
}
