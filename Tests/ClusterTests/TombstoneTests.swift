import Candid
import Testing

@testable import Cluster

/// Tombstones stay as long as a handover may need them, and no longer.
@Suite struct TombstoneTests {
  let after: ClusterMap
  let key: [UInt8]

  init() throws {
    after = try NodeBench.ring(2)
    key = NodeBench.keys(of: 1, in: after, count: 1)[0]
  }

  private func hasTombstone(_ bench: NodeBench) throws -> Bool {
    try bench.stored().contains { $0.record.value == nil }
  }

  @Test("A deletion that is not durable when a handover is given up leaves no tombstone")
  func deletionDuringAbort() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    _ = try bench.put("value", key)
    try #require(bench.ask(.prepare(after)).succeeded)
    let abort = bench.handle(.abort(epoch: 2))
    bench.flush()
    // The handover still stands, so this leaves a tombstone, which becomes durable after it.
    bench.execute(.delete(condition: .none), key)
    bench.flush()
    try bench.commit(1)
    #expect(bench.response(abort)?.succeeded == true)
    for _ in 0..<5 {
      bench.advance()
      bench.flush()
    }
    try bench.settle()
    #expect(!bench.machine.isPurging)
    #expect(try !hasTombstone(bench))
  }

  @Test("A preparation that failed, but was kept by the disk, leaves no tombstone")
  func deletionDuringFailedPreparation() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    _ = try bench.put("value", key)
    let prepare = bench.handle(.prepare(after))
    bench.execute(.delete(condition: .none), key)
    bench.flush()
    try bench.failCommits(keeping: true)
    #expect(bench.response(prepare)?.succeeded == false)
    #expect(try hasTombstone(bench))
    try bench.settle()
    #expect(try !hasTombstone(bench))
    #expect(try bench.machine.statistics == bench.recount())
    #expect(bench.ask(.prepare(after)).succeeded)
  }
}
