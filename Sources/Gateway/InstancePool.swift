package import Candid
package import Cluster
package import HTTPTransport
package import Logging

/// What a pool of instances has to know of the cluster, and to tell its nodes.
package protocol InstancePoolCluster: NodeRestarter {
  /// Where a node that is to be launched comes from.
  func origin(of node: Principal) -> NodeOrigin
  /// Whether the node that an instance tells of belongs to this cluster, or to none.
  func isOurs(_ info: NodeInfo) -> Bool
  /// Whether the cluster has the node, or is about to.
  func knows(_ node: Principal) -> Bool
  /// How many nodes the cluster has, or is about to.
  var nodeCount: Int { get }
  /// Asks the instance at an address, whose node the cluster has no more, to forget it.
  func retire(
    _ node: Principal, at address: String,
    _ completion: @escaping (Result<Void, ClusterError>) -> Void)
}

/// Nodes on instances that others run: a service manager, a container engine, an orchestrator.
///
/// An instance is a `node` process that answers under a name of its own. It holds a node's data, or
/// is blank. To launch a node is to find the instance that holds it or, for a node that is new, to
/// take a blank one; the coordinator's `init_canister_manager` then claims it. A node that has left
/// is asked to forget all, and its instance is blank again. No instance is ever started or killed
/// here.
///
/// What an instance holds, it says itself (`node_info`), so that a gateway that starts again, and
/// instances that come back at other addresses, find each other. The rule that keeps data safe: a
/// node that may have been given to an instance once is never given to another one.
package final class InstancePool: Launcher {
  private final class Tenant {
    let report: (LauncherEvent) -> Void
    let deadline: MonotonicTime
    /// The instance where it runs; nil while it is looked for.
    var place: Int?
    /// What that instance was when it was taken.
    var incarnation: UInt64 = 0
    var address: SocketAddress?
    /// Whether it was told to start again, so that another incarnation is as it should be.
    var isRestarting = false

    init(report: @escaping (LauncherEvent) -> Void, deadline: MonotonicTime) {
      self.report = report
      self.deadline = deadline
    }
  }

  /// Asked when nodes come and go; set before the first launch.
  package weak var cluster: (any InstancePoolCluster)?
  let loop: EventLoop
  private let logger: Logger
  private let source: any InstanceSource
  private let watch: InstanceWatch
  private var tenants: [Principal: Tenant] = [:]
  /// The instance that each node was given to.
  private var given: [Principal: Int] = [:]
  private var endings: [Principal: [() -> Void]] = [:]
  /// When each of them began, and the round of looks after which what is seen is later.
  private var endedAt: [Principal: (time: MonotonicTime, round: UInt64)] = [:]
  /// Instances that were asked to forget their node, and which incarnation of each was.
  private var retiring: [Int: UInt64] = [:]
  /// What was said last of an instance, so that it is said once.
  private var remarks: [Int: String] = [:]

  /// How long an instance may be silent until its node counts as stopped.
  private static let patience = Duration.seconds(10)
  /// For how long it looks more often on account of an ending.
  private static let endingHaste = Duration.seconds(60)

  /// - Parameters:
  ///   - names: where the instances answer, as `HOST:PORT`, in the order in which blank ones are
  ///     taken.
  ///   - tls: what they are reached with; nil speaks plain text.
  package convenience init(
    names: [String], loop: EventLoop, tls: TLSContext?, logger: Logger
  ) {
    self.init(source: NamedInstances(names), loop: loop, tls: tls, logger: logger)
  }

  /// - Parameters:
  ///   - source: tells of the instances.
  ///   - tls: what they are reached with; nil speaks plain text.
  package init(
    source: any InstanceSource, loop: EventLoop, tls: TLSContext?, logger: Logger
  ) {
    self.loop = loop
    self.logger = logger
    self.source = source
    watch = InstanceWatch(loop: loop, tls: tls)
    watch.update(source.listings)
    source.onChange = { [weak self] in
      guard let self else { return }
      watch.update(self.source.listings)
      settle()
    }
    watch.onSight = { [weak self] in self?.settle() }
    watch.isOurs = { [weak self] info in self?.cluster?.isOurs(info) ?? true }
    watch.isHasty = { [weak self] in
      guard let self else { return false }
      return tenants.values.contains { $0.place == nil }
        || endedAt.values.contains { self.loop.now - $0.time < InstancePool.endingHaste }
    }
    watch.start()
    source.start()
  }

  deinit { source.stop() }

  // MARK: - Launcher

  package func launch(
    _ node: Principal, previousAddress: String?, _ report: @escaping (LauncherEvent) -> Void
  ) {
    guard tenants[node] == nil else { return }
    tenants[node] = Tenant(report: report, deadline: loop.now + source.launchTimeout)
    loop.schedule(after: .zero) { [weak self] in self?.settle() }
  }

  /// Whose instances these are is told by the hash key that they know: those of another cluster
  /// refuse this one.
  package var isEmpty: Bool { true }

  package func kill(_ node: Principal) {
    guard let place = tenants[node]?.place else { return }
    logger.error("\(watch[place].name) has to be started again by whoever runs it")
  }

  package func destroy(_ node: Principal, _ done: @escaping () -> Void) {
    tenants[node] = nil
    endings[node, default: []].append(done)
    endedAt[node] = (loop.now, watch.round)
    loop.schedule(after: .zero) { [weak self] in self?.settle() }
  }

  package var instances: InstanceSummary? { watch.summary }

  package func stopAll(within limit: Duration, _ done: @escaping () -> Void) {
    source.stop()
    watch.stop()
    loop.schedule(after: .zero, done)
  }

  package func leavingOrder(of members: [Principal]) -> [Principal] {
    guard source.isElastic else { return members.reversed() }
    let ranks = Dictionary(uniqueKeysWithValues: zip(watch.indices, watch.indices.indices))
    // Those that have no instance now come last: they cannot leave.
    let placed = members.map { node in
      (node: node, rank: tenants[node]?.place.flatMap { ranks[$0] } ?? -1)
    }
    return placed.sorted { ($1.rank, $1.node) < ($0.rank, $0.node) }.map(\.node)
  }

  package func restart(
    _ node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let tenant = tenants[node], let place = tenant.place, let cluster else {
      let error = ClusterError(.overloaded, "no instance holds \(node.text) at this moment")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    let name = watch[place].name
    if source.isElastic { return source.restart(name, completion) }
    cluster.orderRestart(of: node) { result in
      if case .success = result { tenant.isRestarting = true }
      completion(
        result.mapError { error in
          guard error.code == .unknownMethod else { return error }
          return ClusterError(
            .unknownMethod,
            "\(name) runs a program that cannot start itself again; whoever runs it has to")
        })
    }
  }

  // MARK: - What is seen against what ought to be

  private func settle() {
    for (node, tenant) in tenants.sorted(by: { $0.key < $1.key }) {
      if let place = tenant.place {
        check(node, tenant, at: place)
      } else {
        place(node, tenant)
      }
    }
    for index in watch.indices { retireStranger(at: index) }
    finishEndings()
    tellNeeds()
  }

  private func tellNeeds() {
    guard source.isElastic, let cluster else { return }
    let places = Set(tenants.values.compactMap(\.place))
    let occupied = watch.indices.filter { index in
      if places.contains(index) { return true }
      return switch watch[index].sight {
      case .holds, .foreign: true
      case .unseen, .silent, .blank: false
      }
    }
    let searching = tenants.values.count { $0.place == nil }
    source.need(
      InstanceNeeds(
        occupied: occupied.map { watch[$0].name }, searching: searching,
        isSettled: searching == 0 && endings.isEmpty && tenants.count >= cluster.nodeCount))
  }

  /// Whether the node's instance still is what it was.
  private func check(_ node: Principal, _ tenant: Tenant, at place: Int) {
    let instance = watch[place]
    switch instance.sight {
    case .unseen: break
    case .holds(node, let incarnation):
      let holders = holders(of: node)
      if holders.count > 1 { remarkCopies(of: node, at: holders) }
      if tenant.isRestarting, incarnation != tenant.incarnation,
        instance.address == tenant.address
      {
        tenant.isRestarting = false
        tenant.incarnation = incarnation
      } else if incarnation != tenant.incarnation {
        end(node, "\(instance.name) was started again")
      } else if instance.address != tenant.address {
        end(node, "\(instance.name) is at another address")
      }
    // Blank until the coordinator's message comes.
    case .blank(tenant.incarnation): break
    case .blank: end(node, "\(instance.name) was started again, without its data")
    case .holds(let other, _), .foreign(let other, _):
      end(node, "\(instance.name) holds \(other.text) now")
    case .silent(let since, let reason):
      guard loop.now - since >= InstancePool.patience else { return }
      end(node, "\(instance.name) does not answer: \(reason)")
    }
  }

  private func place(_ node: Principal, _ tenant: Tenant) {
    let holders = holders(of: node)
    if holders.count == 1 { return begin(node, tenant, at: holders[0]) }
    guard holders.isEmpty else {
      remarkCopies(of: node, at: holders)
      if loop.now >= tenant.deadline { end(node, "more than one instance holds it") }
      return
    }
    if let choice = blank(for: node) { return begin(node, tenant, at: choice) }
    if loop.now >= tenant.deadline || isHopeless(node) {
      end(node, "no instance can be it: \(watch.summary.sentence)")
    }
  }

  private func holders(of node: Principal) -> [Int] {
    watch.indices.filter { watch[$0].sight.node == node && !watch.isAlias($0) }
  }

  private func remarkCopies(of node: Principal, at places: [Int]) {
    let names = places.map { watch[$0].name }.joined(separator: " and ")
    remark(places[0], "\(node.text) is held by \(names): stop the one whose data is the copy")
  }

  /// A blank instance that may become the node.
  private func blank(for node: Principal) -> Int? {
    guard let cluster else { return nil }
    let choices: [Int]
    if let before = given[node] {
      // Its message may still be on its way there.
      choices = cluster.origin(of: node) == .member ? [] : [before]
    } else {
      switch cluster.origin(of: node) {
      case .member: return nil
      case .perhapsGiven where !watch.seesAll: return nil
      case .perhapsGiven, .new: choices = watch.indices
      }
    }
    let taken = Set(tenants.values.compactMap { $0.place == nil ? nil : $0.incarnation })
    // In the order of the list, also while the first looks are under way.
    return choices.prefix { watch[$0].sight != .unseen }.first { index in
      guard case .blank(let incarnation) = watch[index].sight, !watch[index].isLeaving
      else { return false }
      return !taken.contains(incarnation)
    }
  }

  /// Whether waiting is in vain: all instances answer, and none will do.
  private func isHopeless(_ node: Principal) -> Bool {
    !source.isElastic && watch.seesAll && cluster?.origin(of: node) == .new
      && !watch.indices.contains { watch[$0].sight.isBlank }
  }

  private func begin(_ node: Principal, _ tenant: Tenant, at place: Int) {
    guard let address = watch[place].address, let incarnation = watch[place].sight.incarnation
    else { return }
    tenant.place = place
    tenant.incarnation = incarnation
    tenant.address = address
    given[node] = place
    remarks[place] = nil
    let verb = watch[place].sight.isBlank ? "takes the blank instance" : "is found at"
    logger.info("\(node.text) \(verb) \(watch[place].name)")
    tenant.report(.running(address: address.description))
  }

  private func end(_ node: Principal, _ reason: String) {
    guard let tenant = tenants.removeValue(forKey: node) else { return }
    tenant.report(.stopped(reason: reason))
  }

  // MARK: - Those that are to be forgotten

  private func retireStranger(at index: Int) {
    if case .foreign(let node, _) = watch[index].sight {
      remark(
        index,
        "\(watch[index].name) is \(node.text) of another cluster, so it is left alone; take "
          + "it off the list, or give it an empty data directory")
    }
    guard case .holds(let node, let incarnation) = watch[index].sight,
      let address = watch[index].address, let cluster, !cluster.knows(node),
      retiring.updateValue(incarnation, forKey: index) != incarnation
    else { return }
    cluster.retire(node, at: address.description) { [weak self] result in
      guard let self else { return }
      switch result {
      case .success:
        logger.info("\(watch[index].name) forgets \(node.text)")
      case .failure(let error):
        remark(
          index,
          "\(watch[index].name) holds \(node.text), which this cluster has not, and keeps "
            + "it: \(error.message)")
        loop.schedule(after: .seconds(1)) { [weak self] in self?.retiring[index] = nil }
      }
    }
  }

  private func finishEndings() {
    for node in endings.keys where isGone(node) {
      given[node] = nil
      endedAt[node] = nil
      for done in endings.removeValue(forKey: node) ?? [] { loop.schedule(after: .zero, done) }
    }
  }

  /// Whether no instance holds the node, by looks that are later than its end.
  private func isGone(_ node: Principal) -> Bool {
    let places = given[node].map { [$0] } ?? watch.indices
    return places.allSatisfy { index in
      let instance = watch[index]
      // What it held is told once it is back, and forgotten then.
      if !watch.isPresent(index) { return true }
      return instance.sight.incarnation != nil && instance.sight.node != node
        && instance.seenIn > endedAt[node]?.round ?? 0
    }
  }

  private func remark(_ index: Int, _ text: String) {
    guard remarks.updateValue(text, forKey: index) != text else { return }
    logger.error("\(text)")
  }
}
