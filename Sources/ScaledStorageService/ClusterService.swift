import ArgumentParser
import Cluster
import Foundation
import Gateway
import HTTPTransport
import Logging
import RocksDBStorage
import ScaledStorage
import Storage

/// A gateway with its coordinator and the nodes that it launches as processes.
final class ClusterService {
  private let settings: ServiceSettings
  private let process: ServiceProcess
  private let stopsNodes: Bool
  private let store: RocksDBEngine
  private let coordinator: Coordinator
  private let server: GatewayServer
  private var isReady = false

  private static let drainTime = Duration.seconds(5)
  private static let nodeTime = Duration.seconds(15)
  static let usualListen = "127.0.0.1:8080"

  static func run(_ options: ServiceOptions, _ scaling: ScalingOptions, stopsNodes: Bool) throws {
    let configuration = try Configuration(file: options.config)
    var settings = try ServiceSettings(options, configuration, listen: usualListen)
    let scaling = try ScalingSettings(
      scaling, configuration, policy: ServedProgram.current.application.policy)
    try settings.makeDirectory()
    let process = try ServiceProcess(
      label: "gateway", level: settings.logLevel,
      format: settings.telemetry.logFormat)
    var service: ClusterService?
    try process.onStop({ service?.stop() }, hurry: { service?.hurry() })
    let running = try ClusterService(
      settings, scaling: scaling, process: process, stopsNodes: stopsNodes)
    service = running
    try running.start()
    process.loop.run()
    running.store.close()
    throw ExitCode(process.exitStatus)
  }

  private init(
    _ settings: ServiceSettings, scaling: ScalingSettings, process: ServiceProcess,
    stopsNodes: Bool
  ) throws {
    self.settings = settings
    self.process = process
    self.stopsNodes = stopsNodes
    let application = ServedProgram.current.application
    // What the settings have wrong is told before anything is made.
    if stopsNodes { try scaling.requireOwnNodes(settings.configuration) }
    let launcherSettings = try ClusterService.launcherSettings(settings)
    let access = try process.access(settings)
    let tls = try process.secure(settings.tls)
    store = try settings.openStore("coordinator")
    let pool = scaling.instances.map {
      InstancePool(names: $0, loop: process.loop, tls: tls, logger: process.logger)
    }
    let processes = ProcessLauncher(
      loop: process.loop, settings: launcherSettings, logger: process.logger)
    let launcher: any Launcher = pool ?? processes
    coordinator = try Coordinator(
      loop: process.loop, store: store, launcher: launcher,
      credentials: access.credentials, tls: tls,
      policy: scaling.policy, isDryRun: scaling.isDryRun, firstNode: application.firstNode,
      logger: process.logger)
    pool?.cluster = coordinator
    processes.restarter = coordinator
    coordinator.loader = ModuleLoader(
      loop: process.loop, limits: settings.modules.limits, libraryPath: settings.modules.wasmtime)
    server = GatewayServer(
      application, coordinator: coordinator, access: access, forward: settings.forward,
      loop: process.loop, limits: settings.serverLimits, tracing: settings.telemetry.tracing)
  }

  private static func launcherSettings(
    _ settings: ServiceSettings
  ) throws -> ProcessLauncher.Settings {
    let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var launcher = ProcessLauncher.Settings(
      directory: settings.data + "/nodes", executable: executable,
      arguments: [
        "--credential-file", URL(fileURLWithPath: settings.credentialFile).path,
        "--forward", settings.forward.rawValue, "--durability", settings.durability.rawValue,
        "--max-value-bytes", String(settings.maxValueBytes),
        "--handover-rate", settings.handoverRate.description,
        "--cache-bytes", settings.cacheBytes.description,
        "--handover-compression", settings.handoverCompression.rawValue,
        "--log-level", settings.logLevel.rawValue, "--port-fallback",
      ], host: try ClusterService.nodeHost(settings))
    if let limits = settings.limits { launcher.arguments += ["--limits", limits] }
    launcher.arguments += settings.telemetry.arguments
    launcher.arguments += settings.modules.arguments { URL(fileURLWithPath: $0).path }
    launcher.sharedFlags = ["--tls-certificate"]
    // Else nodes of before would let pass whom the gateway does not.
    launcher.sharedValues = AccessSettings.decisiveFlags
    if let tls = settings.tls {
      launcher.arguments += tls.arguments { URL(fileURLWithPath: $0).path }
    }
    launcher.arguments += settings.access.arguments { URL(fileURLWithPath: $0).path }
    if settings.allowPlaintext { launcher.arguments.append("--allow-plaintext") }
    // The gateway's own settings are not those of its nodes.
    launcher.environment = ProcessInfo.processInfo.environment
      .filter { !$0.key.hasPrefix("SCALED_STORAGE_") }
      .map { "\($0.key)=\($0.value)" }
    return launcher
  }

  /// Nodes listen where the gateway does, so that who reaches one reaches the others; a gateway on
  /// all addresses has its nodes on the loopback address.
  private static func nodeHost(_ settings: ServiceSettings) throws -> String {
    let address = try settings.listenAddress()
    if address.isUnspecified { return "127.0.0.1" }
    return address.isIPv6 ? "[\(address.host)]" : address.host
  }

  private func start() throws {
    let address = try settings.listenAddress()
    let bound = try server.listen(on: address)
    process.logger.info("the gateway listens on \(bound), its data is in \(settings.data)")
    coordinator.onFailure = { [process] in process.finish(1) }
    coordinator.start(gatewayAddress: bound.description)
    announce(bound)
  }

  /// Tells once, on standard output, that the cluster can be used.
  private func announce(_ address: SocketAddress) {
    guard !isReady else { return }
    guard coordinator.machine.isSettled else {
      process.loop.schedule(after: .milliseconds(10)) { [weak self] in self?.announce(address) }
      return
    }
    isReady = true
    let count = coordinator.map.members.count
    let scheme = settings.tls == nil ? "http" : "https"
    let line =
      "ScaledStorage is ready on \(scheme)://\(address) with "
      + "\(count) node\(count == 1 ? "" : "s")\n"
    FileHandle.standardOutput.write(Data(line.utf8))
  }

  /// Ends the nodes that `stop` would have waited for, rather than leave them behind: what they
  /// have acknowledged is durable.
  private func hurry() {
    guard stopsNodes else { exit(1) }
    coordinator.killNodes { [process] in process.finish(1) }
  }

  private func stop() {
    isReady = true
    process.logger.info(stopsNodes ? "the cluster stops" : "the gateway stops; its nodes go on")
    server.shutdown(within: ClusterService.drainTime) { [self] in
      guard stopsNodes else {
        coordinator.detach(within: ClusterService.drainTime) { [process] in process.finish() }
        return
      }
      coordinator.stop(nodesWithin: ClusterService.nodeTime) { [process] in process.finish() }
    }
  }
}
