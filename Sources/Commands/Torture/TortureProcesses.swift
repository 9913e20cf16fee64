import Foundation
import Glibc
import HTTPTransport
import ScaledStorage

/// A process of a node that belongs to a run.
struct NodeProcess: Hashable {
  var processID: Int32
  /// The name of its data directory.
  var name: String
}

/// The processes of a run: a gateway, its child, and the nodes that gateways have started. Nothing
/// else is ever signalled: each process is known by its data directory, and held by a pidfd.
final class TortureProcesses {
  private let loop: EventLoop
  private let settings: Settings
  private var gateway: ProcessWatcher?
  private var starts = 0
  private var quickEnds = 0
  private var startedAt = MonotonicTime.current()
  /// The nemesis takes the gateway away: nobody starts it again until the nemesis does.
  private var isHeldDown = false
  /// Starts by the supervisor, which a gateway that ends by itself needs.
  private(set) var unplannedEnds = 0
  /// What no fault explains.
  private(set) var failures: [String] = []
  private(set) var gatewayAddress: SocketAddress?
  /// What the logs tell of the storage library's assertions, which a full disk sets off.
  private(set) var storageAssertions = 0

  struct Settings {
    var program: String
    /// The cluster's data.
    var data: String
    /// Where what the gateway prints goes.
    var logs: String
    var mostNodes: Int
  }

  init(loop: EventLoop, settings: Settings) {
    self.loop = loop
    self.settings = settings
  }

  var credentialFile: String { settings.data + "/credential" }
  private var nodesDirectory: String { settings.data + "/nodes" }
  var isGatewayRunning: Bool { gateway != nil }

  // MARK: - The gateway

  func startGateway() throws(CommandFailure) {
    guard gateway == nil else { return }
    isHeldDown = false
    starts += 1
    startedAt = .current()
    // The address of before, so that who knows it finds the next gateway, unless it is taken.
    let listen = quickEnds > 2 ? nil : gatewayAddress?.description
    do throws(TransportError) {
      let process = try ProcessWatcher.spawn(
        executable: settings.program,
        arguments: [
          "gateway", "--data", settings.data, "--listen", listen ?? "127.0.0.1:0",
          "--scale-up-at", "1000000000", "--max-nodes", String(settings.mostNodes),
          "--log-format", "text",
        ], environment: TortureProcesses.environment, standardOutput: .discard,
        standardError: .file(gatewayLog))
      gateway = try loop.watchExit(of: process) { [weak self] exit in self?.gatewayEnded(exit) }
    } catch {
      throw CommandFailure("the gateway cannot be started: \(error.message)")
    }
  }

  /// A run's own settings are not those of its processes.
  private static let environment = ProcessInfo.processInfo.environment
    .filter { !$0.key.hasPrefix("SCALED_STORAGE_") }.map { "\($0.key)=\($0.value)" }

  private var gatewayLog: String { settings.logs + "/gateway-\(starts).log" }

  /// Looks for the address in what the gateway that runs now has logged.
  func findGatewayAddress() -> SocketAddress? {
    guard gateway != nil, let text = try? String(contentsOfFile: gatewayLog, encoding: .utf8),
      let mark = text.range(of: "the gateway listens on "),
      let address = try? SocketAddress(String(text[mark.upperBound...].prefix { $0 != "," }))
    else { return nil }
    gatewayAddress = address
    return address
  }

  private func gatewayEnded(_ exit: ProcessExit) {
    gateway = nil
    switch exit {
    case .signalled(SIGABRT) where isStorageAssertion(gatewayLog): break
    case .signalled(let signal) where signal != SIGKILL:
      failures.append("signal \(signal) ended the gateway; see \(gatewayLog)")
    default: break
    }
    guard !isHeldDown else { return }
    unplannedEnds += 1
    quickEnds = MonotonicTime.current() - startedAt < .seconds(2) ? quickEnds + 1 : 0
    loop.schedule(after: .milliseconds(500)) { [weak self] in
      guard let self, !isHeldDown else { return }
      try? startGateway()
    }
  }

  /// Signals the gateway. With SIGKILL and SIGTERM it stays away until `startGateway`.
  func signalGateway(_ signal: Int32) {
    if signal == SIGKILL || signal == SIGTERM { isHeldDown = true }
    try? gateway?.send(signal: signal)
  }

  // MARK: - Nodes

  /// The nodes' processes that run now.
  var nodes: [NodeProcess] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap(Int32.init).compactMap(node).sorted { $0.name < $1.name }
  }

  private func node(_ process: Int32) -> NodeProcess? {
    guard let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else {
      return nil
    }
    let words = line.split(separator: 0).prefix(4).map { String(decoding: $0, as: UTF8.self) }
    let prefix = nodesDirectory + "/"
    guard words.count == 4, words[1] == "node", words[2] == "--data", words[3].hasPrefix(prefix)
    else { return nil }
    return NodeProcess(processID: process, name: String(words[3].dropFirst(prefix.count)))
  }

  /// Signals exactly this process; returns whether it was there.
  @discardableResult
  func signal(_ signal: Int32, _ node: NodeProcess) -> Bool {
    guard let watcher = try? loop.watchExit(of: node.processID, { _ in }) else { return false }
    defer { watcher.cancel() }
    // Only now that the number cannot be another process's any more.
    guard self.node(node.processID) == node else { return false }
    do throws(TransportError) {
      try watcher.send(signal: signal)
      return true
    } catch {
      return false
    }
  }

  /// Where the node answers, if it has said so.
  func address(of node: NodeProcess) -> SocketAddress? {
    let endpoint = EndpointFile(directory: nodesDirectory + "/" + node.name).read()
    guard let endpoint, endpoint.processID == node.processID else { return nil }
    return try? SocketAddress(endpoint.address)
  }

  /// Ends everything, at once.
  func killAll() {
    signalGateway(SIGKILL)
    for node in nodes { signal(SIGKILL, node) }
  }

  // MARK: - After the run

  /// Crashes that are in the logs of gateways and nodes.
  func crashes() -> [String] {
    let nodes = (try? FileManager.default.contentsOfDirectory(atPath: nodesDirectory)) ?? []
    let logs =
      (0...starts).map { settings.logs + "/gateway-\($0).log" }
      + nodes.map { nodesDirectory + "/\($0)/log" }
    var found: [String] = []
    for path in logs {
      for line in text(path).split(separator: "\n")
      where TortureProcesses.crashSigns.contains(where: line.contains) {
        // A gateway's line names the log of the node that crashed.
        let named = line.components(separatedBy: "; see ").last ?? ""
        if isStorageAssertion(path) || isStorageAssertion(named) {
          storageAssertions += 1
        } else {
          found.append("a crash, by \(path): \(line.suffix(200))")
        }
      }
    }
    return found
  }

  private static let crashSigns =
    [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV].map { "signal \($0) ended its process" }
    + ["Fatal error:", "Assertion `"]

  /// RocksDB that was built with assertions ends a process whose disk has no room at all; nothing
  /// that was acknowledged is lost, and the process starts again.
  private func isStorageAssertion(_ log: String) -> Bool {
    text(log).contains("writable_file_writer.h")
  }

  private func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}
