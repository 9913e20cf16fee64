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
    if stopsNodes {
      try scaling.requireOwnNodes(settings.configuration)
      try settings.requireNoEtcd()
    }
    let launcherSettings = try ProcessLauncher.Settings(settings)
    let access = try process.access(settings)
    let tls = try process.secure(settings.tls)
    store = try settings.openStore("coordinator")
    let launchers = LauncherFactory(
      settings: settings, loop: process.loop, tls: tls, logger: process.logger)
    let launcher = try launchers.launcher(scaling, processes: launcherSettings)
    coordinator = try Coordinator(
      loop: process.loop, store: store, launcher: launcher,
      credentials: access.credentials, tls: tls,
      policy: scaling.policy, isDryRun: scaling.isDryRun, firstNode: application.firstNode,
      logger: process.logger)
    (launcher as? InstancePool)?.cluster = coordinator
    coordinator.loader = ModuleLoader(
      loop: process.loop, limits: settings.modules.limits, libraryPath: settings.modules.wasmtime)
    server = GatewayServer(
      application, coordinator: coordinator, access: access, forward: settings.forward,
      loop: process.loop, limits: settings.serverLimits, tracing: settings.telemetry.tracing)
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
