package import Candid
package import Cluster
package import HTTPTransport
import Glibc
package import Logging
import ScaledStorage

/// Runs nodes as processes of this machine, each with a data directory of its own.
///
/// Nodes have a session of their own, so that they outlive the gateway and its terminal. A node
/// that runs already is adopted: it is known by its data directory.
package final class ProcessLauncher: Launcher {
  package struct Settings: Sendable {
    /// Where the nodes' data directories are.
    package var directory: String
    /// The program that has the `node` command.
    package var executable: String
    /// Further arguments of `node`.
    package var arguments: [String]
    /// Those flags among ``arguments`` that nodes and gateway must agree on. A node that is found
    /// running with one that is not there, or without one that is, is started again.
    package var sharedFlags: [String] = []
    /// The same for flags whose values have to be the same as well.
    package var sharedValues: [String] = []
    /// The environment of the nodes, as `NAME=value`.
    package var environment: [String] = []
    /// The host on which nodes listen.
    package var host: String
    /// How long a new node may take until it answers.
    package var launchTimeout = Duration.seconds(30)
    /// The same for one that has data: its store may be large, and its disk slow.
    package var openTimeout = Duration.seconds(300)
    /// How long a node that is destroyed may take for the answers that are under way.
    package var drainTimeout = Duration.seconds(15)

    package init(directory: String, executable: String, arguments: [String], host: String) {
      self.directory = directory
      self.executable = executable
      self.arguments = arguments
      self.host = host
    }
  }

  private final class Instance {
    var watcher: ProcessWatcher?
    var report: (LauncherEvent) -> Void
    var isRunning = false
    var deadline: MonotonicTime

    init(report: @escaping (LauncherEvent) -> Void, deadline: MonotonicTime) {
      self.report = report
      self.deadline = deadline
    }
  }

  /// Tells nodes to start again; set before the first launch.
  package weak var restarter: (any NodeRestarter)?
  private let loop: EventLoop
  private let settings: Settings
  private let logger: Logger
  private var instances: [Principal: Instance] = [:]
  /// Nodes that are being destroyed, and when their patience ends.
  private var endings: [Principal: MonotonicTime] = [:]
  private var onEmpty: (() -> Void)?

  private static let pollInterval = Duration.milliseconds(5)
  private static let endInterval = Duration.milliseconds(20)

  package init(loop: EventLoop, settings: Settings, logger: Logger) {
    self.loop = loop
    self.settings = settings
    self.logger = logger
  }

  private func directory(of node: Principal) -> String {
    settings.directory + "/" + (node.canisterNumber.map { "node-\($0)" } ?? node.text)
  }

  private func identifyingArguments(of node: Principal) -> [String] {
    ["node", "--data", directory(of: node)]
  }

  // MARK: - Launcher

  package func launch(
    _ node: Principal, previousAddress: String?, _ report: @escaping (LauncherEvent) -> Void
  ) {
    guard instances[node] == nil else { return }
    let timeout = previousAddress == nil ? settings.launchTimeout : settings.openTimeout
    let instance = Instance(report: report, deadline: loop.now + timeout)
    instances[node] = instance
    do {
      try Directory.create(directory(of: node))
      let process: pid_t
      var endpointOf: pid_t?
      if let running = ProcessTable.find(arguments: identifyingArguments(of: node)) {
        logger.info("\(node.text) is found running as process \(running)")
        process = running
        if agrees(running) {
          endpointOf = running
        } else {
          logger.notice("\(node.text) runs with other settings of TLS, so it is started again")
          Glibc.kill(running, SIGTERM)
        }
      } else {
        process = try spawn(node, address: previousAddress)
        endpointOf = process
      }
      instance.watcher = try loop.watchExit(of: process) { [weak self, weak instance] exit in
        guard let self, let instance else { return }
        ended(node, instance, reason: exit.sentence)
      }
      awaitEndpoint(node, instance, process: endpointOf)
    } catch {
      let reason = (error as? LaunchError)?.message ?? "\(error)"
      loop.schedule(after: .zero) { [weak self] in
        self?.ended(node, instance, reason: reason)
      }
    }
  }

  private func agrees(_ process: pid_t) -> Bool {
    let words = ProcessTable.commandLine(process)
    return settings.sharedFlags.allSatisfy {
      words.contains($0) == settings.arguments.contains($0)
    }
      && settings.sharedValues.allSatisfy {
        ProcessLauncher.value(of: $0, in: words)
          == ProcessLauncher.value(of: $0, in: settings.arguments)
      }
  }

  private static func value(of flag: String, in words: [String]) -> String? {
    guard let index = words.firstIndex(of: flag), index + 1 < words.count else { return nil }
    return words[index + 1]
  }

  package var isEmpty: Bool { Directory.isEmpty(settings.directory) }

  package func kill(_ node: Principal) {
    try? instances[node]?.watcher?.send(signal: SIGKILL)
  }

  package func destroy(_ node: Principal, _ done: @escaping () -> Void) {
    // The instance is kept until its process has ended: its watcher takes the exit status.
    let instance = instances.removeValue(forKey: node)
    if endings[node] == nil {
      endings[node] = loop.now + settings.drainTimeout
      if let process = process(of: node) { Glibc.kill(process, SIGTERM) }
    }
    removeWhenEnded(node, keeping: instance, done)
  }

  private func process(of node: Principal) -> pid_t? {
    ProcessTable.find(arguments: identifyingArguments(of: node))
  }

  /// The directory goes after the process, which could write to it until it has ended.
  private func removeWhenEnded(
    _ node: Principal, keeping instance: Instance?, _ done: @escaping () -> Void
  ) {
    if let process = process(of: node) {
      if let deadline = endings[node], loop.now >= deadline { Glibc.kill(process, SIGKILL) }
      loop.schedule(after: ProcessLauncher.endInterval) { [weak self] in
        self?.removeWhenEnded(node, keeping: instance, done)
      }
      return
    }
    endings[node] = nil
    Directory.remove(directory(of: node))
    loop.schedule(after: .zero, done)
    finishStop()
  }

  package func stopAll(within limit: Duration, _ done: @escaping () -> Void) {
    onEmpty = done
    for instance in instances.values { try? instance.watcher?.send(signal: SIGTERM) }
    loop.schedule(after: limit) { [weak self] in
      guard let self else { return }
      for instance in instances.values { try? instance.watcher?.send(signal: SIGKILL) }
      for node in endings.keys { endings[node] = loop.now }
    }
    finishStop()
  }

  package func restart(
    _ node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let instance = instances[node], instance.isRunning, let restarter else {
      let error = ClusterError(.overloaded, "\(node.text) does not run at this moment")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    restarter.orderRestart(of: node) { [weak self] result in
      guard case .failure(let error) = result, error.code == .unknownMethod, let self,
        instances[node] === instance
      else { return completion(result) }
      logger.notice("\(node.text) is of a program that cannot start itself again: it is ended")
      try? instance.watcher?.send(signal: SIGTERM)
      completion(.success(()))
    }
  }

  // MARK: - Processes

  private func spawn(_ node: Principal, address: String?) throws -> pid_t {
    let directory = directory(of: node)
    // The address of before is taken again if it is free; else the node takes any.
    let listen = address ?? "\(settings.host):0"
    let log = ProcessOutput.file(directory + "/log")
    return try ProcessWatcher.spawn(
      executable: settings.executable,
      arguments: identifyingArguments(of: node) + ["--listen", listen] + settings.arguments,
      environment: settings.environment, standardOutput: log, standardError: log)
  }

  /// - Parameter process: whose endpoint counts; nil waits for the end of a process that was told
  ///   to end.
  private func awaitEndpoint(_ node: Principal, _ instance: Instance, process: pid_t?) {
    guard instances[node] === instance else { return }
    let endpoint = EndpointFile(directory: directory(of: node)).read()
    if let endpoint, endpoint.processID == process {
      instance.isRunning = true
      return instance.report(.running(address: endpoint.address))
    }
    guard loop.now < instance.deadline else {
      logger.error("\(node.text) did not answer in time; see \(directory(of: node))/log")
      try? instance.watcher?.send(signal: SIGKILL)
      return
    }
    loop.schedule(after: ProcessLauncher.pollInterval) { [weak self, weak instance] in
      guard let self, let instance else { return }
      awaitEndpoint(node, instance, process: process)
    }
  }

  private func ended(_ node: Principal, _ instance: Instance, reason: String) {
    guard instances[node] === instance else { return }
    instances[node] = nil
    instance.report(.stopped(reason: "\(reason); see \(directory(of: node))/log"))
    finishStop()
  }

  private func finishStop() {
    guard instances.isEmpty, endings.isEmpty, let done = onEmpty else { return }
    onEmpty = nil
    loop.schedule(after: .zero, done)
  }
}

extension ProcessExit {
  /// How a node's process ended, for the log.
  fileprivate var sentence: String {
    switch self {
    case .exited(let status): "its process ended with status \(status)"
    case .signalled(let signal): "signal \(signal) ended its process"
    case .unknown: "its process ended"
    }
  }
}
