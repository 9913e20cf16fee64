public import Candid
import Placement

/// Decides by a policy when nodes join and leave. What it remembers is since when the load has
/// called for it.
///
/// A value without clock and I/O: the same calls get the same answers.
public struct Scaler: Sendable {
  public let policy: ScalePolicy
  private var overloadedSince: UInt64?
  private var spareSince: UInt64?
  /// Whether the load calls for more nodes than there may be.
  public private(set) var isAtLimit = false
  /// The ring that `spareSince` and `overloadedSince` are about.
  private var epoch: UInt64?

  public init(_ policy: ScalePolicy) {
    self.policy = policy
  }

  public enum Decision: Hashable, Sendable {
    case stay(reason: String)
    case grow(nodes: Int, reason: String)
    case shrink(retiring: [Principal], reason: String)

    public var reason: String {
      switch self {
      case .stay(let reason), .grow(_, let reason), .shrink(_, let reason): reason
      }
    }
  }

  /// What to do now. Call it after every report of a node, or more often.
  /// - Parameters:
  ///   - now: milliseconds of a clock that never goes back.
  ///   - leavingOrder: the members, given as they joined, in the order in which they would best
  ///     leave.
  public mutating func decide(
    _ coordinator: CoordinatorMachine, now: UInt64,
    leavingOrder: ([Principal]) -> [Principal] = { $0.reversed() }
  ) -> Decision {
    if epoch != coordinator.state.map.ring.epoch || coordinator.state.change != nil {
      epoch = coordinator.state.map.ring.epoch
      (overloadedSince, spareSince) = (nil, nil)
      isAtLimit = false
    }
    guard coordinator.state.change == nil else { return .stay(reason: "the ring is changing") }
    guard !coordinator.isRestarting else {
      spareSince = nil
      return .stay(reason: "a rolling restart is under way")
    }
    guard coordinator.isSettled else {
      spareSince = nil
      return .stay(reason: "a node is down or not in step")
    }
    let spare = spareNode(coordinator, leavingOrder)
    noteLoad(coordinator, spare: spare, now: now)
    let intent = intent(coordinator, spare: spare, now: now)
    if case .stay = intent { return intent }
    if let changed = coordinator.lastChangeAt, now &- changed < policy.cooldown {
      return .stay(reason: "\(intent.reason), but the cluster cools down")
    }
    if coordinator.failures > 0, let failed = coordinator.lastFailureAt {
      let pause = min(
        policy.backoff << min(coordinator.failures - 1, 16), policy.longestBackoff)
      if now &- failed < pause {
        return .stay(reason: "\(intent.reason), but the last attempt failed")
      }
    }
    return intent
  }

  // MARK: - The load

  private mutating func noteLoad(
    _ coordinator: CoordinatorMachine, spare: Principal?, now: UInt64
  ) {
    let isOverloaded = loads(coordinator).contains { policy.isOverloaded($0.load) }
    overloadedSince = isOverloaded ? overloadedSince ?? now : nil
    spareSince = spare == nil ? nil : spareSince ?? now
  }

  private func loads(
    _ coordinator: CoordinatorMachine
  ) -> [(node: Principal, load: ScalePolicy.Load)] {
    coordinator.state.map.members.compactMap { node in
      coordinator.nodes[node]?.report.map { (node, $0.load) }
    }
  }

  /// The member that would best leave, if the others could bear its load with room to spare.
  private func spareNode(
    _ coordinator: CoordinatorMachine, _ leavingOrder: ([Principal]) -> [Principal]
  ) -> Principal? {
    let members = coordinator.state.map.members
    guard let share = policy.scaleDownAt, share > 0, members.count > fewest(coordinator),
      members.count > 1, let last = leavingOrder(members).first,
      coordinator.plan(leaving: [last]).isQuiet(policy, at: share)
    else { return nil }
    return last
  }

  /// No retirement below this, whoever asked for it.
  private func fewest(_ coordinator: CoordinatorMachine) -> Int {
    let asked = Int(coordinator.state.nodesAskedFor ?? 0)
    return max(policy.minimumNodes, min(asked, policy.maximumNodes))
  }

  // MARK: - The decision

  private mutating func intent(
    _ coordinator: CoordinatorMachine, spare: Principal?, now: UInt64
  ) -> Decision {
    isAtLimit = false
    let count = coordinator.state.map.members.count
    let fewest = fewest(coordinator)
    if count < fewest {
      // At most doubling, as by load: many processes that start at once slow each other down.
      return grow(
        by: min(fewest - count, count), "\(count) of at least \(fewest) nodes", coordinator)
    }
    let overload = overloadedSince.map { now &- $0 } ?? 0
    let isSustained = overloadedSince != nil && overload >= policy.scaleUpAfter
    for (node, load) in loads(coordinator) {
      if policy.shouldScaleUp(load) {
        let reason = "\(node.text) holds \(load.keys) keys, \(load.bytes) bytes"
        return grow(by: needed(coordinator, isSustained), reason, coordinator)
      }
      if isSustained, policy.isOverloaded(load) {
        let reason =
          "\(node.text) answers \(Int(clamping: load.requestsPerSecond)) requests/s and uses "
          + "\(Int(clamping: load.utilisation * 100))% of its core, 99 in 100 answers take up to "
          + "\(Int(clamping: load.latencyP99 / .milliseconds(1))) ms, "
          + "and has been overloaded for \(overload / 1_000) s"
        return grow(by: needed(coordinator, isSustained), reason, coordinator)
      }
    }
    if overloadedSince != nil { return .stay(reason: "a node is overloaded, but not for long") }
    guard let last = spare, let since = spareSince else {
      return .stay(reason: "no node has reached a threshold")
    }
    let spare = now &- since
    guard spare >= policy.scaleDownAfter else {
      return .stay(reason: "\(last.text) could be spared, but not for long")
    }
    return .shrink(
      retiring: [last],
      reason: "the rest has room for its keys, and has had for \(spare / 1_000) s")
  }

  private mutating func grow(
    by count: Int, _ reason: String, _ coordinator: CoordinatorMachine
  ) -> Decision {
    let members = coordinator.state.map.members.count
    let most = min(policy.maximumNodes, coordinator.settings.capacity)
    guard members < most else {
      isAtLimit = true
      return .stay(reason: "\(reason), but \(members) nodes are the most")
    }
    return .grow(nodes: min(count, most - members), reason: reason)
  }

  /// The fewest nodes after whose join no node calls for growth any more; at most as many as there
  /// are.
  private func needed(_ coordinator: CoordinatorMachine, _ isOverloadSustained: Bool) -> Int {
    var policy = policy
    if !isOverloadSustained { policy.isOverloaded = { _ in false } }
    let members = coordinator.state.map.members.count
    return (1..<max(2, members)).first { coordinator.plan(joining: $0).isQuiet(policy) }
      ?? max(1, members)
  }
}

extension Int {
  /// The nearest whole number that there is.
  fileprivate init(clamping number: Double) {
    self = number.isFinite && abs(number) < 1e15 ? Int(number.rounded()) : 0
  }
}
