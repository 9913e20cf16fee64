public import Candid
import Placement

/// The one writer of the ring: which nodes there are, who joins or leaves, when ownership flips.
///
/// A value without I/O and clock: calls go in, `CoordinatorAction`s come out of `takeActions()`. It
/// works by levels, not edges: `advance` compares what the nodes report with what ought to be and
/// asks for the difference, so a lost message or a restart of any party only costs a repetition.
///
/// A change goes through these steps; before the decision it can be undone without a trace, after
/// it everything rolls forward: launch → module → initialise → prepare the targets, then the
/// sources → copy → fence → **decide, durably** → flip the targets → flip the rest → sources remove
/// what moved → the instances of nodes that left end. A restart of any party resumes it.
public struct CoordinatorMachine {
  public struct Settings: Sendable {
    /// Buckets of the ring: the most nodes a cluster can ever have at once.
    public var capacity = 1_024
    /// How long a step may take without progress, in milliseconds.
    public var launchTimeout: UInt64 = 30_000
    public var stepTimeout: UInt64 = 15_000
    public var copyStallTimeout: UInt64 = 60_000
    public var fenceTimeout: UInt64 = 5_000
    /// How long a node that has left still tells clients where its keys are now.
    public var retirePause: UInt64 = 1_000
    /// The pause after a node's process failed to start, doubled at each failure in a row.
    public var relaunchPause: UInt64 = 250
    public var longestRelaunchPause: UInt64 = 10_000
    /// The pause after a node refused a module, doubled at each refusal in a row.
    public var moduleRetryPause: UInt64 = 2_000
    public var longestModuleRetryPause: UInt64 = 30_000
    /// How long a roll waits for a node that refused the module and is down.
    public var modulePatience: UInt64 = 30_000
    /// How long a node may take to come back from its turn of a rolling restart, or the members to
    /// be ready for it.
    public var restartTimeout: UInt64 = 60_000
    /// The pause after a node could not be told to start again.
    public var restartPause: UInt64 = 1_000
    /// How long a node that has started again is to stay ready before the next one's turn.
    public var restartDwell: UInt64 = 3_000

    public init() {}
  }

  public let settings: Settings
  public internal(set) var state: CoordinatorState
  public internal(set) var nodes: [Principal: NodeView] = [:]
  /// When the ring changed last, and when a change failed last, on the monotonic clock.
  public internal(set) var lastChangeAt: UInt64?
  public internal(set) var failures: UInt64 = 0
  public internal(set) var lastFailureAt: UInt64?
  public internal(set) var lastFailure: String?

  var progress: ChangeProgress?
  /// The map before the decision, until the new owners serve.
  var previousMap: ClusterMap?
  var requests: [UInt64: PendingRequest] = [:]
  var nextRequest: UInt64 = 0
  var persistedSequence: UInt64 = 0
  /// Since the last state that became durable.
  private var failedPersists: UInt64 = 0
  /// The state that carries the map as it is: nobody is told of a map that a crash could take back.
  var mapSequence: UInt64 = 0
  var lastPersist: UInt64 = 0
  /// Nodes to destroy once the state that says so is durable.
  var departing: [(sequence: UInt64, node: Principal)] = []
  /// Changes that are given up, once that is durable.
  var aborting: [(sequence: UInt64, epoch: UInt64)] = []
  var actions: [CoordinatorAction] = []
  var restartTurn: RestartTurn?
  /// The processes that nodes have since their turns.
  var restartedIncarnations: [Principal: UInt64] = [:]

  /// What is known of one node at this moment; lost at a restart, and learned again.
  public struct NodeView: Sendable {
    public enum Process: Hashable, Sendable {
      case stopped
      case launching(since: UInt64)
      case running(address: String)
    }

    public internal(set) var process = Process.stopped
    public internal(set) var report: NodeReport?
    public internal(set) var reportedAt: UInt64?
    /// How many requests this node has carried out: what it reported before the last is outdated.
    public internal(set) var carriedOut: UInt64 = 0
    /// Whether the report is as the node gave it, and not completed by what it has done since.
    var isReportWhole = false
    /// Why the node has not taken the module that it was offered last.
    public internal(set) var moduleFailure: ModuleFailure?
    /// Why its process ended last; nil while it runs.
    var lastStop: String?
    var relaunchAt: UInt64 = 0
    var relaunchFailures: UInt64 = 0
    /// The request that this node has not answered yet: there is one at a time.
    var request: UInt64?
    var retryAt: UInt64 = 0

    public var address: String? {
      if case .running(let address) = process { address } else { nil }
    }
  }

  struct PendingRequest {
    var node: Principal
    var message: CoordinatorMessage
  }

  /// A fresh cluster, or the one that `state` tells of.
  public init(state: CoordinatorState, settings: Settings = Settings()) {
    self.state = state
    self.settings = settings
    for node in state.map.members { nodes[node] = NodeView() }
    if let change = state.change {
      for node in change.joining + change.leaving { nodes[node] = NodeView() }
      progress = ChangeProgress(
        step: change.isDecided ? .flippingTargets : .launching, isResumed: true)
    }
    for node in self.state.departed { actions.append(.destroy(node)) }
    adoptStoredModule()
  }

  /// The map to route by: a decided one counts from when its new owners serve.
  public var routingMap: ClusterMap { previousMap ?? state.map }

  /// The revision of ``routingMap``, without a copy of the map.
  public var routingRevision: UInt64 { previousMap?.revision ?? state.map.revision }

  /// Where the instance of a node that is to be launched is found.
  public func origin(of node: Principal) -> NodeOrigin {
    if state.map.contains(node) {
      if state.isBootstrapped { return .member }
      return state.map.addresses[node] == nil ? .new : .perhapsGiven
    }
    if state.change?.leaving.contains(node) == true { return .member }
    // Where it was given to, only that instance can tell.
    return progress?.isResumed == true ? .member : .new
  }

  public mutating func takeActions() -> [CoordinatorAction] {
    let taken = actions
    actions = []
    return taken
  }

  // MARK: - What the driver reports

  /// The gateway answers at `address`: nodes that hear of a newer epoch ask there.
  public mutating func gatewayListens(at address: String) {
    guard state.map.coordinator != address else { return }
    state.map.coordinator = address
    state.map.revision += 1
    persist()
    mapSequence = lastPersist
  }

  /// A node's process was found or launched, and answers at `address`.
  public mutating func nodeRunning(_ node: Principal, address: String, now: UInt64) {
    guard nodes[node] != nil else { return }
    nodes[node]?.process = .running(address: address)
    nodes[node]?.relaunchFailures = 0
    nodes[node]?.lastStop = nil
    nodes[node]?.report = nil
    if let change = state.change, !change.isDecided, change.joining.contains(node) {
      return targetMoved(node, to: address, now: now)
    }
    guard state.map.contains(node), state.map.addresses[node] != address else { return }
    state.map.addresses[node] = address
    state.map.revision += 1
    persist()
    mapSequence = lastPersist
    note("\(node.text) is at \(address)")
  }

  /// A node's process ended or could not be started.
  public mutating func nodeStopped(_ node: Principal, reason: String, now: UInt64) {
    guard var view = nodes[node] else { return }
    view.process = .stopped
    view.lastStop = reason
    view.report = nil
    let pending = view.request.flatMap { requests.removeValue(forKey: $0) }
    view.request = nil
    view.relaunchFailures += 1
    view.relaunchAt =
      now
      &+ min(
        settings.relaunchPause << min(view.relaunchFailures - 1, 16),
        settings.longestRelaunchPause)
    nodes[node] = view
    if case .uploadModule(let digest, _)? = pending?.message {
      moduleRefused(digest, by: node, "it ended while it took the module: \(reason)", now: now)
    }
    note("\(node.text) stopped: \(reason)")
  }

  /// What a `.destroy` action asked for is done.
  public mutating func destroyed(_ node: Principal) {
    guard state.departed.contains(node) else { return }
    state.departed.removeAll { $0 == node }
    persist()
  }

  /// A node answered `node_info`.
  ///
  /// - Parameter carriedOut: what ``NodeView/carriedOut`` was when it was asked. Reports and
  ///   answers may arrive in another order than they were given in.
  public mutating func reported(
    _ node: Principal, _ report: NodeReport, carriedOut: UInt64, now: UInt64
  ) {
    guard nodes[node]?.address != nil, nodes[node]?.carriedOut == carriedOut else { return }
    nodes[node]?.report = report
    nodes[node]?.reportedAt = now
    nodes[node]?.isReportWhole = true
    if report.identity == node { noteIdentity(of: node) }
  }

  private mutating func noteIdentity(of node: Principal) {
    guard !state.isBootstrapped, state.map.contains(node) else { return }
    state.isBootstrapped = true
    persist()
  }

  /// A node did not answer `node_info`.
  public mutating func reportFailed(_ node: Principal) {
    nodes[node]?.report = nil
  }

  /// A request of a `.send` action was answered or failed.
  public mutating func replied(
    _ request: UInt64, _ result: Result<Void, ClusterError>, now: UInt64
  ) {
    guard let pending = requests.removeValue(forKey: request) else { return }
    nodes[pending.node]?.request = nil
    switch result {
    case .success:
      nodes[pending.node]?.carriedOut += 1
      nodes[pending.node]?.isReportWhole = false
      if let change = state.change {
        progress?.answered(pending.message, by: pending.node, change: change)
      }
      if case .initialise(let node, let map) = pending.message {
        noteIdentity(of: node)
        nodes[node]?.report?.identity = node
        nodes[node]?.report?.epoch = map.ring.epoch
        nodes[node]?.report?.revision = map.revision
      }
      if case .ringChanged(let map) = pending.message {
        nodes[pending.node]?.report?.epoch = map.ring.epoch
        nodes[pending.node]?.report?.revision = map.revision
        nodes[pending.node]?.report?.handover = nil
        nodes[pending.node]?.report?.isPurging = true
      }
      if case .abort = pending.message { nodes[pending.node]?.report?.handover = nil }
      if case .uploadModule(let digest, _) = pending.message {
        moduleTaken(digest, by: pending.node)
      }
    case .failure(let error):
      if case .uploadModule(let digest, _) = pending.message {
        moduleRefused(digest, by: pending.node, error.message, now: now)
      } else {
        nodes[pending.node]?.retryAt = now &+ 50
      }
      note("\(pending.node.text) refused \(pending.message.name): \(error.message)")
      if let change = state.change, !change.isDecided, !error.isRetryable,
        pending.message.belongs(to: change)
      {
        failChange("\(pending.node.text): \(error.message)", now: now)
      }
    }
  }

  /// The state of a `.persist` action is durable.
  public mutating func persisted(_ sequence: UInt64) {
    persistedSequence = max(persistedSequence, sequence)
    if failedPersists > 0 {
      note("the coordinator's state is stored again")
      failedPersists = 0
    }
    while let next = departing.first, next.sequence <= persistedSequence {
      actions.append(.destroy(next.node))
      departing.removeFirst()
    }
    while let next = aborting.first, next.sequence <= persistedSequence {
      for node in state.map.members { request(.abort(epoch: next.epoch), to: node) }
      aborting.removeFirst()
    }
  }

  /// The last state that was given out by a `.persist` action.
  public var lastSequence: UInt64 { lastPersist }
  /// The last state that is durable.
  public var durableSequence: UInt64 { persistedSequence }

  /// The state of a `.persist` action may not be durable: it is given out again, as it is now.
  public mutating func persistFailed(_ reason: String) {
    // A full disk is tried again several times a second: told at the first, second, fourth … time.
    failedPersists += 1
    if failedPersists & (failedPersists - 1) == 0 {
      note(
        "the coordinator's state could not be stored (\(failedPersists) in a row): \(reason)")
    }
    persist()
  }

  // MARK: - Helpers

  mutating func persist() {
    lastPersist += 1
    actions.append(.persist(sequence: lastPersist, state.encoded))
  }

  /// Ends instances, and removes their data, once that is durable.
  mutating func discard(_ leaving: [Principal]) {
    state.departed += leaving
    for node in leaving { nodes[node] = nil }
    persist()
    departing += leaving.map { (lastPersist, $0) }
  }

  /// The nodes as the subject of a sentence, with its verb.
  func subject(_ nodes: [Principal]) -> String {
    nodes.map(\.text).joined(separator: ", ") + (nodes.count == 1 ? " is" : " are")
  }

  mutating func note(_ text: String) {
    actions.append(.note(text))
  }

  mutating func request(_ message: CoordinatorMessage, to node: Principal) {
    guard let view = nodes[node], let address = view.address, view.request == nil else { return }
    nextRequest += 1
    nodes[node]?.request = nextRequest
    requests[nextRequest] = PendingRequest(node: node, message: message)
    actions.append(.send(request: nextRequest, to: node, address: address, message))
  }
}

/// Where the instance of a node that is to be launched is found.
public enum NodeOrigin: Hashable, Sendable {
  /// None was ever asked to become it.
  case new
  /// One may have been asked to found the cluster with it.
  case perhapsGiven
  /// It may have keys: only the instance that holds it will do.
  case member
}

/// What a driver has to carry out for a `CoordinatorMachine`.
public enum CoordinatorAction {
  /// Make the bytes the stored state, then report the sequence.
  case persist(sequence: UInt64, [UInt8])
  /// Start the node's process, or find it running; report `nodeRunning` or `nodeStopped`.
  case launch(Principal, previousAddress: String?)
  /// End the node's process and remove its data: it is no member, or never was one, and nobody
  /// needs what it has. Report `destroyed`.
  case destroy(Principal)
  /// Send a message and report the answer by `replied`.
  case send(request: UInt64, to: Principal, address: String, CoordinatorMessage)
  /// Tell the node's instance to start again with the program as it is now; report
  /// `restartAnswered`.
  case restart(Principal)
  /// Something for the log.
  case note(String)
}

/// What the coordinator asks of a node.
public enum CoordinatorMessage {
  case initialise(Principal, ClusterMap)
  /// - Parameter revision: that of the map under which it is sent: nodes refuse what is late.
  case uploadModule(digest: [UInt8], revision: UInt64)
  case prepare(ClusterMap)
  case fence(epoch: UInt64)
  case ringChanged(ClusterMap)
  case abort(epoch: UInt64)

  var name: String {
    switch self {
    case .initialise: "its initialisation"
    case .uploadModule: "the module"
    case .prepare: "the preparation of a handover"
    case .fence: "the fence"
    case .ringChanged: "the ring"
    case .abort: "the abort of a handover"
    }
  }

  func belongs(to change: CoordinatorState.Change) -> Bool {
    switch self {
    case .initialise(let node, _): change.joining.contains(node)
    case .prepare(let map): map.ring.epoch == change.epoch
    case .fence(let epoch): epoch == change.epoch
    case .uploadModule, .ringChanged, .abort: false
    }
  }
}
