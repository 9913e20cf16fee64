import Etcd
import EtcdTestKit
import HTTPTransport
import Testing
extension RealEtcd {
  @Suite(
    .timeLimit(.minutes(2)), .serialized,
    .enabled(if: EtcdMembers.isInstalled, "Debian's etcd-server and etcd-client are not installed"))
  struct EtcdLeaseTests {
    @Test("A lease is granted, prolonged and revoked, and what is bound to it goes with it")
    func calls() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let client = harness.client
      let lease = try harness.wait { client.grantLease(seconds: 60, $0) }.get()
      #expect(lease.id != 0 && lease.seconds == 60)
      try harness.put("k", "v", lease: lease.id)
      #expect(try harness.range("k").get().entries.first?.lease == lease.id)
      #expect(try harness.wait { client.keepAlive(lease.id, $0) }.get() == 60)
      try harness.wait { client.revoke(lease.id, $0) }.get()
      #expect(try harness.range("k").get().entries.isEmpty)
      #expect(try harness.wait { client.keepAlive(lease.id, $0) }.get() == 0)
      try harness.wait { client.revoke(lease.id, $0) }.get()
    }

    @Test("A held lease outlives its time; it is lost before etcd gives it up, and another follows")
    func holding() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints, deadline: .seconds(1))
      try harness.waitUntilReady()
      let lease = EtcdLease(client: harness.client, seconds: 5, margin: .milliseconds(500))
      var granted: [Int64] = []
      var losses = 0
      var prolonged = 0
      lease.onGranted = {
        granted.append($0)
        harness.loop.stop()
      }
      lease.onLost = {
        losses += 1
        harness.loop.stop()
      }
      lease.onProlonged = {
        prolonged += 1
        harness.loop.stop()
      }
      #expect(!lease.isSafe && lease.id == nil)
      lease.start()
      try harness.wait { granted.count == 1 }
      let first = try #require(lease.safeUntil)
      #expect(lease.id == granted[0])
      try harness.wait { prolonged == 2 }
      #expect(try #require(lease.safeUntil) > first && losses == 0)
      try harness.put("k", "v", lease: granted[0])
      // etcd says nothing any more: the lease is lost at its safe end, while the key stays.
      members.pause(0)
      try harness.wait { losses == 1 }
      #expect(!lease.isSafe && lease.id == nil)
      members.resume(0)
      try harness.wait { granted.count == 2 }
      #expect(lease.isSafe && granted[1] != granted[0])
      // It is revoked under its holder.
      try harness.wait { harness.client.revoke(granted[1], $0) }.get()
      try harness.wait { losses == 2 && granted.count == 3 }
      try harness.put("k", "w", lease: granted[2])
      let _: Void = harness.wait { done in lease.stop(revoking: true) { done(()) } }
      #expect(!lease.isSafe)
      #expect(try harness.range("k").get().entries.isEmpty)
    }

    @Test("A lease that is taken back while it is asked for makes no more calls")
    func stopping() throws {
      let members = try EtcdMembers()
      let harness = try EtcdHarness(members.endpoints)
      try harness.waitUntilReady()
      let lease = EtcdLease(client: harness.client)
      lease.onGranted = { _ in Issue.record("it was granted") }
      lease.start()
      let _: Void = harness.wait { done in lease.stop(revoking: true) { done(()) } }
      try harness.waitUntilReady()
      #expect(lease.id == nil)
    }
  }
}
