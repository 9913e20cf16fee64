import ClusterTestKit
import Foundation
import Glibc
import HTTPTransport

/// One run: a cluster of real processes, clients, a nemesis, and the judgement.
final class TortureRun {
  struct Settings {
    var duration: Duration
    var seed: UInt64
    var nodes: Int
    var keys: Int
    var clients: Int
    /// The directory in which the run makes one of its own.
    var data: String?
    var isolation: Isolation
  }

  private let settings: Settings
  private let mainLine: MainLine
  private let directory: String
  private var disk: SmallDisk?
  private let processes: TortureProcesses
  private let clients: TortureClients
  private let cluster: TortureCluster
  private let nemesis: Nemesis
  private var outcome: TortureOutcome
  private var signals = 0

  private static let idleTime = Duration.seconds(30)
  private static let convergeTime = Duration.seconds(120)
  /// The longest TTL, and a sweep.
  private static let expiryTime = Duration.seconds(5)
  private static let stopTime = Duration.seconds(30)

  init(_ settings: Settings) throws {
    self.settings = settings
    let loop = try EventLoop()
    mainLine = MainLine(loop: loop)
    directory = try TortureRun.makeDirectory(in: settings.data)
    try settings.isolation.prepareNetwork()
    if settings.isolation.hasMounts {
      // Each node's log files take room, also of nodes that leave.
      disk = try SmallDisk(at: directory + "/disk", megabytes: 256 + 96 * settings.nodes)
    }
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    processes = TortureProcesses(
      loop: loop,
      settings: TortureProcesses.Settings(
        program: program, data: (disk?.path ?? directory) + "/cluster", logs: directory,
        mostNodes: settings.nodes))
    clients = TortureClients(
      loop: loop,
      settings: TortureClients.Settings(
        clients: settings.clients, keys: settings.keys, seed: settings.seed))
    cluster = TortureCluster(processes: processes, mainLine: mainLine, clients: clients)
    nemesis = Nemesis(
      cluster,
      settings: Nemesis.Settings(
        seed: ~settings.seed, duration: settings.duration, isolation: settings.isolation,
        disk: disk))
    outcome = TortureOutcome(
      seed: settings.seed, seconds: settings.duration.seconds, mostNodes: settings.nodes,
      keysAtATime: settings.keys, clients: settings.clients)
  }

  /// A new directory by its one true path: processes are known by it.
  private static func makeDirectory(in parent: String?) throws(CommandFailure) -> String {
    let parent = parent ?? FileManager.default.temporaryDirectory.path
    try? FileManager.default.createDirectory(
      atPath: parent, withIntermediateDirectories: true)
    guard let real = realpath(parent, nil) else {
      throw CommandFailure("the directory \(parent) cannot be used")
    }
    defer { free(real) }
    var name = Array((String(cString: real) + "/torture-XXXXXX").utf8CString)
    guard mkdtemp(&name) != nil else {
      throw CommandFailure(
        "no directory can be made in \(parent): \(String(cString: strerror(errno)))")
    }
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func run() throws -> TortureOutcome {
    try mainLine.loop.onSignals([SIGINT, SIGTERM, SIGHUP]) { [self] _ in
      signals += 1
      if signals == 1 { return mainLine.interrupt() }
      processes.killAll()
      exit(1)
    }
    do throws(CommandFailure) {
      try work()
    } catch {
      outcome.failures.append(error.message)
    }
    finish()
    return outcome
  }

  // MARK: - The phases

  private func work() throws(CommandFailure) {
    StandardStreams.note("seed \(settings.seed), data and logs in \(directory)")
    outcome.leftOut = settings.isolation.missing
    for text in outcome.leftOut { StandardStreams.note("left out, \(text)") }
    try cluster.start()
    clients.start()
    var progress = ProgressDisplay("torture", unit: "operations")
    defer { progress.end() }
    try nemesis.run { fraction in
      progress.update(clients.counts.answered, fraction: fraction)
    }
    outcome.convergenceSeconds = try cluster.converge(within: TortureRun.convergeTime)
    clients.stop()
    guard try mainLine.wait(atMost: TortureRun.idleTime, until: { clients.isIdle }) else {
      throw CommandFailure("requests are never answered nor given up")
    }
    guard outcome.convergenceSeconds != nil else {
      throw CommandFailure(
        "the cluster did not come to rest after the faults: \(cluster.reason ?? "")")
    }
    try mainLine.pause(TortureRun.expiryTime)
    try judge()
    try stop()
  }

  private func judge() throws(CommandFailure) {
    let judge = TortureJudge(
      mainLine, gateways: processes.gatewayAddress.map { [$0] } ?? [], keys: clients.keys,
      sender: clients.sender)
    try judge.readBack(nodes: try cluster.members().map(\.address))
    try judge.compareSizes(in: cluster)
    judge.checkHistories()
    outcome.failures += judge.failures
    outcome.excerpt = judge.excerpt
    outcome.operationsChecked = judge.checked
    outcome.keysUndecided = judge.undecided
    outcome.keysPresent = judge.keysPresent
    outcome.epoch = try cluster.ring().epoch
  }

  /// An orderly end is a promise as well.
  private func stop() throws(CommandFailure) {
    cluster.stopRefreshing()
    processes.signalGateway(SIGTERM)
    guard
      try mainLine.wait(atMost: TortureRun.stopTime, until: { !processes.isGatewayRunning })
    else { throw CommandFailure("the gateway did not end when it was told to") }
    for node in processes.nodes { processes.signal(SIGTERM, node) }
    let haveEnded = try mainLine.wait(atMost: TortureRun.stopTime) { processes.nodes.isEmpty }
    if !haveEnded { outcome.failures.append("nodes did not end when they were told to") }
  }

  /// Leaves no process behind, whatever came before; data only when something failed.
  private func finish() {
    cluster.stopRefreshing()
    clients.stop()
    disk?.free()
    mainLine.rest(atMost: TortureRun.stopTime) {
      processes.killAll()
      return !processes.isGatewayRunning && processes.nodes.isEmpty
    }
    outcome.faults = nemesis.faults
    outcome.changes = nemesis.changes
    outcome.operations = clients.counts
    outcome.keys = clients.keys.count
    outcome.longestUnavailabilityNs = clients.longestUnavailability * 1_000
    outcome.gatewayEnds = processes.unplannedEnds
    outcome.failures += clients.broken + processes.failures + processes.crashes()
    outcome.storageAssertions = processes.storageAssertions
    keepOrRemoveData()
  }

  private func keepOrRemoveData() {
    if outcome.failures.isEmpty {
      disk?.unmount()
      try? FileManager.default.removeItem(atPath: directory)
      return
    }
    if let disk {
      // The mount ends with this process.
      _ = SystemTool.run("cp", ["-a", disk.path, directory + "/kept"])
      disk.unmount()
    }
    outcome.kept = directory
  }
}
