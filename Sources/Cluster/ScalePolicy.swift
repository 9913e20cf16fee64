import Candid

/// When a cluster grows.
public struct ScalePolicy: Sendable {
  /// The load of one node, as its own report tells it.
  public struct Load: Sendable {
    public var keys: UInt64
    public var bytes: UInt64

    public init(keys: UInt64, bytes: UInt64) {
      self.keys = keys
      self.bytes = bytes
    }
  }

  /// Whether a node of this load calls for another node: the developer's own rule.
  public var shouldScaleUp: @Sendable (Load) -> Bool
  public var minimumNodes: Int
  public var maximumNodes: Int
  /// The pause between two changes of the ring, in milliseconds.
  public var cooldown: UInt64
  /// The pause after a change that failed, in milliseconds, doubled at each failure in a row.
  public var backoff: UInt64
  public var longestBackoff: UInt64

  public init(
    minimumNodes: Int = 1, maximumNodes: Int = 64, cooldown: UInt64 = 100, backoff: UInt64 = 1_000,
    longestBackoff: UInt64 = 60_000, shouldScaleUp: @escaping @Sendable (Load) -> Bool
  ) {
    self.minimumNodes = minimumNodes
    self.maximumNodes = maximumNodes
    self.cooldown = cooldown
    self.backoff = backoff
    self.longestBackoff = longestBackoff
    self.shouldScaleUp = shouldScaleUp
  }

  /// Grows once any node holds more than `keys` keys or `bytes` bytes, like the original's
  /// `size > 50`.
  public static func threshold(keys: UInt64, bytes: UInt64 = .max) -> ScalePolicy {
    ScalePolicy { load in load.keys > keys || load.bytes > bytes }
  }

  public enum Decision: Hashable, Sendable {
    case stay(String)
    case grow(String)
  }

  /// What to do now. Pure: the same cluster gets the same answer.
  public func decide(_ coordinator: CoordinatorMachine, now: UInt64) -> Decision {
    guard coordinator.state.change == nil else { return .stay("the ring is changing") }
    guard coordinator.isSettled else { return .stay("a node is down or not in step") }
    let count = coordinator.state.map.members.count
    guard let reason = growthReason(coordinator, count: count) else {
      return .stay("no node has reached the threshold")
    }
    guard count < maximumNodes else { return .stay("\(reason), but \(count) nodes are the most") }
    if let changed = coordinator.lastChangeAt, now &- changed < cooldown {
      return .stay("\(reason), but the cluster cools down")
    }
    if coordinator.failures > 0, let failed = coordinator.lastFailureAt {
      let pause = min(backoff << min(coordinator.failures - 1, 16), longestBackoff)
      if now &- failed < pause { return .stay("\(reason), but the last attempt failed") }
    }
    return .grow(reason)
  }

  private func growthReason(_ coordinator: CoordinatorMachine, count: Int) -> String? {
    if count < minimumNodes { return "\(count) of at least \(minimumNodes) nodes" }
    for node in coordinator.state.map.members {
      guard let report = coordinator.nodes[node]?.report else { continue }
      if shouldScaleUp(Load(keys: report.keys, bytes: report.bytes)) {
        return "\(node.text) holds \(report.keys) keys, \(report.bytes) bytes"
      }
    }
    return nil
  }
}
