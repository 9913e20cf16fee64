public import Candid
import Placement

/// The one writer of the ring: which nodes there are, which node joins, and when ownership flips.
///
/// A value without I/O and clock: calls go in, `CoordinatorAction`s come out of `takeActions()`. It
/// works by levels, not edges: `advance` compares what the nodes report with what ought to be and
/// asks for the difference, so a lost message or a restart of any party only costs a repetition.
///
/// A join goes through these steps; before the decision any failure undoes it without a trace,
/// after it everything rolls forward: launch → module → initialise → prepare target, then sources →
/// copy → fence → **decide, durably** → flip the target → flip the rest → sources remove what
/// moved.
public struct CoordinatorMachine {
  public struct Settings: Sendable {
    /// Buckets of the ring: the most nodes a cluster can ever have at once.
    public var capacity = 1_024
    /// How long a step may take without progress, in milliseconds.
    public var launchTimeout: UInt64 = 30_000
    public var stepTimeout: UInt64 = 15_000
    public var copyStallTimeout: UInt64 = 60_000
    public var fenceTimeout: UInt64 = 5_000
    /// The pause after a node's process failed to start, doubled at each failure in a row.
    public var relaunchPause: UInt64 = 250
    public var longestRelaunchPause: UInt64 = 10_000

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
  /// The map before the decision, until the new node serves.
  var previousMap: ClusterMap?
  var requests: [UInt64: PendingRequest] = [:]
  var nextRequest: UInt64 = 0
  var persistedSequence: UInt64 = 0
  /// The state that carries the map as it is: nobody is told of a map that a crash could take back.
  var mapSequence: UInt64 = 0
  var lastPersist: UInt64 = 0
  var actions: [CoordinatorAction] = []

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
      // A change that was not decided is given up: its node is a stranger without data of its own.
      if change.isDecided {
        progress = ChangeProgress(step: .flippingTarget, since: 0)
      } else {
        self.state.undone.append(change.node)
        self.state.change = nil
        persist()
      }
    }
    for node in self.state.undone { actions.append(.destroy(node)) }
  }

  /// The map to route by: a decided one counts from when its new node serves.
  public var routingMap: ClusterMap { previousMap ?? state.map }

  public mutating func takeActions() -> [CoordinatorAction] {
    let taken = actions
    actions = []
    return taken
  }

  // MARK: - What the driver reports

  /// Gives an undecided change up, as the gateway is about to end.
  public mutating func giveUpChange(reason: String, now: UInt64) {
    guard progress?.step != .deciding else { return }
    failChange(reason, now: now)
  }

  /// Whether no request waits for its answer and nothing is decided but not yet told.
  public var isQuiet: Bool { requests.isEmpty && state.change == nil }

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
    nodes[node]?.report = nil
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
    view.report = nil
    if let request = view.request { requests[request] = nil }
    view.request = nil
    view.relaunchFailures += 1
    view.relaunchAt =
      now
      &+ min(
        settings.relaunchPause << min(view.relaunchFailures - 1, 16),
        settings.longestRelaunchPause)
    nodes[node] = view
    note("\(node.text) stopped: \(reason)")
    if let change = state.change, !change.isDecided, progress?.step != .deciding {
      // The new node starts over; a source has forgotten what changed since its copy began.
      failChange("\(node.text) stopped: \(reason)", now: now)
    }
  }

  /// What a `.destroy` action asked for is done.
  public mutating func destroyed(_ node: Principal) {
    guard state.undone.contains(node) else { return }
    state.undone.removeAll { $0 == node }
    persist()
  }

  /// A node answered `node_info`.
  public mutating func reported(_ node: Principal, _ report: NodeReport, now: UInt64) {
    guard nodes[node]?.address != nil else { return }
    nodes[node]?.report = report
    nodes[node]?.reportedAt = now
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
      progress?.answered(pending.message, by: pending.node)
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
      if case .uploadModule(let digest) = pending.message {
        nodes[pending.node]?.report?.moduleDigest = digest
      }
    case .failure(let error):
      nodes[pending.node]?.retryAt = now &+ 50
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
  }

  /// The state of a `.persist` action may not be durable: it is given out again, as it is now.
  public mutating func persistFailed(_ reason: String) {
    note("the coordinator's state could not be stored: \(reason)")
    persist()
  }

  /// The cluster's module was replaced: nodes that have another one get it.
  public mutating func moduleChanged(_ digest: [UInt8]) {
    state.moduleDigest = digest
    persist()
  }

  // MARK: - Requests of the scaler and of operators

  /// Whether no change is under way and every member is in its place.
  public var isSettled: Bool {
    guard state.change == nil, !nodes.isEmpty else { return false }
    return state.map.members.allSatisfy { nodes[$0]?.report.map(isSettled) ?? false }
  }

  private func isSettled(_ report: NodeReport) -> Bool {
    report.identity != nil && report.epoch == state.map.ring.epoch && !report.isPurging
      && report.handover == nil
  }

  /// Starts the join of a new node.
  /// - Returns: the id of the node to be.
  /// - Throws: `ClusterError` with code `.conflict` while another change is under way or the ring
  ///   is full.
  @discardableResult
  public mutating func addNode(reason: String, now: UInt64) throws(ClusterError) -> Principal {
    guard isSettled else {
      throw ClusterError(
        .conflict, "the ring is changing or a node is down; try again when it has settled")
    }
    guard state.map.members.count < settings.capacity else {
      throw ClusterError(
        .conflict, "the ring is full: it has \(settings.capacity) buckets, one for each node")
    }
    let node = Principal.canister(number: state.nextNumber)
    state.nextNumber += 1
    let epoch = state.nextEpoch
    state.nextEpoch += 1
    state.change = CoordinatorState.Change(node: node, epoch: epoch, isDecided: false)
    progress = ChangeProgress(step: .launching, since: now)
    nodes[node] = NodeView()
    persist()
    progress?.plan = lastPersist
    note("\(node.text) is to join at epoch \(epoch): \(reason)")
    return node
  }

  // MARK: - Helpers

  mutating func persist() {
    lastPersist += 1
    actions.append(.persist(sequence: lastPersist, state.encoded))
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

/// What a driver has to carry out for a `CoordinatorMachine`.
public enum CoordinatorAction {
  /// Make the bytes the stored state, then report the sequence.
  case persist(sequence: UInt64, [UInt8])
  /// Start the node's process, or find it running; report `nodeRunning` or `nodeStopped`.
  case launch(Principal, previousAddress: String?)
  /// End the node's process and remove its data: it never was a member. Report `destroyed`.
  case destroy(Principal)
  /// Send a message and report the answer by `replied`.
  case send(request: UInt64, to: Principal, address: String, CoordinatorMessage)
  /// Something for the log.
  case note(String)
}

/// What the coordinator asks of a node.
public enum CoordinatorMessage {
  case initialise(Principal, ClusterMap)
  case uploadModule(digest: [UInt8])
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
    case .initialise(let node, _): node == change.node
    case .prepare(let map): map.ring.epoch == change.epoch
    case .fence(let epoch): epoch == change.epoch
    case .uploadModule, .ringChanged, .abort: false
    }
  }
}
