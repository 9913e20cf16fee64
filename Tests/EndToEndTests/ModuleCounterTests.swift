import Foundation
import HTTPTransport
import Testing

/// The program at work beside the test.
private final class BackgroundRun {
  private let process: pid_t
  private let outputFile: String
  private var status: Int32?

  init(_ arguments: [String], output: String) throws {
    outputFile = output
    process = try ProcessWatcher.spawn(
      executable: RunningCluster.program("scaled-storage").path, arguments: arguments,
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
      standardOutput: .file(output), standardError: .file(output))
  }

  deinit {
    if status == nil {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    try? FileManager.default.removeItem(atPath: outputFile)
  }

  var output: String { (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? "" }

  var isRunning: Bool {
    var word: Int32 = 0
    if status == nil, waitpid(process, &word, WNOHANG) == process { status = word }
    return status == nil
  }

  /// Waits for the end; what `waitpid` tells.
  func wait() -> Int32 {
    var word: Int32 = 0
    if status == nil, waitpid(process, &word, 0) == process { status = word }
    return status ?? -1
  }
}

extension EndToEnd {
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ModuleCounters {
    private static let counters = 16
    private static let increments = 4_000

    /// What a counter has; nil while nobody tells.
    private func count(_ counter: Int, _ cluster: RunningCluster) -> UInt64? {
      guard let user = try? HTTPUser(cluster.address),
        let response = try? user.send(.get, "/kv/bench-counter%2F7%2F\(counter)"),
        response.status == 200
      else { return nil }
      return response.body.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Waits until each counter has about this part of its increments, or all: what follows is then
    /// done to counters at rest.
    private func progress(_ part: Double, _ run: BackgroundRun, _ cluster: RunningCluster) {
      let wanted = UInt64(part * Double(Self.increments / Self.counters))
      // A poll's pause, not a test's clock: what is waited for is the counter itself.
      while run.isRunning, count(0, cluster) ?? 0 < wanted { usleep(2_000) }
    }

    /// The sum of all counters, once every owner tells.
    private func sum(_ cluster: RunningCluster) -> UInt64 {
      (0..<Self.counters).reduce(0) { sum, counter in
        while true {
          if let count = count(counter, cluster) { return sum + count }
          usleep(2_000)
        }
      }
    }

    private func grow(_ cluster: RunningCluster, to members: Int) throws {
      let credential = cluster.directory.appendingPathComponent("credential").path
      let result = try cluster.run(["scale", "up", "--credential-file", credential])
      #expect(result.status == 0, "\(result.output)")
      _ = try HTTPUser(cluster.address).settledRing(members: members)
    }

    @Test("The sum of increments by a module is exact, though nodes and the gateway are killed")
    func exactSum() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let file = cluster.directory.path + ".wasm"
      defer { try? FileManager.default.removeItem(atPath: file) }
      try Data(CounterModule.assembled()).write(to: URL(fileURLWithPath: file))
      let credential = cluster.directory.appendingPathComponent("credential").path
      let upload = try cluster.run(["upload", file, "--credential-file", credential])
      #expect(upload.status == 0, "\(upload.output)")

      let run = try BackgroundRun(
        [
          "bench", "--url", cluster.url, "--counters", "\(Self.counters)", "--call", "add",
          "--increments", "\(Self.increments)", "--seed", "7", "--connections", "4",
          "--streams", "4",
        ], output: cluster.directory.path + ".bench")
      progress(0.05, run, cluster)
      try grow(cluster, to: 2)
      progress(0.2, run, cluster)
      // Amid the next handover.
      let scaled = try cluster.run(["scale", "up", "--credential-file", credential])
      #expect(scaled.status == 0, "\(scaled.output)")
      if let victim = cluster.nodeProcesses.first { kill(victim, SIGKILL) }
      _ = try HTTPUser(cluster.address).settledRing(members: 2)
      progress(0.4, run, cluster)
      cluster.killGateway()
      try cluster.start(with: ["--listen", "\(cluster.address)"])
      _ = try HTTPUser(cluster.address).settledRing(members: 2)
      progress(0.6, run, cluster)
      for process in cluster.nodeProcesses { kill(process, SIGKILL) }
      let status = run.wait()
      #expect(status == 0, "\(run.output)\n\(cluster.log.suffix(2_000))")
      #expect(run.output.contains("sum 4,000 of 4,000: exact"), "\(run.output)")
      #expect(sum(cluster) == UInt64(Self.increments))
    }
  }
}
