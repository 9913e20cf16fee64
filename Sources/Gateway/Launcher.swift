package import Candid
package import Cluster

/// Starts and stops node instances: local processes by default, or those that others run.
///
/// It lives on the gateway's loop. Nodes outlive the gateway: `launch` finds what runs already.
package protocol Launcher: AnyObject {
  /// Finds the node's running instance, or starts one on the node's data.
  ///
  /// - Parameters:
  ///   - previousAddress: where the node answered before, to be taken again if it is free.
  ///   - report: called with `.running` once the instance answers requests and with `.stopped`
  ///     when it has ended or could not be started; always on the loop, never within this call.
  func launch(
    _ node: Principal, previousAddress: String?, _ report: @escaping (LauncherEvent) -> Void)

  /// Whether there is no node's data here at all.
  var isEmpty: Bool { get }

  /// Ends an instance that does not answer any more; `launch` reports it as stopped.
  func kill(_ node: Principal)

  /// Ends the instance, after the answers that are under way, and removes its data: it is no member
  /// any more, or never was one. Repeatable; `done` is called on the loop once nothing is left,
  /// never within this call.
  func destroy(_ node: Principal, _ done: @escaping () -> Void)

  /// Asks all instances to end and waits for them; those that have not ended in time are killed.
  func stopAll(within limit: Duration, _ done: @escaping () -> Void)

  /// The members in the order in which they would best leave; by default, the one that joined last
  /// first.
  ///
  /// - Parameter members: in the order in which they joined.
  func leavingOrder(of members: [Principal]) -> [Principal]

  /// Starts the node's instance again on its data, with the program as it is now.
  ///
  /// What becomes of the instance is told to the `report` of its launch.
  ///
  /// - Parameter completion: called once on the loop, never within this call, when the restart has
  ///   begun, or with why it cannot be.
  func restart(
    _ node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void)

  /// The instances that others run for the cluster; nil where instances are made as they are
  /// needed, so that there are no others than the nodes'.
  var instances: InstanceSummary? { get }
}

extension Launcher {
  package func leavingOrder(of members: [Principal]) -> [Principal] { members.reversed() }
  package var instances: InstanceSummary? { nil }
}

/// What became of an instance.
package enum LauncherEvent: Hashable, Sendable {
  /// It answers at this `host:port`.
  case running(address: String)
  case stopped(reason: String)
}
