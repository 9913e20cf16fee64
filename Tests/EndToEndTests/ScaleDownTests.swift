import Foundation
import HTTPTransport
import Synchronization
import Testing

extension EndToEnd {
  /// Real nodes that join and leave under writers.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ScaleDownTests {
    private func scale(
      _ cluster: RunningCluster, _ words: String, _ location: SourceLocation = #_sourceLocation
    ) throws -> String {
      let credential = cluster.directory.appendingPathComponent("credential").path
      let result = try cluster.run(
        words.split(separator: " ").map(String.init) + ["--credential-file", credential])
      #expect(result.status == 0, "\(words): \(result.output)", sourceLocation: location)
      return result.output
    }

    private func awaitWrites(_ writers: CounterWriters, _ count: Int = 60) {
      let before = writers.acknowledged
      while writers.acknowledged < before + count { usleep(1_000) }
    }

    private func nodeDirectories(_ cluster: RunningCluster) throws -> [String] {
      try FileManager.default.contentsOfDirectory(
        atPath: cluster.directory.appendingPathComponent("nodes").path
      ).sorted()
    }

    @Test(
      "Nodes come and go, the first one too, under compare-and-swaps: none is lost, none fails",
      arguments: ["return", "proxy"])
    func comeAndGo(forward: String) throws {
      let cluster = try RunningCluster(["--forward", forward, "--handover-compression", "on"])
      defer { cluster.remove() }
      let address = cluster.address
      let writers = CounterWriters(writers: 4) { address }
      let user = try HTTPUser(address)
      awaitWrites(writers)
      #expect(try scale(cluster, "scale to 4 --wait").contains("settled at epoch 4 with 4 nodes"))
      awaitWrites(writers)
      #expect(try nodeDirectories(cluster) == ["node-1", "node-2", "node-3", "node-4"])
      let plan = try scale(cluster, "scale to 2 --plan")
      #expect(plan.contains("keys; without") && plan.contains("leaving"))
      #expect(try scale(cluster, "scale to 2 --wait").contains("settled at epoch 6 with 2 nodes"))
      // It waits for the end of the nodes that left.
      #expect(try nodeDirectories(cluster) == ["node-1", "node-2"])
      #expect(cluster.nodeProcesses.count == 2)
      awaitWrites(writers)
      #expect(try scale(cluster, "drain 1 --wait").contains("with 1 node\n"))
      #expect(try nodeDirectories(cluster) == ["node-2"])
      #expect(cluster.nodeProcesses.count == 1)
      awaitWrites(writers)
      let totals = writers.stop()
      #expect(totals.refused.isEmpty, "\(totals.refused.prefix(3))")
      #expect(totals.unknown.isEmpty)
      try EndToEnd.CountersUnderChange.check(totals, user)
    }

    @Test func theScalerBringsNodesAndRetiresThemWhenTheKeysAreGone() throws {
      let cluster = try RunningCluster([
        "--scale-up-at", "50", "--min-nodes", "2", "--scale-down-after", "0.5",
      ])
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      for key in 0..<160 {
        #expect(try user.send(.put, "/kv/key-\(key)", body: "value").status == 201)
      }
      _ = try user.settledRing(members: 4)
      for key in 0..<150 {
        #expect(try user.send(.delete, "/kv/key-\(key)").status == 204)
      }
      let deadline = Date().addingTimeInterval(60)
      while try nodeDirectories(cluster).count > 2, Date() < deadline { usleep(20_000) }
      #expect(try nodeDirectories(cluster) == ["node-1", "node-2"])
      for key in 150..<160 { #expect(try user.send(.get, "/kv/key-\(key)").text == "value") }
    }

    @Test func whatCannotBeDoneEndsWithTheRightStatus() throws {
      let cluster = try RunningCluster(["--max-nodes", "2"])
      defer { cluster.remove() }
      let credential = cluster.directory.appendingPathComponent("credential").path
      let cases: [(String, Int32, String)] = [
        ("scale", 64, "SUBCOMMANDS"), ("scale sideways", 64, "sideways"),
        ("scale down", 1, "the last node cannot leave"), ("scale up 2", 1, "--max-nodes allows 2"),
        ("drain 7", 1, "is no member of the ring"), ("drain nobody", 64, "no node's id"),
        ("scale cancel", 1, "no change of the ring is under way"),
      ]
      for (words, status, text) in cases {
        let reachesCluster = !["scale", "scale sideways"].contains(words)
        let options = reachesCluster ? ["--credential-file", credential] : []
        let result = try cluster.run(
          words.split(separator: " ").map(String.init) + options, atURL: reachesCluster)
        #expect(result.status == status, "\(words): \(result.output)")
        #expect(result.output.contains(text), "\(words): \(result.output)")
      }
    }

    @Test func aNodeThatLeftEndsOnlyAfterTheAnswersThatAreUnderWay() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      _ = try scale(cluster, "scale up --wait")
      let nodes = try #require(try user.json("/nodes") as? [[String: Any]])
      let address = try SocketAddress(try #require(nodes.first?["address"] as? String))
      let upload = try StalledUpload(to: address)
      #expect(upload.answer.hasPrefix("HTTP/1.1 100 "))
      _ = try scale(cluster, "drain 1")
      let deadline = Date().addingTimeInterval(30)
      while Date() < deadline {
        let ring = try user.json("/ring") as? [String: Any]
        if let ending = ring?["ending"] as? [String], !ending.isEmpty { break }
        usleep(5_000)
      }
      // It has been told to end, and waits for this body.
      #expect(try nodeDirectories(cluster) == ["node-1", "node-2"])
      let answer = upload.finish()
      #expect(answer.hasPrefix("HTTP/1.1 307 "), "\(answer)")
      #expect(answer.contains("NodeId"))
      while try nodeDirectories(cluster).count > 1, Date() < deadline { usleep(5_000) }
      #expect(try nodeDirectories(cluster) == ["node-2"])
      #expect(cluster.nodeProcesses.count == 1)
    }

    @Test func aStopAmidTheEndOfANodeLeavesNoProcessBehind() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address)
      #expect(try user.send(.put, "/kv/key", body: "value").status == 201)
      _ = try scale(cluster, "scale up --wait")
      _ = try scale(cluster, "drain 1")
      let deadline = Date().addingTimeInterval(30)
      while Date() < deadline {
        let ring = try user.json("/ring") as? [String: Any]
        if let ending = ring?["ending"] as? [String], !ending.isEmpty { break }
        usleep(1_000)
      }
      #expect(cluster.stop() == 0)
      #expect(cluster.nodeProcesses.isEmpty)
      try cluster.start()
      #expect(try HTTPUser(cluster.address).send(.get, "/kv/key").text == "value")
      while try nodeDirectories(cluster).count > 1, Date() < deadline { usleep(5_000) }
      #expect(try nodeDirectories(cluster) == ["node-2"])
    }

    enum Victim: CaseIterable {
      case gateway, leaver, stayer
    }

    @Test(arguments: Victim.allCases)
    func nothingAcknowledgedIsLostWhenOneIsKilledAmidAScaleDown(_ victim: Victim) throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let address = Mutex(cluster.address)
      let writers = CounterWriters(writers: 3) { address.withLock { $0 } }
      var user = try HTTPUser(cluster.address)
      for round in 0..<3 {
        _ = try scale(cluster, "scale to 3 --wait")
        awaitWrites(writers)
        let leaver = try nodeDirectories(cluster)[round == 0 ? 0 : 2]
        _ = try scale(cluster, "drain \(leaver.dropFirst("node-".count))")
        // Each round strikes at another moment of the handover.
        usleep(UInt32(10_000 + 300_000 * round))
        switch victim {
        case .gateway:
          cluster.killGateway()
          try cluster.start()
          address.withLock { $0 = cluster.address }
          user = try HTTPUser(cluster.address)
        case .leaver:
          for process in cluster.nodeProcesses(in: leaver) { kill(process, SIGKILL) }
        case .stayer:
          let stayer = try nodeDirectories(cluster).first { $0 != leaver }
          for process in cluster.nodeProcesses(in: stayer ?? "") { kill(process, SIGKILL) }
        }
        let deadline = Date().addingTimeInterval(60)
        while try nodeDirectories(cluster).contains(leaver), Date() < deadline { usleep(20_000) }
        let ring = try user.settledRing(members: 2)
        #expect((ring["members"] as? [Any])?.count == 2)
        #expect(try !nodeDirectories(cluster).contains(leaver))
      }
      awaitWrites(writers)
      try EndToEnd.CountersUnderChange.check(writers.stop(), user)
      #expect(cluster.stop() == 0)
      #expect(cluster.nodeProcesses.isEmpty)
    }
  }
}
