import Candid
import Cluster
import Storage

/// One life of the coordinator: a `CoordinatorMachine`, and a driver that does what the gateway
/// does.
final class SimulatedCoordinator {
  let process: SimulatedProcess
  private(set) var machine: CoordinatorMachine
  private var scaler: Scaler?

  private unowned let site: SimulatedSite
  private let simulator: Simulator
  private let committer: SimulatedCommitter
  private var polls: Set<Principal> = []
  private var isAdvanceScheduled = false
  /// The member to which a module is on its way.
  private var moduleReceiver: Principal?

  static let stateKey = Array("state".utf8)

  init(disk: SimulatedDisk, clock: SimulatedClock, site: SimulatedSite) throws {
    self.site = site
    simulator = site.simulator
    process = SimulatedProcess(simulator: simulator, clock: clock)
    disk.reopen()
    guard let stored = try disk.get(SimulatedCoordinator.stateKey) else {
      throw ClusterError(.corruption, "the coordinator lost its state")
    }
    machine = CoordinatorMachine(
      state: try CoordinatorState(encoded: stored), settings: site.settings)
    scaler = site.policy.map(Scaler.init)
    var outcome: ((CommitOutcome) -> Void)?
    committer = SimulatedCommitter(
      process: process, disk: disk, promisesEarly: site.mutation == .flipBeforeDurable
    ) { outcome?($0) }
    outcome = { [weak self] in self?.persisted($0) }
    tick()
  }

  private var now: UInt64 { process.moment.monotonic }

  func listen(at address: String) {
    machine.gatewayListens(at: address)
    scheduleAdvance()
  }

  /// Refused while the ring is changing, which is as good an answer.
  func addNodes(_ count: Int) {
    process.run { [self] in
      _ = try? machine.addNodes(count, reason: "by chance", now: now)
      scheduleAdvance()
    }
  }

  func removeNodes(_ nodes: [Principal]) {
    process.run { [self] in
      try? machine.removeNodes(nodes, reason: "by chance", now: now)
      scheduleAdvance()
    }
  }

  func cancelChange() {
    process.run { [self] in
      if machine.cancelChange(reason: "by chance", now: now) { simulator.changes.add("cancelled") }
      scheduleAdvance()
    }
  }

  /// Does now what somebody asks for.
  func carryOut(
    _ body: (inout CoordinatorMachine, UInt64) throws(ClusterError) -> Void
  ) throws(ClusterError) {
    try body(&machine, now)
    scheduleAdvance()
  }

  /// Does what the policy calls for. It may be refused, and is then called for again.
  private func scale() {
    switch scaler?.decide(machine, now: now) {
    case .grow(let count, let reason)?:
      _ = try? machine.addNodes(count, reason: reason, now: now)
    case .shrink(let nodes, let reason)?:
      try? machine.removeNodes(nodes, reason: reason, now: now)
    case .stay?, nil: break
    }
  }

  func installModule(_ digest: [UInt8]) {
    process.run { [self] in
      if (try? machine.installModule(digest)) != nil { simulator.changes.add("modules") }
      scheduleAdvance()
    }
  }

  func rollBackModule() {
    process.run { [self] in
      if (try? machine.rollBackModule()) != nil { simulator.changes.add("modules rolled back") }
      scheduleAdvance()
    }
  }

  /// kill -9.
  func kill() {
    process.kill()
    committer.crash()
  }

  private func tick() {
    process.after(machine.isSettled ? site.habits.idleTick : site.habits.tick) { [weak self] in
      self?.poll()
      self?.scheduleAdvance()
      self?.tick()
    }
  }

  private func scheduleAdvance() {
    guard !isAdvanceScheduled else { return }
    isAdvanceScheduled = true
    process.after(simulator.below(200, .loops)) { [weak self] in
      guard let self else { return }
      isAdvanceScheduled = false
      scale()
      machine.advance(now: now)
      for action in machine.takeActions() { perform(action) }
      site.observer?.noteChange(machine.state)
    }
  }

  private func perform(_ action: CoordinatorAction) {
    switch action {
    case .persist(let sequence, let bytes):
      var batch = WriteBatch()
      batch.put(SimulatedCoordinator.stateKey, bytes)
      committer.submit(batch, sequence: sequence)
    case .launch(let node, let address):
      site.launcher.launch(node, previousAddress: address) { [weak self] event in
        self?.process.run { [weak self] in self?.launched(node, event) }
      }
    case .destroy(let node):
      site.launcher.destroy(node)
      process.after(1_000) { [weak self] in
        self?.machine.destroyed(node)
        self?.scheduleAdvance()
      }
    case .send(let request, let node, let address, let message):
      send(message, to: node, address: address) { [weak self] result in
        guard let self else { return }
        machine.replied(request, result, now: now)
        scheduleAdvance()
      }
    case .restart(let node):
      site.launcher.running.first { $0.id == node }.map(site.launcher.kill)
      process.after(100) { [weak self] in
        guard let self else { return }
        machine.restartAnswered(node, .success(()), now: now)
      }
    case .note(let text):
      simulator.note("coordinator: \(text)")
    }
  }

  private func launched(_ node: Principal, _ event: SimulatedLauncher.Event) {
    switch event {
    case .running(let address): machine.nodeRunning(node, address: address, now: now)
    case .stopped:
      if moduleReceiver == node { moduleReceiver = nil }
      machine.nodeStopped(node, reason: "it ended", now: now)
    }
    scheduleAdvance()
  }

  private func send(
    _ message: CoordinatorMessage, to node: Principal, address: String,
    _ completion: @escaping SimulatedNode.Acknowledge
  ) {
    let event: CanisterManagerEvent
    switch message {
    case .initialise(let identity, let map):
      return site.call(.coordinator, process, to: .node(node), address: address, completion) {
        $0.initialise(identity: identity, map: map, $1)
      }
    case .prepare(let map): event = .prepare(map)
    case .fence(let epoch): event = .fence(epoch: epoch)
    case .ringChanged(let map): event = .ringChanged(map)
    case .abort(let epoch): event = .abort(epoch: epoch)
    case .uploadModule(let digest, let revision):
      return upload(
        SimulatedNode.StoredModule(digest: digest, revision: revision), to: node,
        address: address, completion)
    }
    let deliver = { [self] (completion: @escaping SimulatedNode.Acknowledge) in
      site.send(
        event, from: .coordinator, process, to: .node(node), address: address, completion)
    }
    guard site.mutation == .flipSourcesFirst, case .ringChanged = event,
      let change = machine.state.change, change.isDecided,
      change.leaving.isEmpty ? change.joining.contains(node) : !change.leaving.contains(node)
    else { return deliver(completion) }
    process.after(100) { completion(.success(())) }
    process.after(100_000) { deliver { _ in } }
  }

  private func upload(
    _ module: SimulatedNode.StoredModule, to node: Principal, address: String,
    _ completion: @escaping SimulatedNode.Acknowledge
  ) {
    if machine.state.map.contains(node) {
      if let moduleReceiver {
        simulator.violated("\(moduleReceiver.text) and \(node.text) get a module at once")
      }
      moduleReceiver = node
    }
    site.call(.coordinator, process, to: .node(node), address: address) { [weak self] result in
      if self?.moduleReceiver == node { self?.moduleReceiver = nil }
      completion(result)
    } _: {
      $0.take(module, $1)
    }
    for pause in site.mutation?.moduleRepeats ?? [] {
      simulator.after(pause) { [site, process] in
        site.call(.coordinator, process, to: .node(node), address: address, { _ in }) {
          $0.take(module, $1)
        }
      }
    }
  }

  private func persisted(_ outcome: CommitOutcome) {
    switch outcome.result {
    case .success:
      machine.persisted(outcome.sequences.upperBound)
      site.observer?.coordinatorPersisted()
      scheduleAdvance()
    case .failure(let error):
      process.after(100_000) { [weak self] in
        guard let self else { return }
        committer.resume()
        machine.persistFailed(error.message)
        scheduleAdvance()
      }
    }
  }

  private func poll() {
    for (node, view) in machine.nodes.sorted(by: { $0.key < $1.key }) {
      // Not all at once, and less often than the tick.
      guard let address = view.address, simulator.chance(site.habits.pollChance, .loops),
        polls.insert(node).inserted
      else { continue }
      site.network.call(
        from: .coordinator, to: .node(node), deadline: SimulatedSite.deadline,
        timeout: NodeReport?.none
      ) { [site] answer in
        guard let process = site.launcher.process(at: address) else { return answer(nil) }
        process.process.run { answer(process.report) }
      } completion: { [weak self] report in
        self?.process.run { [weak self] in self?.polled(node, view.carriedOut, report) }
      }
    }
  }

  private func polled(_ node: Principal, _ carriedOut: UInt64, _ report: NodeReport?) {
    polls.remove(node)
    guard let report else { return machine.reportFailed(node) }
    guard report.identity == nil || report.identity == node else { return }
    machine.reported(node, report, carriedOut: carriedOut, now: now)
    scheduleAdvance()
  }
}
