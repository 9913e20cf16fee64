package import Candid
package import Cluster
import Placement
import Storage

/// A whole cluster in one process, for tests of what runs on it: the machines of real programs on a
/// simulated network, disks and clocks, where nothing goes wrong by itself.
///
/// Time is virtual and passes only within ``run(within:until:)`` and ``advance(by:)``. What happens
/// is a function of the settings and of the calls. Not safe to use from several threads at once.
package final class InProcessCluster {
  package struct Settings {
    /// What decides all that is left to chance.
    package var seed: UInt64 = 1
    /// By which rules the cluster grows and shrinks by itself; nil: it does not.
    package var policy: ScalePolicy?
    package var limits = NodeMachine.Limits()
    /// The number of the first node.
    package var firstNode: UInt64 = 1

    package init() {}
  }

  let simulator: Simulator
  let site: SimulatedSite
  private var lives: [Principal: InProcessNode] = [:]
  private var pending: [UInt64: (node: InProcessNode, lose: () -> Void)] = [:]
  private var nextRequest: UInt64 = 0
  private let watcher = Watcher()
  private let mostNodes: Int
  private let firstNode: UInt64

  /// Called between any two events; what it does counts as happening at that time.
  package var betweenEvents: () -> Void = {}
  /// A node's process has started, has another map than before, or has ended.
  package var onStart: (InProcessNode) -> Void = { _ in }
  package var onMap: (InProcessNode) -> Void = { _ in }
  package var onEnd: (InProcessNode) -> Void = { _ in }
  /// A node is about to end in an orderly way; it does once the closure is called.
  package var onStop: (InProcessNode, @escaping () -> Void) -> Void = { _, done in done() }
  /// Changes what nodes report of their load.
  package var adjustLoad: (Principal, inout ScalePolicy.Load) -> Void = { _, _ in }

  private static let tick: UInt64 = 10_000
  /// How long `settle` lets things go on before it gives up.
  private static let patience = Duration.seconds(120)

  package init(_ settings: Settings) {
    var plan = SimulationPlan(seed: settings.seed)
    plan.without = Set(FaultKind.allCases)
    simulator = Simulator(plan: plan, isTraced: true)
    simulator.rates.calm()
    simulator.rates.longestDelay = 180
    simulator.rates.longestCommit = 180
    site = SimulatedSite(
      simulator: simulator, limits: settings.limits, settings: CoordinatorMachine.Settings())
    site.policy = settings.policy
    site.habits.tick = InProcessCluster.tick
    site.habits.idleTick = InProcessCluster.tick
    site.habits.pollChance = 1
    site.habits.changesInPlace = false
    firstNode = settings.firstNode
    mostNodes = settings.policy?.maximumNodes ?? .max
    watcher.cluster = self
    site.observer = watcher
  }

  /// Founds the cluster: its first node starts.
  package func begin() {
    func word() -> UInt64 { simulator.below(.max, .setup) }
    site.begin(hashKey: HashKey(word(), word(), word(), word()), firstNode: firstNode)
  }

  deinit { simulator.end() }

  // MARK: - Time

  /// Virtual time since the beginning.
  package var time: Duration { .microseconds(Int64(simulator.time)) }

  /// The last things that happened, in words.
  package var journal: [String] { simulator.journal.lines(about: nil) }

  /// Lets virtual time pass.
  /// - Throws: `ClusterError` when the cluster broke a promise of its own.
  package func advance(by duration: Duration) throws(ClusterError) {
    // Over a long time idle programs look less often whether something has become due.
    site.habits.idleTick = max(
      InProcessCluster.tick, min(5_000_000, duration.wholeMicroseconds / 100))
    defer { site.habits.idleTick = InProcessCluster.tick }
    try run(within: duration) { false }
  }

  /// Lets virtual time pass until `isDone`, at most for `duration`.
  /// - Returns: whether it is done.
  /// - Throws: `ClusterError` when the cluster broke a promise of its own.
  @discardableResult
  package func run(
    within duration: Duration, until isDone: () -> Bool
  ) throws(ClusterError) -> Bool {
    let (end, isFarAway) = simulator.time.addingReportingOverflow(duration.wholeMicroseconds)
    var wasDone = false
    simulator.run(until: isFarAway ? .max : end) {
      betweenEvents()
      wasDone = isDone()
      return wasDone
    }
    if let violation = simulator.violation {
      throw ClusterError(.corruption, "the cluster broke a promise of its own: \(violation)")
    }
    return wasDone || isDone()
  }

  /// Calls `event` after some virtual time.
  package func after(_ delay: Duration, _ event: @escaping () -> Void) {
    simulator.after(delay.wholeMicroseconds, event)
  }

  /// A number in `0 ..< bound`, by the seed.
  package func random(below bound: Int) -> Int {
    Int(simulator.below(UInt64(max(1, bound)), .setup))
  }

  // MARK: - Nodes

  /// The nodes that run, in the order of their ids.
  package var running: [InProcessNode] {
    site.launcher.running.compactMap { lives[$0.id] }
  }

  package func node(_ id: Principal) -> InProcessNode? { lives[id] }

  package func node(at address: String) -> InProcessNode? {
    site.launcher.process(at: address).flatMap { lives[$0.id] }
  }

  /// The map that the coordinator wants in force; nil while it is down.
  package var map: ClusterMap? { site.coordinator?.machine.routingMap }

  /// The members of the ring, in the order in which they joined; while the coordinator is down, as
  /// the nodes know them.
  package var members: [Principal] {
    map?.members ?? running.lazy.compactMap(\.map).max { $0.revision < $1.revision }?.members ?? []
  }

  /// kill -9 of a node. It starts again on its disk by itself, unless it is kept down.
  package func kill(_ node: Principal, isKeptDown: Bool) {
    if isKeptDown { site.launcher.keptDown.insert(node) }
    lives[node].map { site.launcher.kill($0.node) }
  }

  /// Lets a node that was kept down start again.
  package func allowStart(of node: Principal) { site.launcher.keptDown.remove(node) }

  /// Power fails: all programs end at once, and start again on what their disks have.
  package func crashAll() {
    site.killCoordinator(restartingAfter: 10_000)
    for node in running { site.launcher.kill(node.node) }
  }

  // MARK: - The ring

  /// Starts to bring the cluster to a number of nodes, as an operator does.
  /// - Throws: `ClusterError` that tells why not.
  package func beginScaling(to count: Int) throws(ClusterError) {
    guard count >= 1 else { throw ClusterError(.malformed, "a cluster has 1 node or more") }
    guard count <= mostNodes else {
      throw ClusterError(.conflict, "the policy allows \(mostNodes) nodes, not \(count)")
    }
    try change { (machine, now) throws(ClusterError) in
      let members = machine.state.map.members
      if count > members.count {
        try machine.addNodes(count - members.count, reason: "asked for by hand", now: now)
      } else if count < members.count {
        let leaving = Array(members.suffix(members.count - count).reversed())
        try machine.removeNodes(leaving, reason: "asked for by hand", now: now)
      }
      machine.askFor(nodes: count)
    }
  }

  /// Starts to retire members.
  /// - Throws: `ClusterError` that tells why not.
  package func beginRetiring(_ leaving: [Principal]) throws(ClusterError) {
    try change { (machine, now) throws(ClusterError) in
      try machine.removeNodes(leaving, reason: "asked for by hand", now: now)
      let rest = machine.state.map.members.count - leaving.count
      if Int(machine.state.nodesAskedFor ?? 0) > rest { machine.askFor(nodes: rest) }
    }
  }

  private func change(
    _ body: (inout CoordinatorMachine, UInt64) throws(ClusterError) -> Void
  ) throws(ClusterError) {
    guard let coordinator = site.coordinator else {
      throw ClusterError(.conflict, "the coordinator is down; let time pass")
    }
    try coordinator.carryOut(body)
  }

  /// Lets virtual time pass until nothing moves any more: no change of the ring is under way or
  /// called for, and every member is in its place.
  /// - Throws: `ClusterError` when that does not come about.
  package func settle() throws(ClusterError) {
    // Growth that the load calls for begins once the coordinator has heard of the load.
    let quiet = Duration.milliseconds(100)
    let end = time + InProcessCluster.patience
    var calmSince = time
    var epoch = map?.ring.epoch
    try run(within: InProcessCluster.patience) {
      if !site.isSettled || map?.ring.epoch != epoch { calmSince = time }
      epoch = map?.ring.epoch
      return time - calmSince >= quiet
    }
    guard time < end else {
      throw ClusterError(.conflict, "the cluster does not settle: \(site.unsettled)")
    }
  }

  // MARK: - Requests of clients

  /// What became of a request.
  package enum Delivery<Answer> {
    case answered(Answer)
    /// Nobody listened at the address: certainly nothing was done.
    case notDelivered
    /// The node ended before it answered: what it has done is not known.
    case lost
  }

  /// Asks whoever listens at `address`.
  ///
  /// - Parameters:
  ///   - serve: runs at the node when the request arrives, and answers through its argument.
  ///   - completion: called once, unless the node never answers.
  package func request<Answer>(
    at address: String, serve: @escaping (InProcessNode, @escaping (Answer) -> Void) -> Void,
    completion: @escaping (Delivery<Answer>) -> Void
  ) {
    nextRequest += 1
    let request = nextRequest
    let network = site.network
    guard let callee = node(at: address) else {
      return simulator.after(1_000) { completion(.notDelivered) }
    }
    network.send(from: .clients, to: .node(callee.id), mayDuplicate: false) { [weak self] in
      guard let self else { return }
      guard let node = node(at: address) else { return completion(.notDelivered) }
      pending[request] = (node, { completion(.lost) })
      node.note(request: time)
      serve(node) { [weak self] answer in
        network.send(from: .node(node.id), to: .clients, mayDuplicate: false) {
          guard self?.pending.removeValue(forKey: request) != nil else { return }
          completion(.answered(answer))
        }
      }
    }
  }

  // MARK: - What happens at the site

  fileprivate func turned(_ node: SimulatedNode) {
    let life: InProcessNode
    if let known = lives[node.id], known.node === node {
      life = known
    } else {
      life = InProcessNode(node, cluster: self)
      lives[node.id] = life
      onStart(life)
    }
    if life.noteMap() { onMap(life) }
  }

  fileprivate func stopped(_ node: SimulatedNode) {
    guard let life = lives[node.id], life.node === node else { return }
    lives[node.id] = nil
    for (request, entry) in pending.sorted(by: { $0.key < $1.key }) where entry.node === life {
      pending[request] = nil
      simulator.after(200) { entry.lose() }
    }
    onEnd(life)
  }

  fileprivate func willEnd(_ node: SimulatedNode, _ done: @escaping () -> Void) {
    guard let life = lives[node.id], life.node === node else { return done() }
    onStop(life, done)
  }

  fileprivate func completed(_ report: NodeReport, of node: SimulatedNode) -> NodeReport {
    var report = report
    report.requestsPerSecond = lives[node.id]?.requestsPerSecond(at: time) ?? 0
    var load = report.load
    adjustLoad(node.id, &load)
    report.keys = load.keys
    report.bytes = load.bytes
    report.requestsPerSecond = load.requestsPerSecond
    report.utilisation = load.utilisation
    report.latencyP99 = load.latencyP99
    return report
  }

  private final class Watcher: SiteObserver {
    weak var cluster: InProcessCluster?

    func checkServing(_ node: SimulatedNode) { cluster?.turned(node) }
    func stopped(_ node: SimulatedNode) { cluster?.stopped(node) }
    func forget(_ node: Principal) {}
    func willEnd(_ node: SimulatedNode, _ done: @escaping () -> Void) {
      cluster?.willEnd(node, done) ?? done()
    }
    func completed(_ report: NodeReport, of node: SimulatedNode) -> NodeReport {
      cluster?.completed(report, of: node) ?? report
    }
  }
}

extension Duration {
  /// Rounded up; 0 for negative ones.
  var wholeMicroseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, isFar) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
    let part = UInt64((attoseconds + 999_999_999_999) / 1_000_000_000_000)
    let (sum, isFarther) = whole.addingReportingOverflow(part)
    return isFar || isFarther ? .max : sum
  }
}
