import Candid
import Cluster
import Placement
import Storage

/// Where a cluster runs under simulation: machines with disks, the network between them, and the
/// coordinator. What goes wrong there, who asks, and who judges is for others to say.
final class SimulatedSite {
  let simulator: Simulator
  let network: SimulatedNetwork
  let limits: NodeMachine.Limits
  let settings: CoordinatorMachine.Settings
  /// The wrong protocol that the programs run, if any.
  let mutation: Mutation?
  /// By which rules the cluster grows and shrinks by itself; nil: it does not.
  var policy: ScalePolicy?
  var habits = Habits()
  weak var observer: (any SiteObserver)?
  private(set) lazy var launcher = SimulatedLauncher(site: self)
  private(set) var coordinator: SimulatedCoordinator?
  let coordinatorDisk = SimulatedDisk()
  private var coordinatorLives: UInt64 = 0
  private var gatewayAddress = "gateway:0"

  /// How the programs behave where the protocol leaves it to them.
  struct Habits {
    /// Between two looks at what has become due, in microseconds.
    var tick: UInt64 = 20_000
    /// The same where nothing is under way.
    var idleTick: UInt64 = 20_000
    /// With which probability the coordinator asks a node for its health at a tick.
    var pollChance = 0.5
    /// Whether every other closure runs on the value where it lies, as plain calls of modules do.
    var changesInPlace = true
  }

  /// How long programs wait for each other's answers, in microseconds.
  static let deadline: UInt64 = 400_000

  init(
    simulator: Simulator, limits: NodeMachine.Limits, settings: CoordinatorMachine.Settings,
    mutation: Mutation? = nil
  ) {
    self.simulator = simulator
    self.limits = limits
    self.settings = settings
    self.mutation = mutation
    network = SimulatedNetwork(simulator: simulator)
  }

  /// Founds a cluster and starts its coordinator, which launches the first node.
  func begin(hashKey: HashKey, firstNode: UInt64 = 1) {
    do {
      let state = try CoordinatorState.fresh(
        hashKey: hashKey, capacity: settings.capacity, firstNode: firstNode)
      var batch = WriteBatch()
      batch.put(SimulatedCoordinator.stateKey, state.encoded)
      try coordinatorDisk.commit(batch)
    } catch {
      simulator.violated("the cluster cannot begin: \(error)")
    }
    startCoordinator()
  }

  // MARK: - The coordinator's life

  /// kill -9 of the coordinator; it starts again after `pause` microseconds.
  func killCoordinator(restartingAfter pause: UInt64) {
    guard let killed = coordinator else { return }
    killed.kill()
    launcher.forgetWatchers()
    coordinator = nil
    simulator.after(pause) { [weak self] in self?.startCoordinator() }
  }

  private func startCoordinator() {
    coordinatorLives += 1
    do {
      coordinator = try SimulatedCoordinator(
        disk: coordinatorDisk, clock: .random(simulator, number: 1_000_000 + coordinatorLives),
        site: self)
      observer?.coordinatorPersisted()
      // A gateway may come back at another address, of which all nodes are told.
      if simulator.chance(0.5, .launches) { gatewayAddress = "gateway:\(coordinatorLives)" }
      coordinator?.listen(at: gatewayAddress)
    } catch {
      simulator.violated("the coordinator cannot start: \(error)")
    }
  }

  // MARK: - Messages

  /// Calls a node at an address; whoever listens there when the message arrives gets it.
  func call(
    _ caller: Party, _ process: SimulatedProcess, to callee: Party, address: String,
    _ completion: @escaping SimulatedNode.Acknowledge,
    _ body: @escaping (SimulatedNode, @escaping SimulatedNode.Acknowledge) -> Void
  ) {
    let silence = ClusterError(.overloaded, "no answer in time")
    network.call(
      from: caller, to: callee, deadline: SimulatedSite.deadline, timeout: .failure(silence)
    ) { [weak self] answer in
      guard let node = self?.launcher.process(at: address) else {
        return answer(.failure(ClusterError(.overloaded, "the connection was refused")))
      }
      node.process.run { [weak node] in if let node { body(node, answer) } }
    } completion: { [weak process] result in
      process?.run { completion(result) }
    }
  }

  func send(
    _ event: CanisterManagerEvent, from caller: Party, _ process: SimulatedProcess,
    to callee: Party, address: String, _ completion: @escaping SimulatedNode.Acknowledge
  ) {
    call(caller, process, to: callee, address: address, completion) { $0.handle(event, $1) }
    for pause in mutation?.repeats(event) ?? [] {
      simulator.after(pause) { [weak self] in
        self?.call(caller, process, to: callee, address: address, { _ in }) { $0.handle(event, $1) }
      }
    }
  }
}

/// Who hears what happens at a site, at once.
protocol SiteObserver: AnyObject {
  /// A node may serve other keys than before.
  func checkServing(_ node: SimulatedNode)
  func stopped(_ node: SimulatedNode)
  /// The node's data is gone on purpose: it never was a member, or is none any more.
  func forget(_ node: Principal)
  /// A node may serve calls with another module than before.
  func checkModules()
  /// The coordinator's disk has another state.
  func coordinatorPersisted()
  /// The coordinator may have begun or ended a change, in whatever life.
  func noteChange(_ state: CoordinatorState)
  /// A node is about to end in an orderly way; it does once `done` is called.
  func willEnd(_ node: SimulatedNode, _ done: @escaping () -> Void)
  /// What a node tells of itself, with what only the observer knows.
  func completed(_ report: NodeReport, of node: SimulatedNode) -> NodeReport
}

extension SiteObserver {
  func checkModules() {}
  func coordinatorPersisted() {}
  func noteChange(_ state: CoordinatorState) {}
  func willEnd(_ node: SimulatedNode, _ done: @escaping () -> Void) { done() }
  func completed(_ report: NodeReport, of node: SimulatedNode) -> NodeReport { report }
}
