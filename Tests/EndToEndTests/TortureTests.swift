import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// `scaled-storage torture`, as a user would run it.
  @Suite(.serialized, .timeLimit(.minutes(10)))
  struct TortureTests {
    private final class Run: Sendable {
      let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        .appendingPathComponent("torture-\(UUID().uuidString)")
      let process: pid_t
      private var output: String { folder.path + ".out" }

      /// - Parameter ownsData: whether the run starts a cluster of its own, in its folder.
      init(_ arguments: [String], ownsData: Bool = true) throws {
        process = try ProcessWatcher.spawn(
          executable: RunningCluster.program("scaled-storage").path,
          arguments: ["torture"] + (ownsData ? ["--data", folder.path] : []) + arguments,
          environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
          standardOutput: .file(folder.path + ".out"), standardError: .file(folder.path + ".log"))
      }

      /// Whether it has not ended; it is not reaped here.
      var isRunning: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0
          && information.si_signo == 0
      }

      var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

      /// The processes that work in this run's folder, its own apart.
      var others: [pid_t] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap(pid_t.init).filter { entry in
          let line = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") ?? Data()
          return entry != process && line.range(of: Data((folder.path + "/").utf8)) != nil
        }
      }

      /// The exit status, once `before` is done and the run has ended. Waits on a thread of its
      /// own, since tests share the few that they run on.
      func end(after before: @escaping @Sendable (Run) -> Void = { _ in }) async -> Int32 {
        await withCheckedContinuation { continuation in
          Thread.detachNewThread { [self] in
            before(self)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            continuation.resume(
              returning: status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f))
          }
        }
      }

      func remove() {
        try? FileManager.default.removeItem(at: folder)
        for ending in [".log", ".out"] {
          try? FileManager.default.removeItem(atPath: folder.path + ending)
        }
      }
    }

    @Test("A cluster that is killed, paused, cut off and starved keeps what it promises")
    func faults() async throws {
      let run = try Run(["--seconds", "20", "--json"])
      let status = await run.end()
      #expect(status == 0, "\(run.text)")
      #expect(run.others.isEmpty)
      let json = try JSONSerialization.jsonObject(with: Data(run.text.utf8))
      let outcome = try #require(json as? [String: Any])
      #expect((outcome["operations_checked"] as? Int ?? 0) > 0)
      #expect((outcome["faults"] as? [String: Int] ?? [:]).isEmpty == false)
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.folder.path).isEmpty)
      run.remove()
    }

    @Test("A cluster that runs is loaded and judged while its nodes are killed")
    func attached() async throws {
      let cluster = try RunningCluster(["--min-nodes", "2"])
      defer { cluster.remove() }
      _ = try HTTPUser(cluster.address).settledRing(members: 2)
      let nodes = cluster.nodeProcesses
      let run = try Run(["--url", cluster.url, "--seconds", "3", "--json"], ownsData: false)
      defer { run.remove() }
      let status = await run.end { _ in
        for node in nodes { kill(node, SIGKILL) }
      }
      #expect(status == 0, "\(run.text)")
      let json = try JSONSerialization.jsonObject(with: Data(run.text.utf8))
      let outcome = try #require(json as? [String: Any])
      #expect((outcome["acknowledged_writes"] as? Int ?? 0) > 0)
      #expect(outcome["lost"] as? Int == 0)
    }

    @Test("An interrupted run ends every process that it started")
    func interrupt() async throws {
      let run = try Run(["--minutes", "5"])
      defer { run.remove() }
      let status = await run.end { run in
        // The gateway and its node.
        while run.others.count < 2, run.isRunning { usleep(5_000) }
        kill(run.process, SIGINT)
      }
      #expect(status == 1)
      #expect(run.others.isEmpty)
      #expect(run.text.contains("interrupted"))
    }
  }
}
