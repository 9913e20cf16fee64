import Candid
import Cluster
import Placement
import Storage

/// A whole cluster under simulation: what a plan decides, it decides the same way every time.
final class SimulatedCluster: SiteObserver {
  let plan: SimulationPlan
  let simulator: Simulator
  let site: SimulatedSite
  let workload: Workload
  /// Whether nothing goes wrong any more and nobody writes.
  private(set) var isCalm = false
  private var watch: ClusterWatch
  private var modules = ModuleWatch()
  private var lastModule: UInt8 = 0
  private var clients: [SimulatedClient] = []
  private var lastChange: CoordinatorState.Change?

  var network: SimulatedNetwork { site.network }
  var launcher: SimulatedLauncher { site.launcher }
  var coordinator: SimulatedCoordinator? { site.coordinator }

  init(plan: SimulationPlan, isTraced: Bool) {
    self.plan = plan
    let simulator = Simulator(plan: plan, isTraced: isTraced)
    self.simulator = simulator
    func below(_ bound: Int) -> Int { Int(simulator.below(UInt64(bound), .setup)) }
    var limits = NodeMachine.Limits()
    limits.heldMilliseconds = 1_500
    limits.heldRequests = 30
    limits.chunkEntries = 1 + below(12)
    limits.sliceEntries = 1 + below(24)
    limits.chunkBytes = 64 + below(2_000)
    limits.chunksInFlight = 1 + below(3)
    limits.fenceBacklog = below(8)
    limits.checkpointBytes = below(500)
    limits.handoverBytesPerSecond = below(3) == 0 ? UInt64(1_000 + below(20_000)) : 0
    // None, one that has to make room all the time, and one with room for everything.
    limits.cacheBytes = plan.mutation?.spoilsStatistics == true ? 0 : [0, 1_600, 1 << 20][below(3)]
    var settings = CoordinatorMachine.Settings()
    settings.capacity = 16
    settings.launchTimeout = 1_500
    settings.stepTimeout = 1_500
    settings.copyStallTimeout = 1_500
    settings.fenceTimeout = 500
    settings.retirePause = 100
    settings.relaunchPause = 20
    settings.longestRelaunchPause = 300
    settings.moduleRetryPause = 20
    settings.longestModuleRetryPause = 300
    settings.modulePatience = 400
    site = SimulatedSite(
      simulator: simulator, limits: limits, settings: settings, mutation: plan.mutation)
    let keys = 12 + below(60)
    workload = Workload(keys: min(plan.mostKeys ?? keys, keys))
    watch = ClusterWatch(keys: workload.keys)
    site.observer = self
  }

  /// Runs with faults for a while, then without until the cluster has settled, and checks all of
  /// it.
  func run() -> SimulationReport {
    begin()
    simulator.run(until: plan.faultyTime)
    calm()
    settle(within: 60_000_000) { [self] in !clients.contains { $0.isBusy } && site.isSettled }
    // What expires does so within the longest TTL and a sweep.
    simulator.run(until: simulator.time + 1_700_000)
    settle(within: 10_000_000) { [self] in site.isSettled }
    if !site.isSettled { simulator.violated("the cluster does not settle: \(site.unsettled)") }
    readAll()
    // What a slow clock lets expire only now is on its way to the disk.
    settle(within: 10_000_000) { [self] in site.isSettled }
    checkHistories()
    checkAtRest()
    defer { simulator.end() }
    return SimulationReport(
      plan: plan, violation: simulator.violation, simulatedTime: simulator.time,
      operations: workload.operations, faults: simulator.injected, changes: simulator.changes,
      undecided: undecided, events: simulator.eventCount, fingerprint: simulator.fingerprint,
      trace: simulator.journal.lines(about: wrongKey))
  }

  private func begin() {
    site.begin(hashKey: HashKey(simulator.below(.max, .setup), 2, 3, 4))
    let pause = 3_000 + simulator.below(15_000, .setup)
    clients = (0..<plan.clients).map { SimulatedClient(cluster: self, number: UInt64($0)) }
    for client in clients { client.start(pause: pause) }
    scheduleScaling(pause: 100_000 + simulator.below(400_000, .setup))
    scheduleModules(pause: 50_000 + simulator.below(1_000_000, .modules))
    scheduleFaults()
  }

  /// Ends all faults, and all writing.
  private func calm() {
    isCalm = true
    simulator.rates.calm()
    network.heal()
    for node in launcher.running {
      node.process.resume()
      node.process.jump(to: 0)
    }
    launcher.repairDisks()
    site.coordinatorDisk.repair()
    coordinator?.process.resume()
  }

  /// Looks now and then whether the cluster is as it should be.
  private func settle(within time: UInt64, _ isDone: () -> Bool) {
    let end = simulator.time + time
    while simulator.time < end, simulator.violation == nil, !isDone() {
      simulator.run(until: simulator.time + 10_000)
    }
  }

  private func readAll() {
    var isRead = false
    let reader = SimulatedClient(cluster: self, number: 500)
    reader.readAll { isRead = true }
    simulator.run(until: simulator.time + 60_000_000) { isRead }
    if !isRead { simulator.violated("the keys cannot all be read") }
  }

  // MARK: - Changes of the ring

  private func scheduleScaling(pause: UInt64) {
    simulator.after(simulator.below(2 * pause, .scaling)) { [weak self] in
      guard let self, !isCalm else { return }
      changeRing()
      scheduleScaling(pause: pause)
    }
  }

  private func changeRing() {
    let members = coordinator?.machine.state.map.members ?? []
    if simulator.chance(0.05, .scaling) { coordinator?.cancelChange() }
    let shrinks = simulator.chance(0.1 + 0.15 * Double(members.count), .scaling)
    let count = simulator.chance(0.3, .scaling) ? 2 : 1
    guard shrinks else {
      coordinator?.addNodes(count)
      return
    }
    var leaving: [Principal] = []
    for _ in 0..<count {
      if let node = simulator.pick(members.filter { !leaving.contains($0) }, .scaling) {
        leaving.append(node)
      }
    }
    coordinator?.removeNodes(leaving)
  }

  // MARK: - Modules

  private func scheduleModules(pause: UInt64) {
    simulator.after(simulator.below(2 * pause, .modules)) { [weak self] in
      guard let self, !isCalm else { return }
      if simulator.chance(0.3, .modules) {
        coordinator?.rollBackModule()
      } else {
        lastModule &+= 1
        coordinator?.installModule([lastModule])
      }
      scheduleModules(pause: pause)
    }
  }

  func checkModules() {
    if let broken = modules.brokenPromise(launcher.running) { simulator.violated(broken) }
  }

  func coordinatorPersisted() {
    guard let stored = try? site.coordinatorDisk.get(SimulatedCoordinator.stateKey),
      let state = try? CoordinatorState(encoded: stored),
      let broken = modules.persisted(state, running: launcher.running)
    else { return }
    simulator.violated(broken)
  }

  func noteChange(_ state: CoordinatorState) {
    if let ended = lastChange, state.change?.epoch != ended.epoch {
      let kind = ended.leaving.isEmpty ? "joins" : "leaves"
      let isDone = state.map.ring.epoch >= ended.epoch
      simulator.changes.add("\(kind) \(isDone ? "done" : "undone")")
    }
    lastChange = state.change
  }

  // MARK: - The coordinator's life

  func killCoordinator(_ kind: FaultKind) {
    guard coordinator != nil else { return }
    simulator.inject(kind)
    site.killCoordinator(restartingAfter: simulator.below(200_000, kind))
  }

  /// A disk, and the name of whose it is.
  func randomDisk(_ kind: FaultKind) -> (disk: SimulatedDisk, name: String)? {
    let nodes = launcher.running.map { ($0.disk, $0.id.text) }
    return simulator.pick(nodes + [(site.coordinatorDisk, "the coordinator")], kind)
  }

  // MARK: - Promises

  private(set) var undecided = 0
  private var wrongKey: Int?

  func checkServing(_ node: SimulatedNode) {
    guard node.isAlive, let stance = watch.stance(of: node), watch.isNew(stance, of: node) else {
      return
    }
    simulator.note("\(node.id.text) is at \(stance.words)")
    checkModules()
    guard let broken = watch.changed(node, to: stance) else { return }
    simulator.violated(broken)
  }

  func stopped(_ node: SimulatedNode) { watch.stopped(node) }

  func forget(_ node: Principal) { watch.forget(node) }

  private func checkHistories() {
    guard simulator.violation == nil else { return }
    var checker = LinearizabilityChecker()
    checker.clockUncertainty =
      simulator.injected[FaultKind.clockSkewed.rawValue]
        + simulator.injected[FaultKind.clockJumped.rawValue] > 0
      ? UInt64(2 * SimulatedClock.mostSkew) * 1_000 : 0
    for (key, history) in workload.histories.enumerated() {
      switch checker.check(history) {
      case .linearizable: break
      case .undecided: undecided += 1
      case .violated(_, let text):
        wrongKey = wrongKey ?? key
        simulator.violated("\(workload.name(of: key)): \(text)")
      }
    }
  }

  private func checkAtRest() {
    guard simulator.violation == nil else { return }
    var homes: [[UInt8]: Principal] = [:]
    for node in launcher.running {
      do {
        let audit = try StoreAudit(node, countsMatter: plan.mutation?.spoilsStatistics != true)
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
