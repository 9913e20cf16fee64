package import Candid
package import Cluster

/// What runs the instances of a ``ManagedLauncher``: a container engine, a service manager.
///
/// It lives on the gateway's loop. Completions are called once, on the loop, never within the call.
package protocol InstanceManager: AnyObject {
  typealias Completion = (Result<Void, ClusterError>) -> Void

  /// Tells of the instances of these nodes that there are.
  func look(
    at nodes: [Principal],
    _ completion: @escaping (Result<[Principal: ManagedInstance], ClusterError>) -> Void)

  /// Starts the node's instance on its data; makes both when they are missing. Nothing happens to
  /// one that runs.
  func start(_ node: Principal, _ completion: @escaping Completion)

  /// Ends the instance, after the answers that are under way, so that ``start(_:_:)`` begins the
  /// program as it is now.
  func stop(_ node: Principal, within limit: Duration, _ completion: @escaping Completion)

  /// Ends it at once.
  func kill(_ node: Principal)

  /// Ends the instance as ``stop(_:within:_:)`` does, and removes it and its data. What is gone
  /// already is no failure.
  func remove(_ node: Principal, within limit: Duration, _ completion: @escaping Completion)

  /// Whether there certainly is no node's data at all; may wait for a moment.
  var isEmpty: Bool { get }

  /// Where to read why the node's instance ended, in a few words.
  func whereToLook(_ node: Principal) -> String
}

/// One instance as its manager sees it.
package struct ManagedInstance: Hashable, Sendable {
  package enum Condition: Hashable, Sendable {
    /// - Parameters:
    ///   - run: tells this run of it from others.
    ///   - address: `host:port`; nil while that is not known.
    case running(run: String, address: String?)
    case ended(reason: String)
  }

  package var condition: Condition

  package init(_ condition: Condition) {
    self.condition = condition
  }
}
