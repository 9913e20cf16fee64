import Candid
package import Cluster
package import HTTPTransport
package import Logging
import Placement
package import ScaledStorage
package import Storage
package import WireProtocol

/// Drives the coordinator's machine: keeps its state durable, launches nodes, watches their health,
/// carries its messages, and lets the cluster grow and shrink when the policy says so.
///
/// Where several gateways share a log, one leads and does all that. The others follow: their
/// machine only mirrors the state, so that they route, and tell how the cluster is.
package final class Coordinator {
  package internal(set) var machine: CoordinatorMachine
  let loop: EventLoop
  let archive: ModuleArchive
  /// This gateway's own: its modules, and its log where that is embedded.
  let store: any StorageEngine
  let log: any CoordinatorLog
  /// Nil while another gateway leads.
  private(set) var launcher: (any Launcher)?
  private let makeLauncher: (Coordinator) -> any Launcher
  private let settings: CoordinatorMachine.Settings
  private var gatewayAddress = ""
  /// Counts the times that this gateway began to lead: what was begun in one term does not count
  /// in the next.
  private(set) var term: UInt64 = 0
  let peers: PeerClient
  let tls: TLSContext?
  var scaler: Scaler
  let isDryRun: Bool
  let logger: Logger

  var pollsInFlight: Set<Principal> = []
  var polledAt: [Principal: MonotonicTime] = [:]
  var reports: [Principal: NodeInfo] = [:]
  var lastDecision: Scaler.Decision?
  package internal(set) var decisions = DecisionLog()
  /// The change that the last entry of ``decisions`` is about, until it is over.
  var epochUnderWay: UInt64?
  /// The change that was given up because somebody said so.
  var cancelledEpoch: UInt64?
  /// Whether ``decisions`` has the rolling restart that is under way.
  var areRestartsNoted = false
  private var isAdvanceScheduled = false
  private var ticker: TimerID?
  var isStopped = false
  var isDetaching = false
  /// When each node answered last, or began to run.
  var answeredAt: [Principal: MonotonicTime] = [:]
  /// Checks modules before the cluster gets them.
  package var loader: ModuleLoader {
    didSet { peers.allowTime(of: loader) }
  }
  /// The modules in ``archive``.
  var known: [[UInt8]: KnownModule] = [:]
  /// That of the wanted module.
  var interface: ModuleInterface?
  /// Those of the others that nodes may have while the wanted one comes to them.
  var earlierInterfaces: [ModuleInterface] = []
  /// The wanted module while it comes to the nodes, so that it is not read for each of them.
  var rollingModule: Module?
  /// How many uploads of each are not over yet.
  var arriving: [[UInt8]: Int] = [:]
  /// Those that are being fetched.
  var fetches: Set<[UInt8]> = []
  /// Who waits for a state to be durable.
  var durabilityWaits: [DurabilityWait] = []
  /// Called when the coordinator can only go on by starting again.
  package var onFailure: () -> Void = {}

  private static let tick = Duration.milliseconds(10)
  static let pollDeadline = Duration.seconds(2)
  static let hangTime = Duration.seconds(30)

  /// A coordinator whose state is in `store`: it alone leads.
  ///
  /// - Parameters: as the other initializer's.
  ///   - firstNode: the number of the first node of a new cluster.
  /// - Throws: `ClusterError` when the store cannot be read or was written by a newer program.
  package convenience init(
    loop: EventLoop, store: any StorageEngine, launcher: any Launcher, credentials: Credentials,
    tls: TLSContext? = nil, policy: ScalePolicy, isDryRun: Bool = false,
    settings: CoordinatorMachine.Settings = CoordinatorMachine.Settings(), firstNode: UInt64 = 1,
    logger: Logger
  ) throws(ClusterError) {
    let log = try EmbeddedLog(
      loop: loop, store: store, mayFound: launcher.isEmpty, capacity: settings.capacity,
      firstNode: firstNode)
    try self.init(
      loop: loop, log: log, store: store, credentials: credentials, tls: tls, policy: policy,
      isDryRun: isDryRun, settings: settings, logger: logger
    ) { _ in launcher }
  }

  /// - Parameters:
  ///   - store: this gateway's own, for modules.
  ///   - tls: the certificate and the authorities by which the cluster's programs know each other;
  ///     nil speaks plain text.
  ///   - isDryRun: whether the policy's decisions are only logged.
  ///   - makeLauncher: called each time that this gateway begins to lead.
  /// - Throws: `ClusterError` when the store cannot be read or written.
  package init(
    loop: EventLoop, log: any CoordinatorLog, store: any StorageEngine, credentials: Credentials,
    tls: TLSContext? = nil, policy: ScalePolicy, isDryRun: Bool = false,
    settings: CoordinatorMachine.Settings = CoordinatorMachine.Settings(), logger: Logger,
    makeLauncher: @escaping (Coordinator) -> any Launcher
  ) throws(ClusterError) {
    self.loop = loop
    self.log = log
    self.store = store
    self.settings = settings
    self.makeLauncher = makeLauncher
    archive = ModuleArchive(store)
    loader = ModuleLoader(loop: loop)
    scaler = Scaler(policy)
    self.isDryRun = isDryRun
    self.logger = logger
    self.tls = tls
    peers = PeerClient(loop: loop, credentials: credentials, tls: tls)
    machine =
      log.isLeading
      ? CoordinatorMachine(state: log.state, settings: settings)
      : CoordinatorMachine(observing: log.state, settings: settings)
    try restoreModules()
  }

  /// Begins to work, for a gateway that answers at `address`.
  package func start(gatewayAddress address: String) {
    gatewayAddress = address
    log.onEvent = { [weak self] event in self?.logged(event) }
    log.start(address: address)
    if log.isLeading { lead() }
    fetchModules()
    scheduleTick()
  }

  // MARK: - Who leads

  /// Whether this gateway leads at this moment.
  package var isLeading: Bool { launcher != nil && log.isLeading }

  /// Whether a gateway leads, as far as this one can know: without word from where that stands,
  /// what it knew holds for as long as the leader's lease.
  var knowsLeader: Bool {
    isLeading || log.leader != nil && log.silence ?? .zero < Coordinator.leaderTime
  }

  private static let leaderTime = Duration.seconds(10)

  /// Begins a term, with the machine as it is.
  private func lead() {
    term += 1
    launcher = makeLauncher(self)
    machine.gatewayListens(at: gatewayAddress)
    noteBeginning(by: .earlier, reason: "it was under way when the gateway began to lead")
    scheduleAdvance()
  }

  /// Ends the term, if there is one, and mirrors what others make of the cluster.
  private func follow(_ state: CoordinatorState) {
    if launcher != nil {
      term += 1
      launcher = nil
      machine = CoordinatorMachine(observing: state, settings: settings)
      giveUpDurability()
    } else {
      machine.observe(state)
    }
    noteEnd()
    noteRestarts()
    fetchModules()
  }

  private func logged(_ event: CoordinatorLogEvent) {
    guard !isStopped else { return }
    switch event {
    case .leads(let state):
      logger.notice("this gateway leads from now on, at epoch \(state.map.ring.epoch)")
      machine = CoordinatorMachine(state: state, settings: settings)
      scaler = Scaler(scaler.policy)
      lastDecision = nil
      lead()
      fetchModules()
    case .follows(let state):
      if launcher != nil { logger.warning("this gateway does not lead any more") }
      follow(state)
    case .persisted(let sequence):
      machine.persisted(sequence)
      noteDurability()
      scheduleAdvance()
    case .failed(let reason):
      machine.persistFailed(reason)
      scheduleAdvance()
    case .broken(let reason):
      logger.critical("the coordinator's log is broken, so the gateway stops: \(reason)")
      onFailure()
    }
  }

  /// Ends the nodes, then the coordinator; `done` is called once, on the loop.
  package func stop(nodesWithin limit: Duration, _ done: @escaping () -> Void) {
    guard !isStopped else { return done() }
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    stopNodes(within: limit) { [self] in
      peers.shutdown()
      log.close()
      done()
    }
  }

  private func stopNodes(within limit: Duration, _ done: @escaping () -> Void) {
    if let launcher {
      launcher.stopAll(within: limit, done)
    } else {
      loop.schedule(after: .zero, done)
    }
  }

  /// Kills the nodes, also amid `stop`, whose completion is then not called.
  package func killNodes(_ done: @escaping () -> Void) {
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    stopNodes(within: .zero, done)
  }

  /// Ends the coordinator and leaves the nodes as they are, for a later one to find.
  ///
  /// An undecided change is undone first, and a decided one told to all, so that no node is left
  /// with a fence: as far as that takes no longer than `limit`.
  package func detach(within limit: Duration, _ done: @escaping () -> Void) {
    guard !isStopped, !isDetaching else { return done() }
    isDetaching = true
    guard isLeading else { return end(done) }
    cancelledEpoch = machine.state.change?.epoch
    machine.cancelChange(reason: "the gateway stops", now: now)
    noteEnd()
    scheduleAdvance()
    detachWhenQuiet(until: loop.now + limit, done)
  }

  private func detachWhenQuiet(until: MonotonicTime, _ done: @escaping () -> Void) {
    guard machine.isQuiet || loop.now >= until || !isLeading else {
      loop.schedule(after: Coordinator.tick) { [self] in detachWhenQuiet(until: until, done) }
      return
    }
    end(done)
  }

  private func end(_ done: @escaping () -> Void) {
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    peers.shutdown()
    log.release { [self] in
      log.close()
      done()
    }
  }

  // MARK: - What the gateway's interface asks

  /// Members in the order in which they would best leave.
  func leavingOrder(of members: [Principal]) -> [Principal] {
    launcher?.leavingOrder(of: members) ?? members.reversed()
  }

  /// The map to route by.
  package var map: ClusterMap { machine.routingMap }

  // MARK: - The machine's driver

  var now: UInt64 { loop.now.nanoseconds / 1_000_000 }

  private func scheduleTick() {
    ticker = loop.schedule(after: Coordinator.tick) { [weak self] in
      guard let self, !isStopped else { return }
      pollHealth()
      scheduleAdvance()
      scheduleTick()
    }
  }

  func scheduleAdvance() {
    guard !isAdvanceScheduled, !isStopped else { return }
    isAdvanceScheduled = true
    loop.atEndOfTurn { [weak self] in
      guard let self else { return }
      isAdvanceScheduled = false
      guard !isStopped, isLeading else { return }
      scale()
      machine.advance(now: now)
      noteEnd()
      noteRestarts()
      if !machine.state.isModuleRolling { rollingModule = nil }
      for action in machine.takeActions() { perform(action) }
    }
  }

  private func perform(_ action: CoordinatorAction) {
    switch action {
    case .persist(let sequence, let bytes):
      log.submit(bytes, desired: machine.state.desired, sequence: sequence)
    case .launch(let node, let previous):
      launcher?.launch(node, previousAddress: previous) { [weak self, term] event in
        guard let self, self.term == term else { return }
        launcherReported(node, event)
      }
    case .destroy(let node):
      forget(node)
      launcher?.destroy(node) { [weak self, term] in
        guard let self, self.term == term else { return }
        machine.destroyed(node)
        scheduleAdvance()
      }
    case .send(let request, let node, let address, let message):
      send(message, to: node, at: address) { [weak self, term] result in
        guard let self, self.term == term else { return }
        machine.replied(request, result, now: now)
        scheduleAdvance()
      }
    case .restart(let node):
      launcher?.restart(node) { [weak self, term] result in
        guard let self, self.term == term else { return }
        machine.restartAnswered(node, result, now: now)
        scheduleAdvance()
      }
    case .note(let text):
      logger.info("\(text)")
    }
  }

  private func launcherReported(_ node: Principal, _ event: LauncherEvent) {
    guard !isStopped else { return }
    switch event {
    case .running(let address):
      machine.nodeRunning(node, address: address, now: now)
      polledAt[node] = nil
      answeredAt[node] = loop.now
    case .stopped(let reason):
      reports[node] = nil
      machine.nodeStopped(node, reason: reason, now: now)
    }
    pollHealth()
    scheduleAdvance()
  }

  private func send(
    _ message: CoordinatorMessage, to node: Principal, at address: String,
    _ completion: @escaping PeerClient.Completion
  ) {
    let epoch = machine.state.map.ring.epoch
    let send = { [peers] (event: CanisterManagerEvent) in
      peers.send(event, to: node, at: address, epoch: epoch, completion)
    }
    switch message {
    case .initialise(let node, let map):
      peers.initialise(node, map: map, at: address, completion)
    case .prepare(let map): send(.prepare(map))
    case .fence(let epoch): send(.fence(epoch: epoch))
    case .ringChanged(let map): send(.ringChanged(map))
    case .abort(let epoch): send(.abort(epoch: epoch))
    case .uploadModule(let digest, let revision):
      upload(digest, revision: revision, to: node, at: address, completion)
    }
  }
}
