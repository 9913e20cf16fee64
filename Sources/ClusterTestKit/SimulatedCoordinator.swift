import Candid
import Cluster
import Storage

/// One life of the coordinator: a `CoordinatorMachine`, and a driver that does what the gateway
/// does.
final class SimulatedCoordinator {
  private(set) var machine: CoordinatorMachine
  private(set) var isAlive = true

  private unowned let cluster: SimulatedCluster
  private let simulator: Simulator
  private let disk: SimulatedDisk
  private lazy var committer = SimulatedCommitter(simulator: simulator, disk: disk) {
    [unowned self] in persisted($0)
  }
  private var polls: Set<Principal> = []
  private var isAdvanceScheduled = false

  static let stateKey = Array("state".utf8)
  private static let tick: UInt64 = 20_000
  private static let deadline: UInt64 = 400_000

  init(disk: SimulatedDisk, cluster: SimulatedCluster) throws {
    self.disk = disk
    self.cluster = cluster
    simulator = cluster.simulator
    disk.reopen()
    guard let stored = try disk.get(SimulatedCoordinator.stateKey) else {
      throw ClusterError(.corruption, "the coordinator lost its state")
    }
    machine = CoordinatorMachine(
      state: try CoordinatorState(encoded: stored), settings: cluster.settings)
    tick()
  }

  private var now: UInt64 { simulator.moment.monotonic }

  /// Refused while the ring is changing, which is as good an answer.
  func addNodes(_ count: Int) {
    _ = try? machine.addNodes(count, reason: "by chance", now: now)
    scheduleAdvance()
  }

  func removeNodes(_ nodes: [Principal]) {
    try? machine.removeNodes(nodes, reason: "by chance", now: now)
    scheduleAdvance()
  }

  func cancelChange() {
    machine.cancelChange(reason: "by chance", now: now)
    scheduleAdvance()
  }

  /// kill -9.
  func kill() {
    isAlive = false
    committer.crash()
  }

  private func tick() {
    simulator.after(SimulatedCoordinator.tick) { [weak self] in
      guard let self, isAlive else { return }
      poll()
      scheduleAdvance()
      tick()
    }
  }

  private func scheduleAdvance() {
    guard !isAdvanceScheduled else { return }
    isAdvanceScheduled = true
    simulator.after(simulator.random.below(200)) { [weak self] in
      guard let self, isAlive else { return }
      isAdvanceScheduled = false
      machine.advance(now: now)
      for action in machine.takeActions() { perform(action) }
    }
  }

  private func perform(_ action: CoordinatorAction) {
    switch action {
    case .persist(let sequence, let bytes):
      var batch = WriteBatch()
      batch.put(SimulatedCoordinator.stateKey, bytes)
      committer.submit(batch, sequence: sequence)
    case .launch(let node, let address):
      cluster.launcher.launch(node, previousAddress: address) { [weak self] event in
        guard let self, isAlive else { return }
        switch event {
        case .running(let address): machine.nodeRunning(node, address: address, now: now)
        case .stopped: machine.nodeStopped(node, reason: "it ended", now: now)
        }
        scheduleAdvance()
      }
    case .destroy(let node):
      cluster.launcher.destroy(node)
    case .send(let request, _, let address, let message):
      send(message, to: address) { [weak self] result in
        guard let self, isAlive else { return }
        machine.replied(request, result, now: now)
        scheduleAdvance()
      }
    case .note(let text):
      if text.contains("has joined") { simulator.changes.add("joins done") }
      simulator.note("coordinator: \(text)")
    }
  }

  private func send(
    _ message: CoordinatorMessage, to address: String,
    _ completion: @escaping SimulatedNode.Acknowledge
  ) {
    switch message {
    case .initialise(let node, let map):
      cluster.call(address, completion) { $0.initialise(identity: node, map: map, $1) }
    case .prepare(let map): cluster.send(.prepare(map), to: address, completion)
    case .fence(let epoch): cluster.send(.fence(epoch: epoch), to: address, completion)
    case .ringChanged(let map): cluster.send(.ringChanged(map), to: address, completion)
    case .abort(let epoch): cluster.send(.abort(epoch: epoch), to: address, completion)
    case .uploadModule: simulator.violated("a module is uploaded that nobody has installed")
    }
  }

  private func persisted(_ outcome: CommitOutcome) {
    guard isAlive else { return }
    switch outcome.result {
    case .success:
      machine.persisted(outcome.sequences.upperBound)
      scheduleAdvance()
    case .failure(let error):
      simulator.after(100_000) { [weak self] in
        guard let self, isAlive else { return }
        committer.resume()
        machine.persistFailed(error.message)
        scheduleAdvance()
      }
    }
  }

  private func poll() {
    for (node, view) in machine.nodes.sorted(by: { $0.key < $1.key }) {
      // Not all at once, and less often than the tick.
      guard let address = view.address, simulator.random.chance(0.5),
        polls.insert(node).inserted
      else { continue }
      simulator.call(deadline: SimulatedCoordinator.deadline, timeout: NodeReport?.none) {
        [cluster] answer in
        answer(cluster.launcher.process(at: address)?.report)
      } completion: { [weak self] report in
        guard let self, isAlive else { return }
        polls.remove(node)
        guard let report else { return machine.reportFailed(node) }
        guard report.identity == nil || report.identity == node else { return }
        machine.reported(node, report, now: now)
        scheduleAdvance()
      }
    }
  }
}
