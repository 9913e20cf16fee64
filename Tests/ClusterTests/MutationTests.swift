import ClusterTestKit
import Testing

/// The simulation bites: a protocol that is wrong in one place is found out within a few seeds.
@Suite struct MutationTests {
  /// How many seeds each may take; several times as many as it took when this was written.
  private static let bounds: [(mutation: Mutation, seeds: UInt64)] = Mutation.allCases.map {
    switch $0 {
    case .skipFence, .fenceEarly, .acknowledgeEarly, .flipSourcesFirst, .loseChanges,
      .forgetExpiry:
      ($0, 20)
    case .deleteBeforeDecision, .forgetTombstones, .restartForgetsHandover, .takeLateModules:
      ($0, 150)
    case .flipBeforeDurable, .abortAnyEpoch, .migrateAnyEpoch, .overwriteAnyVersion,
      .acknowledgeChunkEarly, .reuseVersions, .holdForever:
      ($0, 600)
    }
  }

  @Test("A wrong protocol is found out within a bounded number of seeds", arguments: bounds)
  func mutationIsCaught(mutation: Mutation, bound: UInt64) {
    for seed in 1...bound {
      guard let violation = SimulationPlan(seed: seed, mutation: mutation).run().violation else {
        continue
      }
      print("\(mutation.rawValue) was caught by seed \(seed): \(violation.prefix(160))")
      return
    }
    Issue.record("\(mutation.rawValue) was not caught within \(bound) seeds")
  }
}
