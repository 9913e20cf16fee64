import Candid
import Cluster
import HTTPTransport
import ScaledStorage

/// Looks at the instances of a pool, again and again: where each is, and what it holds.
final class InstanceWatch {
  /// What an instance was seen to be.
  enum Sight: Hashable {
    case unseen
    case silent(since: MonotonicTime, reason: String)
    case blank(incarnation: UInt64)
    case holds(Principal, incarnation: UInt64)
    /// It holds a node of another cluster.
    case foreign(Principal, incarnation: UInt64)

    var node: Principal? {
      if case .holds(let node, _) = self { node } else { nil }
    }

    var isBlank: Bool {
      if case .blank = self { true } else { false }
    }

    /// Nil unless the instance answers.
    var incarnation: UInt64? {
      switch self {
      case .unseen, .silent: nil
      case .blank(let incarnation), .holds(_, let incarnation), .foreign(_, let incarnation):
        incarnation
      }
    }
  }

  struct Instance {
    let name: String
    /// Where it is said to answer; nil while that is not known.
    fileprivate(set) var authority: String?
    /// It is about to end, so that no node is begun there.
    fileprivate(set) var isLeaving = false
    var address: SocketAddress?
    var sight = Sight.unseen
    /// The round of the look that gave ``sight``.
    var seenIn: UInt64 = 0
    fileprivate var resolvedAt = MonotonicTime(nanoseconds: 0)
    fileprivate var isBeingLookedAt = false
  }

  private let loop: EventLoop
  private let client: HTTPClient
  private let names: AddressBook
  /// All that were ever listed, so that an instance's index stays its own.
  private var instances: [Instance] = []
  /// The indices of those that there are, in the order of the list.
  private(set) var indices: [Int] = []
  private var timer: TimerID?
  /// Counts the looks at all.
  private(set) var round: UInt64 = 0
  /// Called after each look at an instance.
  var onSight: () -> Void = {}
  /// Whether a node belongs to this cluster, or to none.
  var isOurs: (NodeInfo) -> Bool = { _ in true }
  /// Whether something waits for what is seen.
  var isHasty: () -> Bool = { false }

  private static let deadline = Duration.seconds(2)
  /// How long a name is taken to lead to the same address: the one of before may be another's.
  private var nameLife: Duration { max(.seconds(5), .milliseconds(20) * indices.count) }

  init(loop: EventLoop, tls: TLSContext?) {
    self.loop = loop
    self.names = AddressBook(loop: loop)
    client = HTTPClient(loop: loop, limits: ClientLimits(), tls: tls)
  }

  /// Takes over which instances there are. One that is gone is silent until it is listed again.
  /// O(instances).
  func update(_ listings: [InstanceListing]) {
    var places = Dictionary(
      uniqueKeysWithValues: instances.indices.map { (instances[$0].name, $0) })
    let before = Set(indices)
    indices = listings.map { listing in
      let index = places[listing.name] ?? instances.count
      if index == instances.count {
        instances.append(Instance(name: listing.name))
        places[listing.name] = index
      }
      instances[index].isLeaving = listing.isLeaving
      if instances[index].authority != listing.authority {
        instances[index].authority = listing.authority
        instances[index].resolvedAt = MonotonicTime(nanoseconds: 0)
      }
      return index
    }
    for index in before.subtracting(indices) {
      instances[index].authority = nil
      fell(silent: "it is gone", at: index)
    }
  }

  subscript(index: Int) -> Instance { instances[index] }

  /// Whether the instance is listed.
  func isPresent(_ index: Int) -> Bool { indices.contains(index) }

  /// Whether an instance before it in the list is the same process, by another name or address.
  func isAlias(_ index: Int) -> Bool {
    guard let incarnation = instances[index].sight.incarnation else { return false }
    return indices.prefix { $0 != index }.contains {
      instances[$0].sight.incarnation == incarnation
    }
  }

  private var listed: [Instance] { indices.map { instances[$0] } }

  /// Whether every instance answers.
  var seesAll: Bool { indices.allSatisfy { instances[$0].sight.incarnation != nil } }

  /// What the instances are. O(instances).
  var summary: InstanceSummary {
    var summary = InstanceSummary(
      total: indices.count, holding: 0, blank: [], silent: [], foreign: [])
    for instance in listed {
      switch instance.sight {
      case .unseen: break
      case .holds: summary.holding += 1
      case .blank: summary.blank.append(instance.name)
      case .silent(_, let reason): summary.silent.append("\(instance.name): \(reason)")
      case .foreign: summary.foreign.append(instance.name)
      }
    }
    return summary
  }

  func start() {
    round += 1
    for index in indices { look(at: index) }
    // The more there are, the less often each is asked.
    let usual = max(500, 10 * indices.count)
    let interval = isHasty() ? max(50, 2 * indices.count) : usual
    timer = loop.schedule(after: .milliseconds(interval)) { [weak self] in self?.start() }
  }

  func stop() {
    if let timer { loop.cancel(timer) }
    timer = nil
    client.shutdown()
  }

  private func look(at index: Int) {
    guard !instances[index].isBeingLookedAt else { return }
    instances[index].isBeingLookedAt = true
    let round = round
    guard let authority = instances[index].authority else {
      return saw(nil, "it has no address yet", at: index, address: nil, in: round)
    }
    if loop.now - instances[index].resolvedAt >= nameLife {
      names.forget(authority)
      instances[index].resolvedAt = loop.now
    }
    names.find(authority) { [weak self] address in
      guard let self else { return }
      guard let address else {
        return saw(nil, "its name cannot be resolved", at: index, address: nil, in: round)
      }
      let request = ClientRequest(
        method: .get, target: "/node_info", headers: [("accept", "application/candid")], body: [])
      client.send(request, to: address, deadline: InstanceWatch.deadline) { [weak self] result in
        switch result {
        case .success(let response):
          let info = NodeInfo.read(candid: response.body)
          self?.saw(info, "it is no node of this version", at: index, address: address, in: round)
        case .failure(let error):
          self?.saw(nil, error.message, at: index, address: address, in: round)
        }
      }
    }
  }

  private func saw(
    _ info: NodeInfo?, _ reason: String, at index: Int, address: SocketAddress?, in round: UInt64
  ) {
    instances[index].isBeingLookedAt = false
    // It went while it was looked at.
    guard isPresent(index) else { return onSight() }
    instances[index].seenIn = round
    if let info {
      instances[index].address = address
      instances[index].sight =
        switch info.node {
        case let node? where isOurs(info): .holds(node, incarnation: info.incarnation)
        case let node?: .foreign(node, incarnation: info.incarnation)
        case nil: .blank(incarnation: info.incarnation)
        }
    } else {
      // The name may lead elsewhere by now.
      if let authority = instances[index].authority { names.forget(authority) }
      fell(silent: reason, at: index)
    }
    onSight()
  }

  private func fell(silent reason: String, at index: Int) {
    var since = loop.now
    if case .silent(let before, _) = instances[index].sight { since = before }
    instances[index].sight = .silent(since: since, reason: reason)
  }
}
