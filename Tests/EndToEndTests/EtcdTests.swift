import EtcdTestKit
import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// Several gateways by a real etcd.
  @Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: EtcdMembers.isInstalled, "needs etcd (Debian's etcd-server, etcd-client)"))
  struct EtcdEndToEnd {
    private let keys = (0..<100).map { "key-\($0)" }

    private func fill(_ pool: RunningPool) throws {
      for (index, key) in keys.enumerated() {
        let user = try HTTPUser(pool.addresses[index % pool.addresses.count])
        #expect(try user.send(.put, "/kv/\(key)", body: "of \(key)").status == 201)
      }
    }

    private func check(_ pool: RunningPool, at gateway: Int) throws {
      let user = try HTTPUser(pool.addresses[gateway])
      for key in keys { #expect(try user.send(.get, "/kv/\(key)").text == "of \(key)") }
    }

    /// Looks until the condition holds; so often at most.
    private func waitFor(_ looks: Int = 1_000, _ condition: () throws -> Bool) throws {
      for _ in 0..<looks {
        if try condition() { return }
        usleep(50_000)
      }
      Issue.record("what was waited for has not come")
    }

    private func leads(_ pool: RunningPool, _ gateway: Int) throws -> Bool {
      let user = try HTTPUser(pool.addresses[gateway])
      return try user.send(.get, "/status").text.contains("\"leads\":true")
    }

    @Test("the lead goes from gateway to gateway, by kill -9, a stop and a standstill; keys stay")
    func leadGoesOn() throws {
      let etcd = try EtcdMembers()
      defer { etcd.remove() }
      let pool = try RunningPool(3, gateways: 2, etcd: etcd.settings)
      defer { pool.remove() }
      try fill(pool)
      try waitFor { try leads(pool, 0) || leads(pool, 1) }
      // Asked of either, the one that leads does it.
      #expect(try pool.run(["scale", "up"], at: 1) == 0)
      var user = try HTTPUser(pool.addresses[0])
      _ = try user.settledRing(members: 2)

      var leader = try leads(pool, 0) ? 0 : 1
      pool.killGateway(leader)
      try check(pool, at: 1 - leader)
      try waitFor { try leads(pool, 1 - leader) }
      try pool.startGateway(leader)
      #expect(try !leads(pool, leader))
      leader = 1 - leader

      // In order, it is over at once.
      pool.stopGateway(leader)
      try waitFor { try leads(pool, 1 - leader) }
      try pool.startGateway(leader)
      leader = 1 - leader

      pool.pauseGateway(leader, true)
      try waitFor { try leads(pool, 1 - leader) }
      try waitFor { try pool.run(["scale", "to", "3"], at: 1 - leader) == 0 }
      user = try HTTPUser(pool.addresses[1 - leader])
      _ = try user.settledRing(members: 3)
      pool.pauseGateway(leader, false)
      try waitFor { try !leads(pool, leader) }
      user = try HTTPUser(pool.addresses[leader])
      _ = try user.settledRing(members: 3)
      for gateway in 0..<2 { try check(pool, at: gateway) }
    }

    @Test("the coordinator's state moves to etcd and back, and is never at both places")
    func stateMoves() throws {
      let etcd = try EtcdMembers()
      defer { etcd.remove() }
      let pool = try RunningPool(2)
      defer { pool.remove() }
      try fill(pool)
      #expect(try pool.run(["scale", "up"]) == 0)
      var user = try HTTPUser(pool.address)
      _ = try user.settledRing(members: 2)
      let place = ["--data", pool.data(ofGateway: 0)] + etcd.settings

      // As long as the gateway runs, its data are its own.
      #expect(try pool.runAlone(["coordinator", "to-etcd"] + place) == 1)
      pool.stopGateway(0)
      try waitFor { try pool.runAlone(["coordinator", "to-etcd"] + place) == 0 }
      #expect(throws: ClusterFailure.self) { try pool.startGateway() }
      pool.etcd = etcd.settings
      try pool.startGateway()
      user = try HTTPUser(pool.address)
      _ = try user.settledRing(members: 2)
      try check(pool, at: 0)

      // And while one leads by etcd, its state does not go.
      let other = ["--data", pool.data(ofGateway: 1)] + etcd.settings
      try waitFor { try leads(pool, 0) }
      #expect(try pool.runAlone(["coordinator", "from-etcd"] + other) == 1)
      pool.stopGateway(0)
      #expect(try pool.runAlone(["coordinator", "from-etcd"] + place) == 0)
      #expect(throws: ClusterFailure.self) { try pool.startGateway() }
      pool.etcd = []
      try pool.startGateway()
      user = try HTTPUser(pool.address)
      _ = try user.settledRing(members: 2)
      try check(pool, at: 0)

      // What was left behind does not come again over what others have made of it.
      pool.stopGateway(0)
      #expect(try pool.runAlone(["coordinator", "to-etcd"] + place) == 0)
      #expect(try pool.runAlone(["coordinator", "from-etcd"] + other) == 0)
      #expect(try pool.runAlone(["coordinator", "to-etcd"] + place) == 1)
      #expect(try pool.runAlone(["coordinator", "from-etcd"] + place) == 1)
      #expect(try pool.runAlone(["coordinator", "from-etcd"] + other) == 0)
    }
  }
}
