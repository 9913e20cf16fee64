import Candid
package import Cluster
import Glibc
package import HTTPTransport
package import Logging
import Placement
package import Storage
package import WasmRuntime
import WireProtocol

/// The life of a node in its cluster: initialisation, events, the module, health.
package final class NodeRuntime {
  package let node: Node
  package let application: Application
  let settings: Settings
  /// Who may do what here.
  package let access: AccessControl
  let tls: TLSContext?
  private let logger: Logger
  let modules: ModuleHost
  let loader: ModuleLoader
  var upload: ModuleUpload
  /// Why the stored module does not run.
  var loadProblem: Problem?
  /// What that module would answer.
  var missingInterface: ModuleInterface?
  /// That of the map under which the last module was sent.
  var moduleRevision: UInt64 = 0
  /// Modules that were given to the store, and whether a restart may find another than the one that
  /// runs.
  var installs: UInt64 = 0
  var isStoredModuleUncertain = false
  let meter: WorkMeter
  /// What requests are counted as.
  let kinds: RequestKinds
  let slowFigures: SlowFigureReader
  let backups: NodeBackups
  let tracer: Tracer
  /// Seconds since 1970.
  let startedAt = Double(WallClock.milliseconds) / 1_000
  let me = BackReference<NodeRuntime>()
  /// Drawn at each start.
  package let incarnation: UInt64
  private var isShuttingDown = false
  /// The keys as methods and hooks reach them, and the hooks; there once a server answers for them.
  private(set) var keySpace: (any KeySpace)?
  private var hooks: HookRunner?
  /// The address by which clients and other nodes reach this node, as `host:port`. It is set once
  /// the node listens.
  package var address = "" {
    didSet {
      tracer.name(address)
      startHooks()
    }
  }

  package struct Settings: Sendable {
    package var durability = Durability.fsync
    package var maximumValueBytes = 1 << 20
    /// Whether requests for keys of other nodes are answered with a forward response or fetched.
    package var forward = ForwardMode.return
    /// Buckets of the ring, when this node founds a cluster.
    package var capacity = 1_024
    package var version = scaledStorageVersion
    /// Bytes a second that a handover may send; 0 is without bound.
    package var handoverBytesPerSecond: UInt64 = 0
    /// Bytes of memory for records that were read or written lately; 0 reads each from the store.
    package var cacheBytes = 64 << 20
    /// What the module may take, and fuel that its calls may use in a second.
    package var moduleLimits = WasmLimits()
    package var fuelBudget: UInt64 = 2_000_000_000
    /// Wasmtime's library; nil looks for it at the usual places.
    package var wasmtimePath: String?
    /// Whether what a handover sends is compressed where that makes it smaller.
    package var compressesHandover = false
    /// Where data is set aside for backups, on the disk of the store; nil refuses backups.
    package var backupFolder: String?

    package var tracing = TracingSettings()

    package init() {}
  }

  /// Opens the node that lives in `store`.
  ///
  /// - Parameters:
  ///   - access: who may do what, with the cluster's credentials.
  ///   - tls: the certificate and the authorities by which the cluster's programs know each other;
  ///     nil speaks plain text.
  /// - Throws: `ClusterError` when the store cannot be read.
  package init(
    _ application: Application = .builtIn, loop: EventLoop, store: any StorageEngine,
    access: AccessControl, tls: TLSContext? = nil, settings: Settings, logger: Logger
  ) throws(ClusterError) {
    self.settings = settings
    self.access = access
    self.tls = tls
    self.logger = logger
    self.application = application
    var limits = NodeMachine.Limits()
    limits.handoverBytesPerSecond = settings.handoverBytesPerSecond
    limits.cacheBytes = settings.cacheBytes
    node = try Node(
      loop: loop, store: store, durability: settings.durability, credentials: access.credentials,
      tls: tls, limits: limits, compressesHandover: settings.compressesHandover, logger: logger)
    meter = WorkMeter(loop: loop)
    kinds = RequestKinds(NodeServer.ownMethods + application.methods.keys.sorted())
    slowFigures = SlowFigureReader(loop: loop, store: store)
    backups = NodeBackups(
      node, store: store, folder: settings.backupFolder, version: settings.version)
    tracer = Tracer(
      loop: loop, settings: settings.tracing, service: "scaled-storage-node", kinds: kinds,
      quiet: NodeServer.ownMethods, logger: logger)
    var generator = SystemRandomNumberGenerator()
    incarnation = generator.next() >> 11
    modules = ModuleHost(
      budget: FuelBudget(perSecond: settings.fuelBudget, loop: loop), kinds: kinds,
      logger: logger)
    var moduleLimits = settings.moduleLimits
    moduleLimits.valueBytes = settings.maximumValueBytes
    loader = ModuleLoader(loop: loop, limits: moduleLimits, libraryPath: settings.wasmtimePath)
    upload = loader.newUpload
    node.peers.allowTime(of: loader)
    me.set(self)
    modules.id = node.id?.bytes ?? []
    try readModuleRevision()
    try loadStoredModule()
  }

  deinit { me.clear() }

  /// A node that starts again runs its module before it answers anything. Without its module it
  /// serves everything else.
  private func loadStoredModule() throws(ClusterError) {
    guard let module = try Module.stored(node.stored) else { return }
    do throws(Problem) {
      modules.adopt(try modules.prepare(try loader.loadNow(module)))
    } catch {
      loadProblem = error
      missingInterface = try? ModuleInterface(reading: module)
      logger.error("the module cannot run, so its calls are refused: \(error.detail)")
    }
  }

  /// Called when the node cannot go on, but can start again from what is stored.
  package var onFailure: () -> Void {
    get { node.onFailure }
    set { node.onFailure = newValue }
  }

  /// Called when the node is to forget all it has: once it is certain that nothing of it will be
  /// found again, the completion is called. Without one the node refuses.
  package var onRetire: (@escaping (Result<Void, ClusterError>) -> Void) -> Void {
    get { node.onRetire }
    set { node.onRetire = newValue }
  }

  /// Called when the node is to start again, with the program as it is on disk: once it is certain
  /// to, the completion is called, and the node ends.
  package var onRestart: (@escaping (Result<Void, ClusterError>) -> Void) -> Void = { completion in
    completion(
      .failure(ClusterError(.conflict, "this program is started again by whoever started it")))
  }

  /// Called when the node has got its identity, which is in `node.id` from then on.
  package var onIdentity: () -> Void = {}

  /// Whether what is stored here has been claimed by a cluster.
  package var isInitialised: Bool { node.id != nil }

  // MARK: - Control

  /// `init_canister_manager`: makes this node a member of the cluster that the arguments tell of;
  /// without arguments, the first node of a new cluster.
  package func initialise(
    _ param: InitCanisterManagerParam, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let args = param.args else {
      foundCluster(completion)
      return
    }
    guard let id = args.node, let map = args.map else {
      completion(
        .failure(
          ClusterError(
            .malformed,
            "the arguments name no node and map: the gateway sends them; "
              + "to found a cluster of one node call (record { args = null })")))
      return
    }
    initialise(id, map, completion)
  }

  private func initialise(
    _ id: Principal, _ map: ClusterMap,
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    node.initialise(identity: id, map: map) { [me] result in
      if case .success = result {
        me.target?.modules.id = id.bytes
        me.target?.onIdentity()
        me.target?.hooks?.initialised()
        me.target?.startHooks()
      }
      completion(result)
    }
  }

  private func foundCluster(_ completion: @escaping (Result<Void, ClusterError>) -> Void) {
    guard node.id == nil else {
      completion(
        .failure(
          ClusterError(.alreadyInitialised, "this node already belongs to a cluster")))
      return
    }
    let id = Principal.canister(number: application.firstNode)
    do throws(ClusterError) {
      let map = try ClusterMap.founding(
        id, address: address, hashKey: .random(), capacity: settings.capacity)
      initialise(id, map, completion)
    } catch {
      completion(.failure(error))
    }
  }

  /// `handle_event`.
  package func handle(
    _ event: CanisterManagerEvent, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    node.handle(event, completion)
  }

  /// `retire_node`: forgets all that is stored here, of a node that is no member of its cluster any
  /// more, as the map shows.
  package func retire(
    _ map: ClusterMap, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    node.retire(map, completion)
  }

  /// `restart_node`: ends and starts again on what is stored here.
  func restart(
    _ order: RestartOrder, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    if let wanted = order.incarnation, wanted != incarnation {
      // The order is late: the node that was meant has started again.
      return completion(.success(()))
    }
    guard node.handoverStatus == nil else {
      return completion(
        .failure(ClusterError(.overloaded, "keys are on their way; try again when they have moved"))
      )
    }
    onRestart(completion)
  }

  package var hasModule: Bool { modules.loaded != nil }

  // MARK: - Hooks

  /// Lets methods and hooks of the service reach the keys, through this client to other nodes.
  func serve(by client: HTTPClient) {
    let space = NodeKeySpace(
      node, client: client, access: access, application: application,
      maximumValueBytes: settings.maximumValueBytes)
    keySpace = space
    hooks = HookRunner(application.hooks, space, loop: node.loop) { [me] sentence in
      me.target?.logFailure(sentence)
    }
    node.onEpochChange = { [me] in me.target?.hooks?.ringChanged() }
  }

  private func startHooks() {
    guard isInitialised, !address.isEmpty else { return }
    hooks?.started()
  }

  func logFailure(_ sentence: String) {
    logger.error("\(sentence)")
  }

  /// The service's last hooks; `done` is called when they have ended, or after `limit`.
  func stopHooks(within limit: Duration, _ done: @escaping () -> Void) {
    guard let hooks else { return done() }
    var isDone = false
    let end = {
      guard !isDone else { return }
      isDone = true
      done()
    }
    hooks.stopping(end)
    if !isDone { node.loop.schedule(after: limit, end) }
  }

  // MARK: - Health

  /// `node_info`.
  package var nodeInfo: NodeInfo {
    let map = node.map
    let neighbours = node.id.flatMap { id in map?.neighbours(of: id) }
    let statistics = node.statistics
    return NodeInfo(
      allNodes: map?.members.map(\.text) ?? [], previousNode: neighbours?.previous,
      nextNode: neighbours?.next, status: status, cyclesBalance: modules.budget.remaining,
      node: node.id, size: statistics.keys, bytes: statistics.bytes,
      epoch: map?.ring.epoch ?? 0, revision: map?.revision ?? 0,
      ringDigest: map?.digestText ?? "", requestsPerSecond: meter.requestsPerSecond,
      moduleSHA256: reportedModule.map(SHA256.hexadecimal), version: settings.version,
      durability: "\(settings.durability)", isPurging: node.isPurging,
      handover: node.handoverStatus, incarnation: incarnation,
      processID: UInt32(clamping: getpid()), idleNanoseconds: meter.unusedNanoseconds,
      fuelUsed: modules.meter.fuelUsed,
      moduleMethods: modules.meter.methodUses.map { name, use in
        MethodUse(name: name, calls: use.calls, failures: use.failures, fuel: use.fuel)
      }, latencyP50: meter.latencies.map { $0.median.wholeMicroseconds },
      latencyP99: meter.latencies.map { $0.slowestHundredth.wholeMicroseconds },
      cluster: node.id == nil ? nil : map?.clusterID)
  }

  package var status: NodeStatus {
    if isShuttingDown { return .shutDown }
    guard isInitialised, node.isFenced else { return node.status }
    return .fenced(Node.fenced.message)
  }

  /// Tells the answers' times of `server` as this node's.
  func measure(_ server: HTTPServer) {
    meter.answerTimes = server.answerTimes
    tracer.follow(server)
  }

  package func countRequest() {
    meter.countRequest()
  }

  /// The request that was counted last is none of a user.
  package func discountRequest() {
    meter.discountRequest()
  }

  /// Announces the end; `stop()` of the node follows when its requests are answered.
  package func beginShutdown() {
    isShuttingDown = true
  }
}

/// The version of this program.
package let scaledStorageVersion = "0.1.0"

/// What happens to a request for a key that lives elsewhere.
package enum ForwardMode: String, Hashable, Sendable, CaseIterable {
  /// The client gets the owner's address and asks there.
  case `return`
  /// The answer is fetched for the client.
  case proxy
}
