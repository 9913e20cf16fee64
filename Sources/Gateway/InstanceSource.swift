package import Cluster

/// Where a pool's instances are told of: a list of names, or an orchestrator.
///
/// It lives on the gateway's loop.
package protocol InstanceSource: AnyObject {
  /// The instances that there are, in the order in which blank ones are taken.
  var listings: [InstanceListing] { get }
  /// Called on the loop when ``listings`` are others; never within a call of the source.
  var onChange: () -> Void { get set }
  /// Whether instances come and go as the pool needs them. Then those that are last in the list go
  /// first.
  var isElastic: Bool { get }
  /// How long a node may wait for an instance.
  var launchTimeout: Duration { get }

  func start()
  func stop()

  /// Tells what the pool has use for; called after each look, so mostly with the same.
  func need(_ needs: InstanceNeeds)

  /// Has the instance started again, with the program as it is now.
  /// - Parameter completion: called once on the loop, never within this call, when it has begun.
  func restart(
    _ name: String, _ completion: @escaping (Result<Void, ClusterError>) -> Void)
}

/// One instance of a source.
package struct InstanceListing: Hashable, Sendable {
  package var name: String
  /// Where it answers, as `HOST:PORT`; nil while that is not known.
  package var authority: String?
  /// It is about to end: no node is begun there.
  package var isLeaving: Bool

  package init(name: String, authority: String?, isLeaving: Bool = false) {
    self.name = name
    self.authority = authority
    self.isLeaving = isLeaving
  }
}

/// What a pool has use for.
package struct InstanceNeeds: Hashable, Sendable {
  /// The names of the instances that hold nodes, or were given one.
  package var occupied: [String]
  /// How many nodes look for an instance.
  package var searching: Int
  /// Whether every node of the cluster has its instance and none is being forgotten: only then may
  /// instances that are not occupied go.
  package var isSettled: Bool

  package init(occupied: [String], searching: Int, isSettled: Bool) {
    self.occupied = occupied
    self.searching = searching
    self.isSettled = isSettled
  }
}

/// Instances that are named once and for all.
final class NamedInstances: InstanceSource {
  let listings: [InstanceListing]
  var onChange: () -> Void = {}
  let isElastic = false
  let launchTimeout = Duration.seconds(30)

  /// - Parameter names: where the instances answer, as `HOST:PORT`.
  init(_ names: [String]) {
    listings = names.map { InstanceListing(name: $0, authority: $0) }
  }

  func start() {}
  func stop() {}
  func need(_ needs: InstanceNeeds) {}

  /// Whoever runs them is not known, so the pool asks the node itself.
  func restart(
    _ name: String, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {}
}
