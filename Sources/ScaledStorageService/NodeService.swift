import Candid
import Cluster
import Foundation
import HTTPTransport
import Logging
import RocksDBStorage
import ScaledStorage

/// A node with its store and its interface.
final class NodeService {
  private let settings: ServiceSettings
  private let process: ServiceProcess
  private let advertise: String?
  private let portFallback: Bool
  private let endpoint: EndpointFile
  private let retiredData: RetiredData
  /// Whether the node is to start again without what it had.
  private(set) var isRetired = false
  /// Whether the node is to start again on what it has.
  private var isRestarting = false
  private var store: RocksDBEngine?
  private var server: NodeServer?
  /// What a node that starts again listens by.
  private var socket: ListeningSocket?
  /// Nil without etcd.
  private var registrar: NodeRegistrar?

  private static let drainTime = Duration.seconds(10)
  /// Of a node that starts again, for its hooks and then for what it still answers: who connects
  /// meanwhile waits at the socket, and those who forward requests wait no longer than 10 s.
  private static let restartDrainTime = Duration.seconds(3)
  /// How long a node that starts again lets those wait who connect, until it is registered.
  private static let registrationTime = Duration.seconds(5)
  private static let registrationLook = Duration.milliseconds(5)

  init(
    _ settings: ServiceSettings, process: ServiceProcess, advertise: String?, portFallback: Bool
  ) throws {
    self.settings = settings
    self.process = process
    self.advertise = advertise
    self.portFallback = portFallback
    endpoint = EndpointFile(directory: settings.data)
    retiredData = RetiredData(directory: settings.data)
  }

  func start() throws {
    let address = try settings.listenAddress()
    let tls = try process.secure(settings.tls)
    try retiredData.lock()
    if retiredData.isMarked {
      try retiredData.remove()
      process.logger.notice("the node that was here has left its cluster, so its data is removed")
    }
    process.notifier.starts("opens its store")
    let store = try settings.openStore(RetiredData.storeName)
    self.store = store
    var node = NodeRuntime.Settings()
    node.durability = settings.durability
    node.maximumValueBytes = settings.maxValueBytes
    node.forward = settings.forward
    node.handoverBytesPerSecond = settings.handoverRate.count
    node.cacheBytes = Int(clamping: settings.cacheBytes.count)
    node.moduleLimits = settings.modules.limits
    node.fuelBudget = settings.modules.fuelBudget
    node.wasmtimePath = settings.modules.wasmtime
    node.compressesHandover = settings.handoverCompression == .on
    node.tracing = settings.telemetry.tracing
    node.backupFolder = retiredData.backups
    let runtime = try NodeRuntime(
      ServedProgram.current.application, loop: process.loop, store: store,
      access: try process.access(settings), tls: tls,
      settings: node, logger: process.logger)
    runtime.onFailure = { [process] in process.finish(1) }
    runtime.onRetire = { [weak self] completion in self?.retire(completion) }
    runtime.onRestart = { [weak self] completion in self?.restart(completion) }
    registrar = try settings.etcd.map {
      NodeRegistrar(
        runtime, try $0.settings(), $0.keys, loop: process.loop, logger: process.logger)
    }
    let server = NodeServer(
      runtime: runtime, loop: process.loop,
      limits: settings.serverLimits)
    self.server = server
    let bound = try addressAsBefore(address) ?? listen(server, on: address)
    runtime.address = advertise ?? bound.description
    try endpoint.write(
      EndpointFile.Endpoint(
        address: runtime.address, processID: ProcessInfo.processInfo.processIdentifier))
    registrar?.start()
    if socket == nil {
      tellManager()
    } else {
      acceptAsBefore(until: .current() + NodeService.registrationTime)
    }
    process.logger.info("node \(runtime.node.id?.text ?? "without a cluster") listens on \(bound)")
  }

  private func tellManager() {
    process.notifier.serves { [weak self] in self?.server?.runtime.summary ?? "" }
  }

  /// A node that a launcher starts again asks for its address of before; when another program has
  /// taken that meanwhile, any port will do.
  private func listen(_ server: NodeServer, on address: SocketAddress) throws -> SocketAddress {
    do throws(TransportError) {
      return try server.listen(on: address)
    } catch {
      guard portFallback, address.port != 0 else { throw error }
      process.logger.warning("\(address) is taken (\(error)), so another port is used")
      var any = address
      any.port = 0
      return try server.listen(on: any)
    }
  }

  /// Where a node that starts again listens still: what connected meanwhile waits there. Nil when
  /// it does not, or is to listen elsewhere from now on.
  private func addressAsBefore(_ address: SocketAddress) -> SocketAddress? {
    guard let inherited = ProgramReplacement.inheritedSocket(), let before = inherited.address,
      before.host == address.host, address.port == 0 || address.port == before.port || portFallback
    else { return nil }
    socket = consume inherited
    return before
  }

  /// Accepts what waits at the socket of before: with etcd once the node is registered there, since
  /// it would refuse requests until then.
  private func acceptAsBefore(until: MonotonicTime) {
    guard let server, socket != nil, !isRestarting else { return }
    guard registrar?.isWaiting != true || MonotonicTime.current() >= until else {
      process.loop.schedule(after: NodeService.registrationLook) { [weak self] in
        self?.acceptAsBefore(until: until)
      }
      return
    }
    guard let socket = socket.take() else { return }
    do throws(TransportError) {
      _ = try server.listen(by: socket)
      tellManager()
    } catch {
      process.logger.critical("the node cannot listen any more: \(error)")
      process.finish(1)
    }
  }

  /// Answers what has come, then ends.
  func stop() {
    process.logger.info("the node stops")
    endpoint.remove()
    end()
  }

  private func end() {
    guard let server else { return process.finish() }
    let limit = isRestarting ? NodeService.restartDrainTime : NodeService.drainTime
    let drain = isRestarting ? limit : nil
    server.shutdown(within: limit, drain: drain) { [process, registrar] in
      guard let registrar else { return process.finish() }
      registrar.stop { process.finish() }
    }
  }

  /// The node has left: it answers so, ends, and starts again as a blank one.
  private func retire(_ completion: (Result<Void, ClusterError>) -> Void) {
    do {
      try retiredData.setMark()
    } catch {
      process.logger.error("\(error)")
      return completion(.failure(ClusterError(.storage, "\(error)")))
    }
    completion(.success(()))
    guard !isRetired else { return }
    isRetired = true
    process.logger.notice("the node has left its cluster; it starts again as a blank one")
    process.notifier.beginsAnew()
    stop()
  }

  /// The node answers what has come, and starts again: whoever connects meanwhile waits a moment.
  private func restart(_ completion: (Result<Void, ClusterError>) -> Void) {
    if let reason = ProgramReplacement.obstacle {
      process.logger.error("the node cannot start again: \(reason)")
      return completion(.failure(ClusterError(.conflict, reason)))
    }
    completion(.success(()))
    guard !isRestarting, !isRetired else { return }
    isRestarting = true
    do {
      if let own = try server?.listeningSocket() { socket = consume own }
    } catch {
      process.logger.warning("who connects while the node starts again is refused: \(error)")
    }
    process.logger.notice("the node starts again, as it was told to")
    process.notifier.beginsAnew()
    end()
  }

  /// Ends for good, also a node that is about to start again.
  func stopForGood() {
    isRetired = false
    isRestarting = false
    stop()
  }

  /// Lets the program begin anew, if that is how the node ended.
  /// - Throws: `ServiceFailure` when that fails, so that whoever runs it starts it again.
  func beginAnew() throws(ServiceFailure) {
    guard isRetired || isRestarting else { return }
    try ProgramReplacement.run(keeping: isRestarting ? socket.take() : nil)
  }

  func close() {
    if isRetired || isRestarting { process.notifier.suspendsWatchdog() }
    store?.close()
  }
}
