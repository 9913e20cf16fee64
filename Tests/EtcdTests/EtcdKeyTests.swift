import Etcd
import EtcdTestKit
import HTTPTransport
import Testing
extension RealEtcd {
  @Suite(
    .timeLimit(.minutes(2)), .serialized,
    .enabled(if: EtcdMembers.isInstalled, "Debian's etcd-server and etcd-client are not installed"))
  struct EtcdKeyTests {
    @Test("A range comes whole and at one revision, whatever its pages")
    func pages() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let keys = (0..<100).map { "p/\($0 + 100)" }
      let put = try harness.commit(
        EtcdTransaction(success: keys.map { .put(bytes($0), bytes("v")) })
      ).get()
      try harness.put("q", "other")
      let range = try harness.range("p/", isPrefix: true).get()
      #expect(range.entries.map(\.key) == keys.map(bytes))
      #expect(range.entries.allSatisfy { $0.createRevision == put.revision && $0.lease == 0 })
      #expect(range.revision == put.revision + 1)
      #expect(try harness.range("p/1").get().entries.isEmpty)
      let deleted = try harness.commit(
        EtcdTransaction(success: [.delete(bytes("p/"), isPrefix: true)])
      ).get()
      #expect(deleted.succeeded)
      #expect(try harness.range("p", isPrefix: true).get().entries.isEmpty)
    }

    @Test("A transaction is done where its comparisons hold, and else tells what stands")
    func comparisons() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let key = bytes("k")
      let create = EtcdTransaction(
        compares: [.createRevision(key, equals: 0)], success: [.put(key, bytes("1"))],
        failure: [.range(key, isPrefix: false)])
      let made = try harness.commit(create).get()
      #expect(made.succeeded && made.ranges.isEmpty)
      let second = try harness.commit(create).get()
      #expect(!second.succeeded)
      let entry = try #require(second.ranges.first?.first)
      #expect(entry.value == bytes("1") && entry.modRevision == made.revision)
      for (compare, holds) in [
        (EtcdCompare.modRevision(key, equals: made.revision), true),
        (.modRevision(key, equals: made.revision + 1), false),
        (.value(key, equals: bytes("1")), true),
        (.value(key, equals: bytes("2")), false),
        (.createRevision(key, equals: made.revision), true),
      ] {
        #expect(try harness.commit(EtcdTransaction(compares: [compare])).get().succeeded == holds)
      }
    }

    @Test("What etcd refuses, and what it would, is told and did not happen")
    func refusals() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let empty = harness.commit(EtcdTransaction(success: [.put([], [])]))
      let refused = try #require(throws: EtcdError.self) { try empty.get() }
      #expect(refused.code == .refused && !refused.isOutcomeUnknown)
      #expect(refused.message.contains("key is not provided"))
      let large = [UInt8](repeating: 1, count: 1_572_864)
      let tooLarge = harness.commit(EtcdTransaction(success: [.put(bytes("k"), large)]))
      let error = try #require(throws: EtcdError.self) { try tooLarge.get() }
      #expect(error.code == .tooLarge && !error.isOutcomeUnknown)
      let most = [UInt8](repeating: 1, count: 1_570_000)
      #expect(
        try harness.commit(EtcdTransaction(success: [.put(bytes("k"), most)])).get().succeeded)
      #expect(try harness.range("k").get().entries.first?.value.count == most.count)
    }

    @Test("A member that is killed or stops costs a call at most, and no write is lost or doubled")
    func failOver() throws {
      let members = try EtcdMembers(3)
      let harness = try EtcdHarness(members.endpoints, deadline: .seconds(1))
      try harness.waitUntilReady()
      while case .failure = harness.commit(
        EtcdTransaction(success: [.put(bytes("n"), bytes("0"))]))
      {}
      var acknowledged = 0
      var unknown = 0
      // Each step reads the counter and writes the next number under the condition that it stands.
      func step() {
        guard case .success(let range) = harness.range("n"), let entry = range.entries.first,
          let number = Int(String(decoding: entry.value, as: UTF8.self))
        else { return }
        let next = EtcdTransaction(
          compares: [.modRevision(entry.key, equals: entry.modRevision)],
          success: [.put(entry.key, bytes("\(number + 1)"))])
        switch harness.commit(next) {
        case .success(let outcome): acknowledged += outcome.succeeded ? 1 : 0
        case .failure(let error): unknown += error.isOutcomeUnknown ? 1 : 0
        }
      }
      func steps(_ count: Int) {
        let goal = acknowledged + count
        while acknowledged < goal { step() }
      }
      steps(20)
      for index in 0..<3 {
        members.kill(index)
        steps(20)
        try members.start(index)
        steps(20)
      }
      for index in 0..<3 {
        members.pause(index)
        steps(20)
        members.resume(index)
        steps(20)
      }
      try harness.waitUntilReady()
      let last = try harness.range("n").get().entries.first?.value ?? []
      let counted = try #require(Int(String(decoding: last, as: UTF8.self)))
      #expect((acknowledged...acknowledged + unknown).contains(counted))
    }

    @Test("Without a majority a call fails in its time, and a write may have happened")
    func noMajority() throws {
      let members = try EtcdMembers(3)
      let harness = try EtcdHarness(members.endpoints, deadline: .seconds(1))
      try harness.waitUntilReady()
      members.kill(0)
      members.kill(1)
      let start = MonotonicTime.current()
      let error = try #require(throws: EtcdError.self) {
        try harness.commit(EtcdTransaction(success: [.put(bytes("k"), bytes("v"))])).get()
      }
      #expect(error.isOutcomeUnknown)
      #expect(error.code == .deadlineExceeded || error.code == .unavailable)
      // Many times the deadline: the machine may be busy.
      #expect(MonotonicTime.current() - start < .seconds(30))
      try members.start(0)
      try harness.waitUntilReady()
      while case .failure = harness.commit(
        EtcdTransaction(success: [.put(bytes("k"), bytes("w"))]))
      {}
      try harness.waitUntilReady()
    }
  }
}
