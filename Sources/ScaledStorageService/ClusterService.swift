import ArgumentParser
import Cluster
import Etcd
import Foundation
import Gateway
import HTTPTransport
import Logging
import RocksDBStorage
import ScaledStorage
import Storage

/// A gateway with its coordinator and its launcher of nodes.
final class ClusterService {
  private let settings: ServiceSettings
  private let scaling: ScalingSettings
  private let process: ServiceProcess
  private let stopsNodes: Bool
  private let access: AccessControl
  private let tls: TLSContext?
  private let launchers: LauncherFactory
  private let store: RocksDBEngine
  /// Nil until the coordinator's log is open.
  private var gateway: (coordinator: Coordinator, server: GatewayServer)?
  private var failure: (any Error)?
  private var isReady = false

  private static let drainTime = Duration.seconds(5)
  private static let nodeTime = Duration.seconds(15)
  static let usualListen = "127.0.0.1:8080"

  static func run(
    _ options: ServiceOptions, _ scaling: ScalingOptions, advertise: String? = nil,
    stopsNodes: Bool
  ) throws {
    let configuration = try Configuration(file: options.config)
    var settings = try ServiceSettings(options, configuration, listen: usualListen)
    let scaling = try ScalingSettings(
      scaling, configuration, policy: ServedProgram.current.application.policy)
    let advertise =
      try stopsNodes
      ? nil
      : AdvertisedAddress.read(
        flag: advertise, mayBeName: false, configuration)
    // What the settings have wrong is told before anything is made.
    try settings.requireCluster(scaling, advertise: advertise, startsOwnNodes: stopsNodes)
    try settings.makeDirectory()
    let process = try ServiceProcess(
      label: "gateway", level: settings.logLevel,
      format: settings.telemetry.logFormat)
    var service: ClusterService?
    try process.onStop({ service?.stop() }, hurry: { service?.hurry() })
    let opened = try ClusterService(
      settings, scaling: scaling, process: process, stopsNodes: stopsNodes)
    service = opened
    try opened.open(advertise: advertise)
    process.loop.run()
    opened.store.close()
    if let failure = opened.failure { throw failure }
    throw ExitCode(process.exitStatus)
  }

  private init(
    _ settings: ServiceSettings, scaling: ScalingSettings, process: ServiceProcess,
    stopsNodes: Bool
  ) throws {
    self.settings = settings
    self.scaling = scaling
    self.process = process
    self.stopsNodes = stopsNodes
    let processes = try ProcessLauncher.Settings(settings)
    access = try process.access(settings)
    tls = try process.secure(settings.tls)
    launchers = try LauncherFactory(
      scaling, processes: processes, loop: process.loop, tls: tls, logger: process.logger)
    process.notifier.starts("opens its store")
    store = try settings.openStore("coordinator")
  }

  // MARK: - The coordinator's log

  /// Opens the log, then the gateway.
  private func open(advertise: String?) throws {
    let application = ServedProgram.current.application
    let capacity = CoordinatorMachine.Settings().capacity
    // Nodes' data without a state that tells of them belong to a cluster that is to be found again.
    let mayFound = launchers.isEmpty
    guard let etcd = settings.etcd else {
      let log = try EmbeddedLog(
        loop: process.loop, store: store, mayFound: mayFound,
        capacity: capacity, firstNode: application.firstNode)
      return try start(log, advertise: advertise)
    }
    guard try EmbeddedLog.place(of: store) != .here else {
      throw ServiceFailure(ClusterService.twoLogs)
    }
    process.notifier.starts("waits for etcd to tell the cluster's state")
    EtcdLog.open(
      client: EtcdClient(loop: process.loop, settings: try etcd.settings()),
      keys: etcd.keys, loop: process.loop, logger: process.logger,
      founding: { () throws(ClusterError) in
        try EtcdLog.founding(
          mayFound: mayFound, capacity: capacity, firstNode: application.firstNode)
      },
      { [self] result in
        do {
          try start(try result.get(), advertise: advertise)
        } catch {
          failure = error
          process.finish(1)
        }
      })
  }

  private static let twoLogs =
    "this directory has the state of a coordinator without etcd; move it there by "
    + "`coordinator to-etcd`, or leave --etcd away"

  private func start(_ log: any CoordinatorLog, advertise: String?) throws {
    let application = ServedProgram.current.application
    let coordinator = try Coordinator(
      loop: process.loop, log: log, store: store, credentials: access.credentials, tls: tls,
      policy: scaling.policy, isDryRun: scaling.isDryRun, logger: process.logger
    ) { [launchers] coordinator in launchers.launcher(for: coordinator) }
    coordinator.loader = ModuleLoader(
      loop: process.loop, limits: settings.modules.limits, libraryPath: settings.modules.wasmtime)
    let server = GatewayServer(
      application, coordinator: coordinator, access: access, forward: settings.forward,
      loop: process.loop, limits: settings.serverLimits, tracing: settings.telemetry.tracing)
    gateway = (coordinator, server)
    let bound = try server.listen(on: try settings.listenAddress())
    process.logger.info("the gateway listens on \(bound), its data is in \(settings.data)")
    coordinator.onFailure = { [process] in process.finish(1) }
    coordinator.start(gatewayAddress: advertise ?? bound.description)
    // Its nodes may be services as well, that a manager starts after this one.
    if !stopsNodes { tellManager() }
    announce(bound, coordinator)
  }

  private func tellManager() {
    process.notifier.serves { [weak server = gateway?.server] in server?.summary ?? "" }
  }

  /// Tells once, on standard output, that the cluster can be used.
  private func announce(_ address: SocketAddress, _ coordinator: Coordinator) {
    guard !isReady else { return }
    guard coordinator.machine.isSettled else {
      process.loop.schedule(after: .milliseconds(10)) { [weak self] in
        self?.announce(address, coordinator)
      }
      return
    }
    isReady = true
    tellManager()
    let count = coordinator.map.members.count
    let scheme = settings.tls == nil ? "http" : "https"
    let line =
      "ScaledStorage is ready on \(scheme)://\(address) with "
      + "\(count) node\(count == 1 ? "" : "s")\n"
    // Nobody may listen any more, and a file may have no room.
    try? FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
  }

  /// Ends the nodes that `stop` would have waited for, rather than leave them behind: what they
  /// have acknowledged is durable.
  private func hurry() {
    guard stopsNodes, let gateway else { exit(1) }
    gateway.coordinator.killNodes { [process] in process.finish(1) }
  }

  private func stop() {
    isReady = true
    process.logger.info(stopsNodes ? "the cluster stops" : "the gateway stops; its nodes go on")
    guard let (coordinator, server) = gateway else { return process.finish() }
    server.shutdown(within: ClusterService.drainTime) { [self] in
      guard stopsNodes else {
        coordinator.detach(within: ClusterService.drainTime) { [process] in process.finish() }
        return
      }
      coordinator.stop(nodesWithin: ClusterService.nodeTime) { [process] in process.finish() }
    }
  }
}
