import Candid
import Testing

@testable import Cluster

/// What a node's logic does for backups and restores.
@Suite struct BackupTests {
  let after: ClusterMap
  let leaving: [UInt8]
  let staying: [UInt8]

  init() throws {
    after = try NodeBench.ring(2)
    leaving = NodeBench.keys(of: 2, in: after, count: 1)[0]
    staying = NodeBench.keys(of: 1, in: after, count: 1)[0]
  }

  private func restore(
    _ bench: NodeBench, _ records: [(key: [UInt8], record: Record)], isOwn: Bool = false
  ) throws -> (counts: RestoreCounts, result: Result<Void, ClusterError>) {
    let ticket: UInt64 = 1 << 40
    let counts = bench.machine.restore(records, isOwn: isOwn, now: bench.now, ticket: ticket)
    bench.flush()
    try bench.commit()
    return (counts, try #require(bench.response(ticket)))
  }

  private func record(_ value: String, version: UInt64, expiresAt: UInt64? = nil) -> Record {
    Record(version: Version(version), expiresAt: expiresAt, value: Array(value.utf8))
  }

  private func value(_ bench: NodeBench, _ key: [UInt8]) throws -> Record? {
    guard case .value(let record) = try bench.run(.get, key) else { return nil }
    return record
  }

  @Test("A node is settled but before its cluster, at other epochs, in a handover and a purge")
  func settled() throws {
    #expect(try NodeBench().machine.unsettled(at: 1)?.code == .notInitialised)
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    for number in 0..<200 { _ = try bench.put("value", Array("key \(number)".utf8)) }
    #expect(bench.machine.unsettled(at: 1) == nil)
    #expect(bench.machine.unsettled(at: 2)?.code == .staleEpoch)
    let prepare = bench.handle(.prepare(after))
    #expect(bench.machine.unsettled(at: 1)?.code == .conflict, "it is about to be durable")
    bench.flush()
    try bench.commit()
    #expect(bench.response(prepare)?.succeeded == true)
    #expect(bench.machine.unsettled(at: 1)?.code == .conflict)
    let abort = bench.handle(.abort(epoch: 2))
    bench.flush()
    try bench.commit()
    #expect(bench.response(abort)?.succeeded == true && bench.machine.isPurging)
    #expect(bench.machine.unsettled(at: 1)?.code == .conflict)
    try bench.settle()
    #expect(bench.machine.unsettled(at: 1) == nil)
    bench.execute(.put(value: [1], ttl: nil, condition: .none), staying)
    bench.flush()
    try bench.failCommits(staysBroken: true)
    #expect(bench.machine.unsettled(at: 1) != nil, "what the store holds is not known")
  }

  @Test(
    "Records come in with their expiry and new versions; what has expired and tombstones do not")
  func restored() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    let later = bench.now.wall + 5_000
    let restored = try restore(
      bench,
      [
        (staying, record("kept", version: 7 << 40, expiresAt: later)),
        (leaving, record("gone", version: 8 << 40, expiresAt: bench.now.wall)),
        ([1], Record(version: Version(1), value: nil)),
      ])
    #expect(restored.result.succeeded)
    #expect(restored.counts == RestoreCounts(stored: 1, kept: 0, expired: 2))
    let record = try #require(try value(bench, staying))
    #expect(record.value == Array("kept".utf8) && record.expiresAt == later)
    // A version of another cluster would exceed those that its next owner gives.
    #expect(record.version < Version.first(of: 2))
    #expect(try bench.put("written after", staying) > record.version)
    #expect(try bench.machine.statistics == bench.recount())
    bench.now.wall = later
    #expect(try value(bench, staying) != nil, "the write after it has no expiry")
  }

  @Test("What has a value keeps it, so that a restore may be repeated")
  func repeated() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    let old = [(key: staying, record: record("old", version: 9 << 40))]
    #expect(try restore(bench, old).counts.stored == 1)
    let written = try bench.put("new", staying)
    #expect(try restore(bench, old).counts == RestoreCounts(stored: 0, kept: 1, expired: 0))
    #expect(try value(bench, staying)?.version == written)
    #expect(try bench.machine.statistics == bench.recount())
  }

  @Test("Of one cluster's own values the newer one wins, and later writes exceed both")
  func own() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    let version = try bench.put("present", staying)
    let older = record("older", version: version.rawValue - 1)
    #expect(try restore(bench, [(staying, older)], isOwn: true).counts.kept == 1)
    let newer = record("newer", version: version.rawValue + 1_000)
    #expect(try restore(bench, [(staying, newer)], isOwn: true).counts.stored == 1)
    let restored = try #require(try value(bench, staying))
    #expect(restored.value == Array("newer".utf8) && restored.version > newer.version)
    #expect(try bench.put("after", staying) > restored.version)
  }

  @Test("A version that this cluster cannot have given is refused, and moves no other")
  func laterThanAll() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    let version = try bench.put("present", staying)
    for wrong in [Version.first(of: 2).rawValue, .max] {
      let refused = try restore(bench, [(staying, record("wrong", version: wrong))], isOwn: true)
      guard case .failure(let error) = refused.result else {
        Issue.record("it was taken")
        continue
      }
      #expect(error.code == .malformed && refused.counts == RestoreCounts())
    }
    #expect(try value(bench, staying)?.version == version)
    #expect(try bench.put("after", staying) < Version.first(of: 2))
  }

  @Test("A deletion that is remembered is newer than the cluster's own value of before")
  func deleted() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    let version = try bench.put("value", staying)
    #expect(bench.ask(.prepare(after)).succeeded)
    _ = try bench.run(.delete(condition: .none), staying)
    let before = [(key: staying, record: record("value", version: version.rawValue))]
    #expect(try restore(bench, before, isOwn: true).counts.kept == 1)
    #expect(try value(bench, staying) == nil)
  }

  @Test("Records of which one is not served here are refused as a whole")
  func elsewhere() throws {
    let bench = try NodeBench.member(1, of: after)
    let both = [
      (key: staying, record: record("one", version: 1)),
      (key: leaving, record: record("two", version: 2)),
    ]
    let refused = try restore(bench, both)
    guard case .failure(let error) = refused.result else {
      Issue.record("it was taken")
      return
    }
    #expect(error.code == .conflict && error.isRetryable)
    #expect(try value(bench, staying) == nil)
    #expect(bench.machine.statistics.keys == 0)
  }

  @Test("What is restored while its key moves is sent to the new owner")
  func duringHandover() throws {
    let bench = try NodeBench.member(1, of: NodeBench.ring(1))
    #expect(bench.ask(.prepare(after)).succeeded)
    // The copy has seen all keys before the record comes.
    for _ in 0..<5 {
      bench.advance()
      bench.flush()
      try bench.commit()
      for sent in bench.takeSent() { bench.peerReplied(sent.message) }
    }
    #expect(try restore(bench, [(leaving, record("late", version: 1))]).counts.stored == 1)
    bench.advance()
    let keys = try bench.takeSent().flatMap { sent -> [[UInt8]] in
      guard case .migrate(let migration) = sent.event else { return [] }
      return try TransferChunk.records(in: migration.data).map(\.key)
    }
    #expect(keys == [leaving])
  }
}
