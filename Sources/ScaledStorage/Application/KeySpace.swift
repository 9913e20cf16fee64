package import Candid
package import Cluster

/// The keys of a cluster, as a method that waits reaches them from its node.
///
/// Completions run once each, on the node's loop.
package protocol KeySpace: AnyObject, Sendable {
  /// Runs a command on a key at this node. Safe on every thread.
  func execute(
    _ command: @escaping @Sendable () -> KeyCommand, key: [UInt8],
    _ completion: @escaping @Sendable (KeyReply) -> Void)

  /// Calls a method at another node, binary Candid in and out, as the caller of `request`. Safe on
  /// every thread.
  func call(
    _ method: String, _ arguments: [UInt8], at node: Principal, as request: CallRequest,
    headers: [(name: String, value: String)],
    _ completion: @escaping @Sendable (Result<[UInt8], CallError>) -> Void)

  /// Whether a method of the service changes nothing. Safe on every thread.
  func isQuery(_ method: String) -> Bool

  /// The node's clock: milliseconds since 1970. On the node's loop only.
  var now: UInt64 { get }

  /// This node; anonymous before it belongs to a cluster. On the node's loop only.
  var node: Principal { get }

  /// The members of the ring, in the order in which they joined. On the node's loop only.
  var members: [Principal] { get }

  var maximumValueBytes: Int { get }
}
