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
  private var store: RocksDBEngine?
  private var server: NodeServer?
  /// Nil without etcd.
  private var registrar: NodeRegistrar?

  private static let drainTime = Duration.seconds(10)

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
    registrar = try settings.etcd.map {
      NodeRegistrar(
        runtime, try $0.settings(), $0.keys, loop: process.loop, logger: process.logger)
    }
    let server = NodeServer(
      runtime: runtime, loop: process.loop,
      limits: settings.serverLimits)
    self.server = server
    let bound = try listen(server, on: address)
    runtime.address = advertise ?? bound.description
    try endpoint.write(
      EndpointFile.Endpoint(
        address: runtime.address, processID: ProcessInfo.processInfo.processIdentifier))
    registrar?.start()
    process.logger.info("node \(runtime.node.id?.text ?? "without a cluster") listens on \(bound)")
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

  /// Answers what has come, then ends.
  func stop() {
    process.logger.info("the node stops")
    endpoint.remove()
    guard let server else { return process.finish() }
    server.shutdown(within: NodeService.drainTime) { [process, registrar] in
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
    stop()
  }

  /// Ends for good, also a node that is about to start again.
  func stopForGood() {
    isRetired = false
    stop()
  }

  func close() {
    store?.close()
  }
}
