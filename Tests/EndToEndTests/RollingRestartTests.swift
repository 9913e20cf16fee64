import EtcdTestKit
import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// Real nodes that start again one at a time, under writers.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct RollingRestartTests {
    private func restart(
      _ cluster: RunningCluster, _ words: [String] = []
    ) throws -> (status: Int32, output: String) {
      let credential = cluster.directory.appendingPathComponent("credential").path
      return try cluster.run(["rolling-restart", "--credential-file", credential] + words)
    }

    private func status(_ cluster: RunningCluster) throws -> [String: Any] {
      let output = try restart(cluster, ["--status", "--json"]).output
      let line = output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
      let json = try JSONSerialization.jsonObject(with: Data(line.utf8))
      return try #require(json as? [String: Any])
    }

    /// Incarnations and addresses of the nodes, by id.
    private func nodes(
      _ user: HTTPUser
    ) throws -> [String: (incarnation: String, address: String)] {
      var found: [String: (incarnation: String, address: String)] = [:]
      for node in try #require(try user.json("/nodes") as? [[String: Any]]) {
        let info = node["info"] as? [String: Any]
        guard let id = node["id"] as? String, let address = node["address"] as? String else {
          continue
        }
        found[id] = ("\(info?["incarnation"] ?? "")", address)
      }
      return found
    }

    private func awaitWrites(_ writers: CounterWriters, _ count: Int = 60) {
      let before = writers.acknowledged
      while writers.acknowledged < before + count { usleep(1_000) }
    }

    @Test(
      "Nodes start again as the same processes, and no request fails, by the gateway or at them",
      arguments: ["return", "proxy"])
    func underLoad(forward: String) throws {
      let cluster = try RunningCluster(["--forward", forward, "--min-nodes", "3"])
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      _ = try user.settledRing(members: 3)
      let before = try nodes(user)
      let processes = cluster.nodeProcesses
      let address = cluster.address
      let direct = try SocketAddress(try #require(before.values.first?.address))
      let writers = CounterWriters(writers: 3) { address }
      let others = CounterWriters(writers: 2) { direct }
      awaitWrites(writers)
      awaitWrites(others, 20)
      let result = try restart(cluster)
      #expect(result.status == 0, "\(result.output)")
      #expect(result.output.contains("3 of 3: "))
      awaitWrites(writers)
      awaitWrites(others, 20)
      let after = try nodes(user)
      for (id, node) in before {
        #expect(after[id]?.incarnation != node.incarnation, "\(id) has not started again")
        #expect(after[id]?.address == node.address)
      }
      #expect(cluster.nodeProcesses.sorted() == processes.sorted())
      let totals = writers.stop()
      let direct2 = others.stop()
      for totals in [totals, direct2] {
        #expect(totals.refused.isEmpty, "\(totals.refused.prefix(3))")
        #expect(totals.unknown.isEmpty)
      }
      #expect(cluster.stop() == 0)
    }

    @Test("A node whose program does not start ends it, with what to do; mended, it goes on")
    func brokenProgram() throws {
      let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("program-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let good = RunningCluster.program("scaled-storage").path
      let program = folder.appendingPathComponent("scaled-storage").path
      try FileManager.default.copyItem(atPath: good, toPath: program)
      let cluster = try RunningCluster(["--min-nodes", "2"], programPath: program)
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      _ = try user.settledRing(members: 2)
      let before = try nodes(user)

      /// As an upgrade does: another file takes the program's place.
      func replace(by make: (String) throws -> Void) throws {
        try make(program + ".new")
        #expect(rename(program + ".new", program) == 0)
      }
      try replace { path in
        try "#!/bin/sh\nexit 3\n".write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o755)
      }
      let failed = try restart(cluster)
      #expect(failed.status == 1)
      #expect(failed.output.contains("does not start any more"), "\(failed.output)")
      #expect(failed.output.contains("ended with status 3"), "\(failed.output)")
      #expect(failed.output.contains("the 1 node after it had no restart"), "\(failed.output)")
      #expect(failed.output.contains("rolling-restart --node"), "\(failed.output)")
      let told = try status(cluster)
      #expect(told["outcome"] as? String == "failed")
      let amid = try nodes(user)
      #expect(before.filter { amid[$0.key]?.incarnation == $0.value.incarnation }.count == 1)

      try replace { try FileManager.default.copyItem(atPath: good, toPath: $0) }
      _ = try user.settledRing(members: 2)
      let mended = try restart(cluster)
      #expect(mended.status == 0, "\(mended.output)")
      #expect(cluster.stop() == 0)
    }

    @Test("A gateway that is killed amid it goes on with it when it starts again")
    func killedGateway() throws {
      let cluster = try RunningCluster(["--min-nodes", "4"])
      defer { cluster.remove() }
      var user = try HTTPUser(cluster.address)
      _ = try user.settledRing(members: 4)
      let before = try nodes(user)
      let begun = try restart(cluster, ["--no-wait"])
      #expect(begun.status == 0, "\(begun.output)")
      cluster.killGateway()
      try cluster.start()
      user = try HTTPUser(cluster.address)
      let deadline = Date().addingTimeInterval(60)
      while try status(cluster)["under_way"] as? Bool == true, Date() < deadline { usleep(20_000) }
      #expect(try status(cluster)["outcome"] as? String == "done")
      let after = try nodes(user)
      for (id, node) in before {
        #expect(after[id]?.incarnation != node.incarnation, "\(id) has not started again")
      }
      #expect(cluster.stop() == 0)
    }

    @Test(
      "Nodes that others run start themselves again, and no request fails; with etcd as well",
      arguments: EtcdMembers.isInstalled ? [false, true] : [false])
    func pool(hasEtcd: Bool) throws {
      let etcd = hasEtcd ? try EtcdMembers() : nil
      defer { etcd?.remove() }
      let pool = try RunningPool(2, gateways: hasEtcd ? 2 : 1, etcd: etcd?.settings ?? [])
      defer { pool.remove() }
      #expect(try pool.run(["scale", "up", "--wait"]) == 0)
      let user = try HTTPUser(pool.address)
      let before = try nodes(user)
      #expect(before.count == 2)
      let direct = try before.values.map { try SocketAddress($0.address) }
      let address = pool.address
      let writers = CounterWriters(writers: 2) { address }
      let others = CounterWriters(writers: 2) { direct[0] }
      awaitWrites(writers, 20)
      awaitWrites(others, 20)
      // The gateway that is asked need not be the one that leads.
      for index in pool.addresses.indices {
        #expect(try pool.run(["rolling-restart"], at: index) == 0)
      }
      awaitWrites(writers, 20)
      awaitWrites(others, 20)
      let after = try nodes(user)
      for (id, node) in before {
        #expect(after[id]?.incarnation != node.incarnation, "\(id) has not started again")
        #expect(after[id]?.address == node.address)
      }
      for totals in [writers.stop(), others.stop()] {
        #expect(totals.refused.isEmpty, "\(totals.refused.prefix(3))")
        #expect(totals.unknown.isEmpty)
      }
    }

    @Test("What makes no sense is refused with the right status")
    func refusals() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let cases: [([String], Int32, String)] = [
        (["--cancel"], 1, "no rolling restart is under way"),
        (["--status"], 0, "there was no rolling restart yet"),
        (["--node", "9"], 1, "is no member of the ring"),
        (["--node", "nobody"], 64, "no node's id"),
        (["--cancel", "--status"], 64, "exclude each other"),
      ]
      for (words, status, text) in cases {
        let result = try restart(cluster, words)
        #expect(result.status == status, "\(words): \(result.output)")
        #expect(result.output.contains(text), "\(words): \(result.output)")
      }
    }
  }
}
