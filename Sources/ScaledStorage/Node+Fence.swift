import Cluster
import HTTPTransport

/// A node that is not certain of its identity answers for no key (self-fencing): another process
/// may have the identity by now. What concerns the cluster and no key goes on.
extension Node {
  /// By the loop's clock, so that a process that was stopped and goes on finds out before it
  /// answers; a timer would be late.
  var isFenced: Bool { loop.now >= servesUntil }

  static let fenced = ClusterError(
    .fenced,
    "this node cannot tell whether another process has its identity, so it answers for no key"
      + " until etcd confirms its registration; try again")

  /// What is told instead of an answer that came about while the node was fenced.
  static func fencing(_ reply: KeyReply) -> KeyReply {
    switch reply {
    case .stored, .deleted, .applied:
      .refused(
        ClusterError(
          .outcomeUnknown,
          "the write was stored, but whether this node still had its identity is not known"))
    case .value, .missing, .preconditionFailed, .elsewhere: .refused(fenced)
    case .refused: reply
    }
  }
}
