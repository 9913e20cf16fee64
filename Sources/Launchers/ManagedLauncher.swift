package import Candid
package import Cluster
package import Gateway
package import HTTPTransport
package import Logging

/// Nodes as instances that a manager of this machine runs for the gateway, each on data of its own.
///
/// It asks the manager what there is, again and again, and compares that with what was launched: an
/// instance that runs already is adopted, whoever started it.
package final class ManagedLauncher: Launcher {
  private final class Tenant {
    enum Phase: Hashable {
      /// To be looked for, or started.
      case wanted
      case starting
      /// It is asked until it answers.
      case starts
      case runs(run: String, address: String)
    }

    let report: (LauncherEvent) -> Void
    let deadline: MonotonicTime
    var phase = Phase.wanted
    /// Looks that began earlier tell of the time before this phase.
    var since: UInt64
    var isAsked = false

    init(report: @escaping (LauncherEvent) -> Void, deadline: MonotonicTime, since: UInt64) {
      self.report = report
      self.deadline = deadline
      self.since = since
    }
  }

  /// Whether the node that an instance tells of belongs to this cluster, or to none.
  package var isOurs: (NodeInfo) -> Bool = { _ in true }
  /// Whether an instance without data may become the node: one that has keys would lose them.
  package var mayBeBlank: (Principal) -> Bool = { _ in true }
  private let manager: any InstanceManager
  private let loop: EventLoop
  private let probe: NodeProbe
  private let logger: Logger
  private var tenants: [Principal: Tenant] = [:]
  private var endings: [Principal: [() -> Void]] = [:]
  /// Those whose start the manager has not answered yet.
  private var starting: Set<Principal> = []
  private var timer: TimerID?
  private var isLooking = false
  private var isStopped = false
  /// Counts the looks.
  private var looks: UInt64 = 0
  /// What was said last of the manager, so that it is said once.
  private var remark: String?

  private static let usualInterval = Duration.seconds(1)
  private static let hastyInterval = Duration.milliseconds(100)
  private static let retryInterval = Duration.seconds(1)
  private static let launchTimeout = Duration.seconds(60)
  /// The same for a node that has data: its store may be large, and its disk slow.
  private static let openTimeout = Duration.seconds(300)
  private static let drainTimeout = Duration.seconds(15)

  /// - Parameter tls: what nodes are reached with; nil speaks plain text.
  package init(
    manager: any InstanceManager, loop: EventLoop, tls: TLSContext?, logger: Logger
  ) {
    self.manager = manager
    self.loop = loop
    self.logger = logger
    probe = NodeProbe(loop: loop, tls: tls)
  }

  // MARK: - Launcher

  package func launch(
    _ node: Principal, previousAddress: String?, _ report: @escaping (LauncherEvent) -> Void
  ) {
    guard tenants[node] == nil else { return }
    let timeout =
      previousAddress == nil ? ManagedLauncher.launchTimeout : ManagedLauncher.openTimeout
    tenants[node] = Tenant(report: report, deadline: loop.now + timeout, since: looks + 1)
    hurry()
  }

  package var isEmpty: Bool { manager.isEmpty }

  package func kill(_ node: Principal) { manager.kill(node) }

  package func destroy(_ node: Principal, _ done: @escaping () -> Void) {
    tenants[node] = nil
    guard endings[node] == nil else {
      endings[node]?.append(done)
      return
    }
    endings[node] = [done]
    // A start that is under way would make anew what is removed before its end.
    if !starting.contains(node) { look(beforeRemoving: node) }
  }

  /// Looks whose the instance is that runs under the node's name: another cluster's is left alone.
  private func look(beforeRemoving node: Principal) {
    // The gateway that leads next removes it.
    guard !isStopped else { return }
    manager.look(at: [node]) { [weak self] result in
      guard let self else { return }
      guard case .success(let instances) = result,
        case .running(_, let address?)? = instances[node]?.condition
      else { return remove(node) }
      probe.ask(at: address) { [weak self] result in
        guard let self else { return }
        guard case .success(let info) = result, !isOurs(info) else { return remove(node) }
        logger.error("\(address) is a node of another cluster, so it is not removed")
        removed(node)
      }
    }
  }

  private func removed(_ node: Principal) {
    for done in endings.removeValue(forKey: node) ?? [] { loop.schedule(after: .zero, done) }
  }

  private func remove(_ node: Principal) {
    manager.remove(node, within: ManagedLauncher.drainTimeout) { [weak self] result in
      guard let self else { return }
      switch result {
      case .success: removed(node)
      case .failure(let error):
        logger.error("\(node.text) cannot be removed yet: \(error.message)")
        loop.schedule(after: ManagedLauncher.retryInterval) { [weak self] in
          self?.look(beforeRemoving: node)
        }
      }
    }
  }

  package func restart(
    _ node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let tenant = tenants[node], case .runs = tenant.phase else {
      let error = ClusterError(.conflict, "\(node.text) does not run now, so it is not restarted")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    loop.schedule(after: .zero) { completion(.success(())) }
    manager.stop(node, within: ManagedLauncher.drainTimeout) { [weak self] result in
      guard let self, tenants[node] === tenant else { return }
      switch result {
      case .success: end(node, "it was asked to start again")
      case .failure(let error):
        logger.error("\(node.text) cannot be started again: \(error.message)")
      }
    }
  }

  package func stopAll(within limit: Duration, _ done: @escaping () -> Void) {
    isStopped = true
    if let timer { loop.cancel(timer) }
    probe.shutdown()
    let nodes = Array(tenants.keys)
    tenants = [:]
    var left = nodes.count
    guard left > 0 else {
      loop.schedule(after: .zero, done)
      return
    }
    for node in nodes {
      manager.stop(node, within: limit) { _ in
        left -= 1
        if left == 0 { done() }
      }
    }
  }

  // MARK: - What there is against what ought to be

  private func hurry() {
    if let timer { loop.cancel(timer) }
    timer = loop.schedule(after: .zero) { [weak self] in self?.look() }
  }

  private func look() {
    timer = nil
    guard !isStopped, !isLooking, !tenants.isEmpty else { return }
    isLooking = true
    looks += 1
    let look = looks
    manager.look(at: tenants.keys.sorted()) { [weak self] result in
      guard let self, !isStopped else { return }
      isLooking = false
      switch result {
      case .success(let instances):
        remark = nil
        for (node, tenant) in tenants.sorted(by: { $0.key < $1.key }) where look >= tenant.since {
          compare(node, tenant, instances[node])
        }
      case .failure(let error): lookFailed(error)
      }
      let isHasty = tenants.values.contains { tenant in
        if case .runs = tenant.phase { false } else { true }
      }
      let interval = isHasty ? ManagedLauncher.hastyInterval : ManagedLauncher.usualInterval
      if timer == nil {
        timer = loop.schedule(after: interval) { [weak self] in self?.look() }
      }
    }
  }

  private func lookFailed(_ error: ClusterError) {
    if remark != error.message { logger.error("\(error.message)") }
    remark = error.message
    // Those that run may go on; who waits is told why.
    for (node, tenant) in tenants where tenant.phase == .wanted && loop.now >= tenant.deadline {
      end(node, error.message)
    }
  }

  private func compare(_ node: Principal, _ tenant: Tenant, _ instance: ManagedInstance?) {
    switch (tenant.phase, instance?.condition) {
    case (.starting, _): break
    case (.wanted, .running), (.starts, .running(_, nil)):
      tenant.phase = .starts
      guard case .running(let run, let address?)? = instance?.condition else {
        return checkTime(node, tenant)
      }
      ask(node, tenant, run: run, address: address)
    case (.wanted, _): start(node, tenant)
    case (.starts, .running(let run, let address?)):
      ask(node, tenant, run: run, address: address)
    case (.starts, let condition), (.runs, let condition):
      checkRun(node, tenant, condition)
    }
  }

  private func checkRun(
    _ node: Principal, _ tenant: Tenant, _ condition: ManagedInstance.Condition?
  ) {
    switch condition {
    case nil: end(node, "its instance is gone")
    case .ended(let reason): end(node, "\(reason); see \(manager.whereToLook(node))")
    case .running(let run, let address):
      guard case .runs(let before, let place) = tenant.phase else { return }
      if run != before {
        end(node, "its instance was started again")
      } else if let address, address != place {
        end(node, "its instance is at another address")
      }
    }
  }

  private func start(_ node: Principal, _ tenant: Tenant) {
    tenant.phase = .starting
    logger.info("\(node.text) is started")
    starting.insert(node)
    manager.start(node) { [weak self] result in
      guard let self else { return }
      starting.remove(node)
      if endings[node] != nil { return look(beforeRemoving: node) }
      guard tenants[node] === tenant else { return }
      switch result {
      case .success:
        tenant.phase = .starts
        tenant.since = looks + 1
        hurry()
      case .failure(let error): end(node, error.message)
      }
    }
  }

  private func ask(_ node: Principal, _ tenant: Tenant, run: String, address: String) {
    guard !tenant.isAsked else { return }
    tenant.isAsked = true
    probe.ask(at: address) { [weak self] result in
      guard let self, tenants[node] === tenant else { return }
      tenant.isAsked = false
      switch result {
      case .success(let info):
        if let objection = objection(to: info, as: node, at: address) {
          return end(node, objection)
        }
        tenant.phase = .runs(run: run, address: address)
        tenant.since = looks + 1
        tenant.report(.running(address: address))
      case .failure(let error) where error.code == .conflict:
        end(node, error.message)
      case .failure: checkTime(node, tenant)
      }
    }
  }

  /// Why what answers cannot be the node; nil when it can.
  private func objection(to info: NodeInfo, as node: Principal, at address: String) -> String? {
    guard isOurs(info) else { return "\(address) is a node of another cluster" }
    guard let found = info.node else {
      return mayBeBlank(node)
        ? nil
        : "\(address) has no data, and \(node.text) has keys: bring its data there, and have it "
          + "start again"
    }
    return found == node ? nil : "\(found.text) answers at \(address) instead"
  }

  private func checkTime(_ node: Principal, _ tenant: Tenant) {
    guard loop.now >= tenant.deadline else { return }
    manager.kill(node)
    end(node, "it did not answer in time; see \(manager.whereToLook(node))")
  }

  private func end(_ node: Principal, _ reason: String) {
    guard let tenant = tenants.removeValue(forKey: node) else { return }
    tenant.report(.stopped(reason: reason))
  }
}
