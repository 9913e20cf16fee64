import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// Clusters of real processes that are backed up and restored.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct BackupTests {
    private struct Outcome: Decodable {
      var backup: String
      var keys: UInt64
      var fetched_bytes: UInt64
      var reused_bytes: UInt64
    }

    /// A folder of backups that goes with the test.
    private final class Folder {
      let path = NSTemporaryDirectory() + "backups-" + UUID().uuidString
      deinit { try? FileManager.default.removeItem(atPath: path) }

      var objects: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path + "/objects")) ?? []
        return all.sorted()
      }
    }

    private func run(
      _ cluster: RunningCluster, _ arguments: [String], status: Int32 = 0,
      _ location: SourceLocation = #_sourceLocation
    ) throws -> String {
      let result = try cluster.control(arguments)
      #expect(
        result.status == status, "\(arguments): \(result.output)", sourceLocation: location)
      return result.output
    }

    private func backUp(
      _ cluster: RunningCluster, to folder: Folder, _ more: [String] = []
    ) throws -> Outcome {
      let output = try run(cluster, ["backup", folder.path, "--json"] + more)
      let line = output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
      return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8))
    }

    private func verify(
      _ cluster: RunningCluster, _ folder: Folder, status: Int32 = 0,
      _ location: SourceLocation = #_sourceLocation
    ) throws -> String {
      let result = try cluster.run(["verify", folder.path], atURL: false)
      #expect(result.status == status, "\(result.output)", sourceLocation: location)
      return result.output
    }

    private func fill(_ cluster: RunningCluster, _ count: Int, _ value: String = "value") throws {
      let user = try HTTPUser(cluster.address)
      for number in 0..<count {
        let put = try user.send(.put, "/kv/word-\(number)", body: "\(value) \(number)")
        #expect([200, 201].contains(put.status))
      }
    }

    @Test("A backup under writers and a ring that grows has all that was acknowledged before it")
    func underChange() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      try fill(cluster, 200)
      let address = cluster.address
      let writers = CounterWriters(writers: 4) { address }
      while writers.acknowledged < 100 { usleep(1_000) }
      _ = try run(cluster, ["scale", "to", "4"])
      let folder = Folder()
      let before = writers.counts
      let first = try backUp(cluster, to: folder, ["--checksum"])
      _ = try run(cluster, ["scale", "to", "2"])
      let between = writers.counts
      _ = try backUp(cluster, to: folder)
      let totals = writers.stop()
      #expect(totals.refused.isEmpty && totals.unknown.isEmpty, "\(totals.refused.prefix(3))")
      #expect(first.keys >= 200)
      _ = try verify(cluster, folder)

      for (name, least) in [(first.backup, before), (nil, between)] {
        let restored = try RunningCluster(["--min-nodes", "3"])
        defer { restored.remove() }
        let more = name.map { ["--backup", $0] } ?? []
        let output = try run(restored, ["restore", folder.path] + more)
        #expect(output.contains("checksum equal"))
        let user = try HTTPUser(restored.address)
        for number in 0..<200 {
          #expect(try user.send(.get, "/kv/word-\(number)").text == "value \(number)")
        }
        for counter in 0..<CounterWriters.counters {
          let value = Int(try user.send(.get, "/kv/counter-\(counter)").text) ?? 0
          let most = totals.acknowledged[counter] ?? 0
          #expect(((least.acknowledged[counter] ?? 0)...most).contains(value))
        }
      }
    }

    @Test("Values keep their expiry, and the module comes along, to fewer nodes and to more")
    func kept() throws {
      let cluster = try RunningCluster(["--min-nodes", "3"])
      defer { cluster.remove() }
      _ = try run(cluster, ["upload", Modules.path("counter")])
      try fill(cluster, 100)
      let user = try HTTPUser(cluster.address)
      for key in 0..<20 { #expect(try user.call("add", "(\"sum-\(key)\", 7)").status == 200) }
      #expect(try user.send(.put, "/kv/brief?ttl=3600", body: "short").status == 201)
      #expect(try user.send(.put, "/kv/gone?ttl=1", body: "short").status == 201)
      #expect(try user.send(.delete, "/kv/word-0").status == 204)
      let folder = Folder()
      _ = try backUp(cluster, to: folder)
      while try user.send(.get, "/kv/gone").status == 200 { usleep(10_000) }
      for nodes in ["1", "5"] {
        let restored = try RunningCluster(["--min-nodes", nodes])
        defer { restored.remove() }
        let output = try run(restored, ["restore", folder.path])
        #expect(output.contains("checksum equal"), "\(output)")
        let user = try HTTPUser(restored.address)
        #expect(try user.call("add", "(\"sum-3\", 1)").text == "(8 : nat64)\n")
        #expect(try user.send(.get, "/kv/word-0").status == 404)
        #expect(try user.send(.get, "/kv/gone").status == 404)
        let brief = try user.send(.get, "/kv/brief")
        #expect(brief.text == "short")
        let listed = try restored.run(["module", "list"])
        #expect(listed.output.contains("add, get, reset"))
        // Restored values are as good as written ones: they move, and later writes win.
        _ = try run(restored, ["scale", "up", "--wait"])
        #expect(try user.send(.put, "/kv/word-1", body: "later").status == 200)
        let again = try run(restored, ["restore", folder.path], status: 1)
        #expect(again.contains("--merge"), "\(again)")
        #expect(try run(restored, ["restore", folder.path, "--merge"]).contains("there already"))
        #expect(try user.send(.get, "/kv/word-1").text == "later")
      }
      #expect(
        try run(cluster, ["verify", folder.path]).contains("the cluster is equal") == true)
      #expect(try user.send(.put, "/kv/word-2", body: "other").status == 200)
      _ = try run(cluster, ["verify", folder.path], status: 1)
    }

    @Test("A second backup fetches what is new, and old ones go when they are to go")
    func incremental() throws {
      let cluster = try RunningCluster(["--min-nodes", "2"])
      defer { cluster.remove() }
      // What compresses well would leave little but the files that each backup fetches.
      var generator = SystemRandomNumberGenerator()
      let user = try HTTPUser(cluster.address)
      for number in 0..<500 {
        let large = (0..<64).map { _ in String(generator.next(), radix: 36) }.joined()
        #expect(try user.send(.put, "/kv/word-\(number)", body: large).status == 201)
      }
      let folder = Folder()
      let first = try backUp(cluster, to: folder)
      #expect(first.reused_bytes == 0 && first.fetched_bytes > 200_000)
      #expect(try user.send(.put, "/kv/new", body: "one").status == 201)
      let second = try backUp(cluster, to: folder)
      #expect(second.reused_bytes > first.fetched_bytes / 4 * 3, "\(second)")
      #expect(second.fetched_bytes < first.fetched_bytes / 2, "\(second)")
      let count = folder.objects.count
      _ = try verify(cluster, folder)
      let list = try cluster.run(["backup", folder.path, "--list"])
      #expect(list.output.contains(first.backup) && list.output.contains(second.backup))
      let third = try backUp(cluster, to: folder, ["--keep", "1"])
      #expect(folder.objects.count <= count)
      let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/backups")
      #expect(kept == [third.backup])
      #expect(try verify(cluster, folder).contains("sound, 501 keys of 2 nodes"))
    }

    @Test("Killed at any point, a backup leaves none, and the next one goes on from there")
    func killed() throws {
      let cluster = try RunningCluster(["--min-nodes", "3"])
      defer { cluster.remove() }
      let large = String(repeating: "x", count: 4_096)
      try fill(cluster, 300, large)
      let folder = Folder()
      let credential = cluster.directory.appendingPathComponent("credential").path
      for count in [0, 1, 4] {
        // Slow enough to be killed half way, whatever the machine.
        let process = try ProcessWatcher.spawn(
          executable: RunningCluster.program("scaled-storage").path,
          arguments: [
            "backup", folder.path, "--url", cluster.url, "--credential-file", credential,
            "--rate", "4K",
          ], environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" })
        let incomplete = folder.path + "/incomplete"
        func parts() -> Int {
          ((try? FileManager.default.contentsOfDirectory(atPath: incomplete)) ?? []).count
        }
        while waitpid(process, nil, WNOHANG) == 0 {
          if folder.objects.count >= count, count > 0 || parts() > 0 { break }
          usleep(1_000)
        }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/backups"))
        #expect(names ?? [] == [])
        _ = try verify(cluster, folder, status: 1)
      }
      let outcome = try backUp(cluster, to: folder)
      #expect(outcome.keys == 300)
      #expect(try verify(cluster, folder).contains("sound, 300 keys of 3 nodes"))
    }

    @Test("Each kind of damage is found, and told of with the backup that has it")
    func damage() throws {
      let cluster = try RunningCluster(["--min-nodes", "2"])
      defer { cluster.remove() }
      try fill(cluster, 300)
      let folder = Folder()
      let backup = try backUp(cluster, to: folder, ["--checksum"]).backup
      func damaged(_ what: String, says: String, _ body: (String) throws -> Void) throws {
        let copy = Folder()
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        try body(copy.path)
        let output = try verify(cluster, copy, status: 1)
        #expect(
          output.contains("\(backup): damaged") && output.contains(says), "\(what): \(output)")
        let restored = try cluster.control(["restore", copy.path, "--merge"])
        #expect(restored.status == 1, "\(what): \(restored.output)")
      }
      // One of each kind suffices: a table, and what tells which tables there are.
      for object in folder.objects.shuffled().prefix(4) {
        let file = "/objects/" + object
        try damaged("missing", says: "is missing") { path in
          try FileManager.default.removeItem(atPath: path + file)
        }
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + file)))
        guard !bytes.isEmpty else { continue }
        bytes[bytes.count / 2] ^= 4
        try damaged("changed", says: "is damaged") { path in
          try Data(bytes).write(to: URL(fileURLWithPath: path + file))
        }
        try damaged("short", says: "bytes, not") { path in
          try Data(bytes.dropLast()).write(to: URL(fileURLWithPath: path + file))
        }
      }
      let manifest = "/backups/\(backup)/manifest"
      let text = try String(contentsOfFile: folder.path + manifest, encoding: .utf8)
      try damaged("edited", says: "checksum") { path in
        try text.replacing("\"epoch\":2", with: "\"epoch\":3")
          .write(toFile: path + manifest, atomically: false, encoding: .utf8)
      }
      // Sound files that are not the whole cluster, as a program with a mistake would leave them.
      func rewritten(_ body: (inout [String: Any]) throws -> Void) throws -> Data {
        let line = text.split(separator: "\n")[0]
        var json = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        try body(&json)
        let data = try JSONSerialization.data(withJSONObject: json) + Data("\n".utf8)
        let digest = SHA256.hexadecimal(SHA256.digest(Array(data)))
        return data + Data("sha256 \(digest)\n".utf8)
      }
      let fewer = try rewritten { json in
        json["nodes"] = Array((json["nodes"] as? [Any] ?? []).dropLast())
      }
      let swapped = try rewritten { json in
        var nodes = json["nodes"] as? [[String: Any]] ?? []
        (nodes[0]["files"], nodes[1]["files"]) = (nodes[1]["files"], nodes[0]["files"])
        json["nodes"] = nodes
      }
      let untold = try rewritten { json in
        var nodes = json["nodes"] as? [[String: Any]] ?? []
        let files = nodes[0]["files"] as? [[String: Any]] ?? []
        nodes[0]["files"] = files.filter { ($0["name"] as? String)?.hasSuffix(".sst") == false }
        json["nodes"] = nodes
      }
      let otherEpoch = try rewritten { $0["epoch"] = 7 }
      let otherSum = try rewritten { json in
        var sum = json["sum"] as? [String: Any] ?? [:]
        sum["checksum"] = "00"
        json["sum"] = sum
      }
      let otherModule = try rewritten { $0["module"] = "00" }
      for (what, bytes, says) in [
        ("a node less", fewer, "had the members"), ("swapped", swapped, "is that of"),
        ("no tables", untold, "cannot be read"), ("epoch", otherEpoch, "is of epoch"),
        ("checksum", otherSum, "have the checksum"), ("module", otherModule, "module"),
      ] {
        try damaged(what, says: says) { path in
          try bytes.write(to: URL(fileURLWithPath: path + manifest))
        }
      }
      #expect(try verify(cluster, folder).contains("sound, 300 keys"))
    }

    @Test("A restore into a cluster that grows by itself stores every key")
    func restoreUnderGrowth() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      try fill(cluster, 600)
      let folder = Folder()
      _ = try backUp(cluster, to: folder)
      let restored = try RunningCluster(["--scale-up-at", "150"])
      defer { restored.remove() }
      let output = try run(restored, ["restore", folder.path, "--rate", "8K"])
      #expect(output.contains("600 keys stored") && output.contains("checksum equal"), "\(output)")
      let user = try HTTPUser(restored.address)
      for number in stride(from: 0, to: 600, by: 7) {
        #expect(try user.send(.get, "/kv/word-\(number)").text == "value \(number)")
      }
    }

    @Test("What cannot be is refused with a sentence: no credential, another cluster's folder")
    func refusals() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      try fill(cluster, 5)
      let folder = Folder()
      _ = try backUp(cluster, to: folder)
      let bare = try cluster.run(["backup", Folder().path])
      #expect(bare.status == 1 && bare.output.contains("credential"))
      let other = try RunningCluster()
      defer { other.remove() }
      let foreign = try run(other, ["backup", folder.path], status: 1)
      #expect(foreign.contains("has backups of the cluster"))
      let empty = try run(other, ["restore", Folder().path], status: 1)
      #expect(empty.contains("cannot be opened"))
      let unknown = try run(other, ["restore", folder.path, "--backup", "none"], status: 1)
      #expect(unknown.contains("has no backup"))
    }
  }
}
