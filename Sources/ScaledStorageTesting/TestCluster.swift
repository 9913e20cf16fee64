public import ScaledStorage
import Cluster
import ClusterTestKit

/// A whole cluster of a service within a test: the nodes, the coordinator and the network between
/// them run in the test's thread, on disks in memory and on a clock that only the test moves.
///
/// ```swift
/// let cluster = try TestCluster(app, nodes: 3)
/// #expect(try cluster.call("add_score", "ada", 5, as: Int.self) == 5)
/// try cluster.scale(to: 5)
/// #expect(try cluster.call("score", "ada", as: Int?.self) == 5)
/// ```
///
/// It is not a model of the service: the code that decides who owns a key, what a write does and
/// how keys move is that of the real nodes, and so are your methods. What is left out is HTTP, and
/// the disk's and the network's own faults.
///
/// Virtual time passes while a call waits for its answer and when the test asks for it. Which node
/// is asked, how long messages take, and which keys go where are functions of the seed: the same
/// test does the same each time. Handlers that wait for something else than the cluster (files,
/// `Task.sleep`, other services) make real time pass, 10 s at most, and what they make of it is
/// theirs.
///
/// Not safe to use from several threads at once, as the lack of `Sendable` says.
public final class TestCluster<Value: Sendable> {
  let bed: TestBed
  let form: ValueForm<Value>

  /// Starts a cluster of the service, and waits until it is ready.
  ///
  /// - Parameters:
  ///   - app: the service. Its policy is in force: the cluster grows and shrinks by itself.
  ///   - nodes: how many nodes there are to begin with, from 1 to what the policy allows. The
  ///     policy does not retire them; to see it shrink, begin with one.
  ///   - seed: what decides all that is left to chance.
  /// - Throws: `CallError` for a definition with mistakes, and for a number of nodes that the
  ///   policy or the ring has no room for.
  public init(
    _ app: CanisterManager<Value>, nodes: Int = 1, seed: UInt64 = 1
  ) throws(CallError) {
    bed = try TestBed(app.application, nodes: nodes, seed: seed)
    form = app.form
  }

  deinit { bed.close() }

  // MARK: - What calls carry

  /// The header fields of each call, for the service's middleware.
  public var headers: [String: String] {
    get { bed.headers }
    set { bed.headers = newValue }
  }

  /// Whether calls come over TLS, as the service's middleware sees it.
  public var isSecure: Bool {
    get { bed.isSecure }
    set { bed.isSecure = newValue }
  }

  /// What hooks and methods threw that was not meant for callers, oldest first.
  public var log: [String] { bed.logged }

  /// The last things that happened between the nodes, in words: who joined, what moved, when.
  public var journal: [String] { bed.cluster.journal }

  // MARK: - Time

  /// Virtual time since the cluster began.
  public var time: Duration { bed.cluster.time }

  /// Lets virtual time pass: values expire, hooks run, the policy is asked.
  ///
  /// A minute of it takes a debug build about 0.02 s, an hour about 0.15 s.
  /// - Throws: `CallError` when the cluster broke a promise of its own: a defect of ScaledStorage.
  public func advance(by duration: Duration) throws(CallError) {
    try bed.perform { () throws(ClusterError) in try bed.cluster.advance(by: duration) }
  }

  /// Lets virtual time pass until no node joins or leaves, and none is called for.
  /// - Throws: `CallError` when that does not come about within two minutes of virtual time, as
  ///   with a node that is kept down.
  public func settle() throws(CallError) {
    try bed.perform { () throws(ClusterError) in try bed.cluster.settle() }
  }
}
