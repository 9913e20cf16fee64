package import Candid
package import Cluster

/// Tells nodes to start again, for launchers whose instances do that themselves.
package protocol NodeRestarter: AnyObject {
  /// Tells the node's process to replace itself by the program as it is on disk now, once it has
  /// answered what it has. The process keeps its number and its listening socket.
  ///
  /// - Parameter completion: called once, never within this call: when the node begins to, or with
  ///   why it does not; `.unknownMethod` is for a node of a program that cannot.
  func orderRestart(
    of node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void)
}
