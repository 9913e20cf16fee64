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
package final class Coordinator {
  package internal(set) var machine: CoordinatorMachine
  let loop: EventLoop
  let archive: ModuleArchive
  let store: any StorageEngine
  private let committer: GroupCommitter
  let launcher: any Launcher
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
  /// Who waits for a state to be durable.
  private var durabilityWaits: [(sequence: UInt64, body: () -> Void)] = []
  /// Called when the coordinator can only go on by starting again.
  package var onFailure: () -> Void = {}

  private static let stateKey = Array("state".utf8)
  private static let tick = Duration.milliseconds(10)
  static let pollDeadline = Duration.seconds(2)
  static let hangTime = Duration.seconds(30)

  /// Reads the coordinator's state from `store`, or begins a new cluster there.
  ///
  /// - Parameters:
  ///   - tls: the certificate and the authorities by which the cluster's programs know each other;
  ///     nil speaks plain text.
  ///   - isDryRun: whether the policy's decisions are only logged.
  ///   - firstNode: the number of the first node of a new cluster.
  /// - Throws: `ClusterError` when the store cannot be read or was written by a newer program.
  package init(
    loop: EventLoop, store: any StorageEngine, launcher: any Launcher, credentials: Credentials,
    tls: TLSContext? = nil, policy: ScalePolicy, isDryRun: Bool = false,
    settings: CoordinatorMachine.Settings = CoordinatorMachine.Settings(), firstNode: UInt64 = 1,
    logger: Logger
  ) throws(ClusterError) {
    self.loop = loop
    self.store = store
    archive = ModuleArchive(store)
    loader = ModuleLoader(loop: loop)
    self.launcher = launcher
    scaler = Scaler(policy)
    self.isDryRun = isDryRun
    self.logger = logger
    self.tls = tls
    peers = PeerClient(loop: loop, credentials: credentials, tls: tls)
    let relay = CommitRelay(loop: loop)
    do throws(StorageError) {
      committer = try GroupCommitter(engine: store) { outcome in relay.deliver(outcome) }
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be opened: \(error.message)")
    }
    machine = try Coordinator.restore(
      store, launcher: launcher, settings: settings, firstNode: firstNode)
    try restoreModules()
    relay.onOutcome = { [weak self] outcome in self?.persisted(outcome) }
  }

  private static func restore(
    _ store: any StorageEngine, launcher: any Launcher, settings: CoordinatorMachine.Settings,
    firstNode: UInt64
  ) throws(ClusterError) -> CoordinatorMachine {
    let stored: [UInt8]?
    do throws(StorageError) {
      stored = try store.get(stateKey)
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be read: \(error.message)")
    }
    if let stored {
      return CoordinatorMachine(state: try CoordinatorState(encoded: stored), settings: settings)
    }
    guard launcher.isEmpty else {
      throw ClusterError(
        .corruption,
        "there are nodes here, but the coordinator's log that tells of them is missing; "
          + "put it back, or begin with an empty data directory")
    }
    let state = try CoordinatorState.fresh(
      hashKey: .random(), capacity: settings.capacity, firstNode: firstNode)
    // The first state, with the cluster's hash key, is durable before anything is built on it.
    var batch = WriteBatch()
    batch.put(stateKey, state.encoded)
    do throws(StorageError) {
      try store.commit(batch)
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be written: \(error.message)")
    }
    return CoordinatorMachine(state: state, settings: settings)
  }

  /// Begins to work, for a gateway that answers at `address`.
  package func start(gatewayAddress address: String) {
    machine.gatewayListens(at: address)
    noteBeginning(by: .earlier, reason: "it was under way when the gateway started")
    scheduleTick()
    scheduleAdvance()
  }

  /// Ends the nodes, then the coordinator; `done` is called once, on the loop.
  package func stop(nodesWithin limit: Duration, _ done: @escaping () -> Void) {
    guard !isStopped else { return done() }
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    launcher.stopAll(within: limit) { [self] in
      peers.shutdown()
      committer.close()
      done()
    }
  }

  /// Kills the nodes, also amid `stop`, whose completion is then not called.
  package func killNodes(_ done: @escaping () -> Void) {
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    launcher.stopAll(within: .zero, done)
  }

  /// Ends the coordinator and leaves the nodes as they are, for a later one to find.
  ///
  /// An undecided change is undone first, and a decided one told to all, so that no node is left
  /// with a fence: as far as that takes no longer than `limit`.
  package func detach(within limit: Duration, _ done: @escaping () -> Void) {
    guard !isStopped, !isDetaching else { return done() }
    isDetaching = true
    cancelledEpoch = machine.state.change?.epoch
    machine.cancelChange(reason: "the gateway stops", now: now)
    noteEnd()
    scheduleAdvance()
    detachWhenQuiet(until: loop.now + limit, done)
  }

  private func detachWhenQuiet(until: MonotonicTime, _ done: @escaping () -> Void) {
    guard machine.isQuiet || loop.now >= until else {
      loop.schedule(after: Coordinator.tick) { [self] in detachWhenQuiet(until: until, done) }
      return
    }
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    peers.shutdown()
    committer.close()
    done()
  }

  // MARK: - What the gateway's interface asks

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
      guard !isStopped else { return }
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
      var batch = WriteBatch()
      batch.put(Coordinator.stateKey, bytes)
      // A submission that is refused belongs to a failure whose outcome comes by the relay.
      do throws(StorageError) {
        try committer.submit(batch, sequence: sequence)
      } catch {
        logger.warning("the coordinator's state waits for its store: \(error.message)")
      }
    case .launch(let node, let previous):
      launcher.launch(node, previousAddress: previous) { [weak self] event in
        self?.launcherReported(node, event)
      }
    case .destroy(let node):
      forget(node)
      launcher.destroy(node) { [weak self] in
        self?.machine.destroyed(node)
        self?.scheduleAdvance()
      }
    case .send(let request, let node, let address, let message):
      send(message, to: node, at: address) { [weak self] result in
        guard let self else { return }
        machine.replied(request, result, now: now)
        scheduleAdvance()
      }
    case .restart(let node):
      launcher.restart(node) { [weak self] result in
        guard let self else { return }
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

  /// Calls `body`, never within, once what the machine has decided so far is durable.
  func onceDurable(_ body: @escaping () -> Void) {
    let sequence = machine.lastSequence
    guard sequence > machine.durableSequence else { return loop.atEndOfTurn(body) }
    durabilityWaits.append((sequence, body))
  }

  private func persisted(_ outcome: CommitOutcome) {
    switch outcome.result {
    case .success:
      machine.persisted(outcome.sequences.upperBound)
      let ready = durabilityWaits.filter { $0.sequence <= machine.durableSequence }
      durabilityWaits.removeAll { $0.sequence <= machine.durableSequence }
      for wait in ready { wait.body() }
      scheduleAdvance()
    case .failure(let error) where error.code != .noSpace:
      logger.critical("the coordinator's store is broken, so the gateway stops: \(error.message)")
      onFailure()
    case .failure(let error):
      loop.schedule(after: .milliseconds(200)) { [weak self] in
        guard let self, !isStopped else { return }
        committer.resume()
        machine.persistFailed(error.message)
        scheduleAdvance()
      }
    }
  }
}
