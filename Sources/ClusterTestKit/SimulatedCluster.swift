import Candid
import Cluster
import Placement
import Storage

/// A whole cluster under simulation: what a seed decides, it decides the same way every time.
final class SimulatedCluster {
  let plan: SimulationPlan
  let simulator: Simulator
  let limits: NodeMachine.Limits
  let settings: CoordinatorMachine.Settings
  private(set) lazy var launcher = SimulatedLauncher(cluster: self)
  private(set) lazy var clients = SimulatedClients(cluster: self)
  private(set) var coordinator: SimulatedCoordinator?
  private let coordinatorDisk = SimulatedDisk()
  private var watch = ClusterWatch()

  init(plan: SimulationPlan, isTraced: Bool) {
    self.plan = plan
    simulator = Simulator(seed: plan.seed, isTraced: isTraced)
    var limits = NodeMachine.Limits()
    limits.heldMilliseconds = 1_500
    limits.heldRequests = 30
    limits.chunkEntries = 1 + Int(simulator.random.below(12))
    limits.sliceEntries = 1 + Int(simulator.random.below(24))
    limits.chunkBytes = 64 + Int(simulator.random.below(2_000))
    limits.chunksInFlight = 1 + Int(simulator.random.below(3))
    limits.fenceBacklog = Int(simulator.random.below(8))
    limits.checkpointBytes = Int(simulator.random.below(500))
    self.limits = limits
    var settings = CoordinatorMachine.Settings()
    settings.capacity = 16
    settings.launchTimeout = 1_500
    settings.stepTimeout = 1_500
    settings.copyStallTimeout = 1_500
    settings.fenceTimeout = 500
    settings.retirePause = 100
    settings.relaunchPause = 20
    settings.longestRelaunchPause = 300
    self.settings = settings
  }

  /// Runs with faults for a while, then without until the cluster has settled, and checks all of
  /// it.
  func run(faulty: UInt64 = 3_000_000, calm: UInt64 = 60_000_000) -> SimulationReport {
    do {
      let state = try CoordinatorState.fresh(
        hashKey: HashKey(simulator.random.next(), 2, 3, 4), capacity: settings.capacity)
      var batch = WriteBatch()
      batch.put(SimulatedCoordinator.stateKey, state.encoded)
      try coordinatorDisk.commit(batch)
    } catch {
      simulator.violated("the cluster cannot begin: \(error)")
    }
    startCoordinator()
    clients.start(clients: 6, pause: 10_000 + simulator.random.below(40_000))
    scheduleGrowth()
    scheduleKills(mean: 300_000 + simulator.random.below(2_000_000)) { $0.killNode() }
    scheduleKills(mean: 500_000 + simulator.random.below(4_000_000)) { $0.killCoordinator() }
    simulator.run(until: faulty)
    clients.isStopped = true
    simulator.faults = .none
    simulator.run(until: faulty + calm) { [self] in
      clients.outstanding == 0 && isSettled
    }
    // What expires does so within the longest TTL and a sweep.
    simulator.run(until: simulator.time + 1_700_000)
    if !isSettled { simulator.violated("the cluster does not settle: \(unsettled)") }
    checkAtRest()
    var isRead = false
    clients.readAll { isRead = true }
    simulator.run(until: simulator.time + 20_000_000) { isRead }
    if !isRead { simulator.violated("the keys cannot all be read") }
    defer { simulator.end() }
    return SimulationReport(
      plan: plan, violation: simulator.violation, simulatedTime: simulator.time,
      operations: clients.operations, faults: simulator.injected, changes: simulator.changes,
      events: simulator.eventCount, fingerprint: simulator.fingerprint, trace: simulator.trace)
  }

  // MARK: - Faults

  private var isFaulty: Bool { !clients.isStopped }

  private func scheduleGrowth() {
    simulator.after(simulator.random.below(400_000)) { [weak self] in
      guard let self, isFaulty else { return }
      changeRing()
      scheduleGrowth()
    }
  }

  private func changeRing() {
    let members = coordinator?.machine.state.map.members ?? []
    if simulator.random.chance(0.05) { coordinator?.cancelChange() }
    let shrinks = simulator.random.chance(0.1 + 0.15 * Double(members.count))
    let count = simulator.random.chance(0.3) ? 2 : 1
    guard shrinks else {
      coordinator?.addNodes(count)
      return
    }
    var leaving: [Principal] = []
    for _ in 0..<count {
      if let node = simulator.random.pick(members.filter { !leaving.contains($0) }) {
        leaving.append(node)
      }
    }
    coordinator?.removeNodes(leaving)
  }

  private func scheduleKills(mean: UInt64, _ kill: @escaping (SimulatedCluster) -> Void) {
    simulator.after(simulator.random.below(2 * mean)) { [weak self] in
      guard let self, isFaulty else { return }
      kill(self)
      scheduleKills(mean: mean, kill)
    }
  }

  private func killNode() {
    guard let node = simulator.random.pick(launcher.running) else { return }
    simulator.inject("node killed")
    launcher.kill(node)
  }

  private func killCoordinator() {
    guard let killed = coordinator else { return }
    simulator.inject("coordinator killed")
    killed.kill()
    launcher.forgetWatchers()
    coordinator = nil
    simulator.after(simulator.random.below(200_000)) { [weak self] in self?.startCoordinator() }
  }

  private func startCoordinator() {
    do {
      coordinator = try SimulatedCoordinator(disk: coordinatorDisk, cluster: self)
    } catch {
      simulator.violated("the coordinator cannot start: \(error)")
    }
  }

  // MARK: - Messages

  /// Calls a node at an address; whoever listens there when the message arrives gets it.
  func call(
    _ address: String, _ completion: @escaping SimulatedNode.Acknowledge,
    _ body: @escaping (SimulatedNode, @escaping SimulatedNode.Acknowledge) -> Void
  ) {
    let silence = ClusterError(.overloaded, "no answer in time")
    simulator.call(deadline: 400_000, timeout: .failure(silence)) { [weak self] answer in
      guard let node = self?.launcher.process(at: address) else {
        return answer(.failure(ClusterError(.overloaded, "the connection was refused")))
      }
      body(node, answer)
    } completion: {
      completion($0)
    }
  }

  func send(
    _ event: CanisterManagerEvent, to address: String,
    _ completion: @escaping SimulatedNode.Acknowledge
  ) {
    call(address, completion) { $0.handle(event, $1) }
  }

  // MARK: - Promises

  func checkServing(_ node: SimulatedNode) {
    guard node.isAlive, let broken = watch.changed(node, running: launcher.running) else { return }
    simulator.violated(broken)
  }

  func stopped(_ node: SimulatedNode) { watch.stopped(node) }

  /// The node's data is gone on purpose: it never was a member.
  func forget(_ node: Principal) { watch.forget(node) }

  private var isSettled: Bool {
    coordinator?.machine.isSettled == true && unsettled.isEmpty
  }

  private var unsettled: String {
    guard let coordinator else { return "there is no coordinator" }
    let machine = coordinator.machine
    guard machine.isSettled else {
      let reports = machine.state.map.members.map { member in
        machine.nodes[member]?.report.map { "\($0)" } ?? "no report"
      }
      return
        "the coordinator is busy with \(machine.state.change.map { "\($0)" } ?? "nothing"), "
        + "the reports are \(reports)"
    }
    let running = launcher.running
    guard running.map(\.id) == machine.state.map.members.sorted() else {
      return "running are \(running.map(\.id.text)), members \(machine.state.map.members)"
    }
    for node in running where node.machine.map != machine.state.map {
      return "\(node.id.text) has another map than the coordinator"
    }
    for node in running where node.machine.handoverStatus != nil || node.machine.isPurging {
      return "\(node.id.text) is still moving keys"
    }
    return ""
  }

  private func checkAtRest() {
    var homes: [[UInt8]: Principal] = [:]
    for node in launcher.running {
      do {
        let audit = try StoreAudit(node)
        if let wrong = audit.wrong { simulator.violated("\(node.id.text): \(wrong)") }
        for key in audit.keys {
          if homes.updateValue(node.id, forKey: key) != nil {
            simulator.violated("\(String(decoding: key, as: UTF8.self)) is stored twice")
          }
        }
      } catch {
        simulator.violated("\(node.id.text) cannot be audited: \(error)")
      }
    }
  }
}
