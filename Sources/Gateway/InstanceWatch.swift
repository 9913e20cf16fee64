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
  private var instances: [Instance]
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
  private var nameLife: Duration { max(.seconds(5), .milliseconds(20) * instances.count) }

  init(names: [String], loop: EventLoop, tls: TLSContext?) {
    self.loop = loop
    self.names = AddressBook(loop: loop)
    client = HTTPClient(loop: loop, limits: ClientLimits(), tls: tls)
    instances = names.map { Instance(name: $0) }
  }

  var indices: Range<Int> { instances.indices }

  subscript(index: Int) -> Instance { instances[index] }

  /// Whether an instance before it in the list is the same process, by another name or address.
  func isAlias(_ index: Int) -> Bool {
    guard let incarnation = instances[index].sight.incarnation else { return false }
    return instances[..<index].contains { $0.sight.incarnation == incarnation }
  }

  /// Whether every instance answers.
  var seesAll: Bool { instances.allSatisfy { $0.sight.incarnation != nil } }

  /// What the instances are, in a sentence's end.
  var summary: String {
    let silent = instances.compactMap { instance in
      if case .silent(_, let reason) = instance.sight { "\(instance.name): \(reason)" } else { nil }
    }
    let blank = instances.count { $0.sight.isBlank }
    let holding = instances.count { $0.sight.node != nil }
    let foreign = instances.count { if case .foreign = $0.sight { true } else { false } }
    return "\(holding) of \(instances.count) hold nodes, \(blank) are blank"
      + (foreign == 0 ? "" : ", \(foreign) belong to another cluster")
      + (silent.isEmpty ? "" : ", \(silent.count) do not answer (\(silent[0]))")
  }

  func start() {
    round += 1
    for index in instances.indices { look(at: index) }
    // The more there are, the less often each is asked.
    let usual = max(500, 10 * instances.count)
    let interval = isHasty() ? max(50, 2 * instances.count) : usual
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
    if loop.now - instances[index].resolvedAt >= nameLife {
      names.forget(instances[index].name)
      instances[index].resolvedAt = loop.now
    }
    names.find(instances[index].name) { [weak self] address in
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
      names.forget(instances[index].name)
      var since = loop.now
      if case .silent(let before, _) = instances[index].sight { since = before }
      instances[index].sight = .silent(since: since, reason: reason)
    }
    onSight()
  }
}
