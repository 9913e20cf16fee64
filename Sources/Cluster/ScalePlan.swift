public import Candid

/// What a change of the ring would move: estimates, since keys spread by chance, but evenly.
public struct ScalePlan: Sendable {
  public enum Role: String, Hashable, Sendable {
    case member, joining, leaving
  }

  /// One node before and after the change.
  public struct Share: Sendable {
    public var node: Principal
    public var role: Role
    public var before: ScalePolicy.Load
    public var after: ScalePolicy.Load
  }

  public let shares: [Share]

  /// - Parameter loads: what each member bears now.
  public init(
    loads: [(node: Principal, load: ScalePolicy.Load)], joining: [Principal] = [],
    leaving: [Principal] = []
  ) {
    let nothing = ScalePolicy.Load(keys: 0, bytes: 0)
    let gone = Set(leaving)
    let staying = loads.filter { !gone.contains($0.node) }.count
    let total = loads.reduce(nothing) { $0 + $1.load }
    // Of each member's keys, a share goes to those that join; what leaves spreads over the rest.
    let kept = Double(staying) / Double(max(1, staying + joining.count))
    let freed = loads.reduce(nothing) { gone.contains($1.node) ? $0 + $1.load : $0 }
    let gained = freed.scaled(by: 1 / Double(max(1, staying)))
    let fresh = total.scaled(by: 1 / Double(max(1, staying + joining.count)))
    shares =
      loads.map { entry in
        let leaves = gone.contains(entry.node)
        return Share(
          node: entry.node, role: leaves ? .leaving : .member, before: entry.load,
          after: leaves ? nothing : entry.load.scaled(by: kept) + gained)
      } + joining.map { Share(node: $0, role: .joining, before: nothing, after: fresh) }
  }

  /// How many nodes there are after the change.
  public var nodes: Int { shares.count { $0.role != .leaving } }

  /// Keys that there are.
  public var keys: UInt64 { shares.reduce(0) { $0 &+ $1.before.keys } }

  /// About how many keys and bytes change their owner.
  public var movedKeys: UInt64 {
    shares.reduce(0) { $0 &+ ($1.before.keys > $1.after.keys ? $1.before.keys - $1.after.keys : 0) }
  }
  public var movedBytes: UInt64 {
    shares.reduce(0) {
      $0 &+ ($1.before.bytes > $1.after.bytes ? $1.before.bytes - $1.after.bytes : 0)
    }
  }

  /// Whether no node that there will be, at `1 / share` of its load, calls for growth.
  func isQuiet(_ policy: ScalePolicy, at share: Double = 1) -> Bool {
    shares.allSatisfy {
      $0.role == .leaving || !policy.callsForGrowth($0.after.scaled(by: 1 / share))
    }
  }
}

extension CoordinatorMachine {
  /// What it would mean if so many nodes joined, or these left.
  public func plan(joining count: Int = 0, leaving: [Principal] = []) -> ScalePlan {
    ScalePlan(
      loads: state.map.members.map { node in
        (node, nodes[node]?.report?.load ?? ScalePolicy.Load(keys: 0, bytes: 0))
      }, joining: nextNodes(count), leaving: leaving)
  }
}
