import Etcd
import EtcdTestKit
import HTTPTransport
import Testing
extension RealEtcd {
  @Suite(
    .timeLimit(.minutes(2)), .serialized,
    .enabled(if: EtcdMembers.isInstalled, "Debian's etcd-server and etcd-client are not installed"))
  struct EtcdWatchTests {
    /// Collects what a watch tells.
    private final class Seen {
      var values: [String] = []
      var deleted: [String] = []
      var revisions: [Int64] = []
      var compacted: Int64?
      private let loop: EventLoop

      init(_ loop: EventLoop) {
        self.loop = loop
      }

      func take(_ event: EtcdWatchEvent) {
        switch event {
        case .compacted(let revision): compacted = revision
        case .events(let changes, let revision):
          revisions.append(revision)
          for change in changes {
            switch change {
            case .put(let entry): values.append(String(decoding: entry.value, as: UTF8.self))
            case .deleted(let key): deleted.append(String(decoding: key, as: UTF8.self))
            }
          }
        }
        loop.stop()
      }
    }

    @Test("Each change is told once and in order, whatever becomes of members and connections")
    func faults() throws {
      let members = try EtcdMembers(3)
      let harness = try EtcdHarness(members.endpoints, deadline: .seconds(1))
      try harness.waitUntilReady()
      while case .failure = harness.commit(
        EtcdTransaction(
          compares: [.createRevision(bytes("w/x"), equals: 0)],
          success: [.put(bytes("w/x"), bytes("first"))]))
      {}
      let seen = Seen(harness.loop)
      let watch = harness.client.watch(bytes("w/"), isPrefix: true, from: 1) { seen.take($0) }
      var wanted = ["first"]
      try harness.wait { seen.values == wanted }
      for index in 0..<3 {
        members.kill(index)
        for number in 0..<20 {
          let value = "\(index)-\(number)"
          // An answer that is lost is not asked for here: each value has a key of its own.
          while case .failure = harness.commit(
            EtcdTransaction(
              compares: [.createRevision(bytes("w/\(value)"), equals: 0)],
              success: [.put(bytes("w/\(value)"), bytes(value))]))
          {}
          wanted.append(value)
        }
        try members.start(index)
        try harness.wait { seen.values.count >= wanted.count }
        #expect(seen.values == wanted)
      }
      #expect(seen.revisions == seen.revisions.sorted())
      while case .failure = harness.commit(
        EtcdTransaction(success: [.delete(bytes("w/x"), isPrefix: false)]))
      {}
      try harness.wait { !seen.deleted.isEmpty }
      #expect(seen.deleted == ["w/x"])
      watch.cancel()
      let count = seen.values.count
      _ = harness.commit(EtcdTransaction(success: [.put(bytes("w/y"), bytes("unseen"))]))
      try harness.waitUntilReady()
      #expect(seen.values.count == count)
    }

    @Test("A watch from now on misses nothing of what follows, and nothing of other keys is told")
    func fromNow() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      try harness.put("k", "before")
      let seen = Seen(harness.loop)
      let watch = harness.client.watch(bytes("k"), isPrefix: false, from: 0) { seen.take($0) }
      // Calls follow the watch on its connection, but etcd may still be busy with it.
      var number = 0
      while seen.values.isEmpty {
        try harness.put("k2", "other")
        try harness.put("k", "\(number)")
        number += 1
      }
      let start = try #require(Int(seen.values[0]))
      try harness.wait { seen.values.count >= number - start }
      #expect(seen.values == (start..<number).map(String.init))
      members.kill(0)
      try members.start(0)
      try harness.waitUntilReady()
      try harness.put("k", "after")
      try harness.wait { seen.values.last == "after" }
      #expect(seen.values.count == number - start + 1)
      watch.cancel()
    }

    @Test("A watch of what etcd has forgotten ends, and tells from where it can begin")
    func compaction() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let first = try harness.put("k", "1")
      try harness.put("k", "2")
      let last = try harness.put("k", "3")
      try members.control("compact", "\(last.revision)")
      let seen = Seen(harness.loop)
      let watch = harness.client.watch(bytes("k"), isPrefix: false, from: first.revision) {
        seen.take($0)
      }
      try harness.wait { seen.compacted != nil }
      #expect(seen.compacted == last.revision)
      #expect(seen.values.isEmpty)
      watch.cancel()
    }
  }
}
