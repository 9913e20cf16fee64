package import Candid
package import Cluster
package import HTTPTransport
import Placement
package import ScaledStorage
package import Storage

/// The log in the gateway's own data directory: one gateway, which always leads.
package final class EmbeddedLog: CoordinatorLog {
  package let state: CoordinatorState
  package let isLeading = true
  package let leader: String? = nil
  package let silence: Duration? = nil
  package var onEvent: (CoordinatorLogEvent) -> Void = { _ in }
  private let loop: EventLoop
  private let committer: GroupCommitter
  private var isClosed = false

  /// Under which the store keeps the state, and where it was moved to if it is not here any more.
  package static let stateKey = Array("state".utf8)
  package static let movedKey = Array("moved".utf8)
  private static let retryPause = Duration.milliseconds(200)

  /// Reads the state from `store`, or begins a new cluster there.
  ///
  /// - Parameter mayFound: whether a cluster may begin: no node's data is here.
  /// - Throws: `ClusterError` when the store cannot be read or was written by a newer program, and
  ///   when its state is elsewhere.
  package init(
    loop: EventLoop, store: any StorageEngine, mayFound: Bool, capacity: Int, firstNode: UInt64
  ) throws(ClusterError) {
    self.loop = loop
    let relay = CommitRelay(loop: loop)
    do throws(StorageError) {
      committer = try GroupCommitter(engine: store) { outcome in relay.deliver(outcome) }
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be opened: \(error.message)")
    }
    state = try EmbeddedLog.restore(
      store, mayFound: mayFound, capacity: capacity, firstNode: firstNode)
    relay.onOutcome = { [weak self] outcome in self?.committed(outcome) }
  }

  /// Where the state of a store's coordinator is.
  package enum Place: Hashable {
    /// There has been none.
    case nowhere
    case here
    /// It was moved; `name` is for people.
    case elsewhere(name: String)
  }

  /// - Throws: `ClusterError` when the store cannot be read.
  package static func place(of store: any StorageEngine) throws(ClusterError) -> Place {
    if let moved = try read(movedKey, store) {
      return .elsewhere(name: String(decoding: moved, as: UTF8.self))
    }
    return try read(stateKey, store) == nil ? .nowhere : .here
  }

  /// The state in a store, wherever it counts; nil when there is none.
  /// - Throws: `ClusterError` when it cannot be read, or was written by a newer program.
  package static func state(
    in store: any StorageEngine
  ) throws(ClusterError) -> CoordinatorState? {
    try read(stateKey, store).map { bytes throws(ClusterError) in
      try CoordinatorState(encoded: bytes)
    }
  }

  private static func read(
    _ key: [UInt8], _ store: any StorageEngine
  ) throws(ClusterError) -> [UInt8]? {
    do throws(StorageError) {
      return try store.get(key)
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be read: \(error.message)")
    }
  }

  private static func restore(
    _ store: any StorageEngine, mayFound: Bool, capacity: Int, firstNode: UInt64
  ) throws(ClusterError) -> CoordinatorState {
    if case .elsewhere(let name) = try place(of: store) {
      throw ClusterError(
        .conflict,
        "the coordinator's state was moved from here to \(name); start the gateway with that, or "
          + "bring the state back by `coordinator from-etcd`")
    }
    if let state = try state(in: store) { return state }
    guard mayFound else {
      throw ClusterError(
        .corruption,
        "there are nodes here, or what there is cannot be read, but the coordinator's log that "
          + "tells of them is missing; put it back, or begin with an empty data directory")
    }
    let state = try CoordinatorState.fresh(
      hashKey: .random(), capacity: capacity, firstNode: firstNode)
    // The first state, with the cluster's hash key, is durable before anything is built on it.
    var batch = WriteBatch()
    batch.put(stateKey, state.encoded)
    do throws(StorageError) {
      try store.commit(batch)
    } catch {
      throw ClusterError(.storage, "the coordinator's log could not be written: \(error.message)")
    }
    return state
  }

  package func start(address: String) {}

  package func submit(_ state: [UInt8], desired: [Principal], sequence: UInt64) {
    var batch = WriteBatch()
    batch.put(EmbeddedLog.stateKey, state)
    // A submission that is refused belongs to a failure whose outcome comes by the relay.
    try? committer.submit(batch, sequence: sequence)
  }

  private func committed(_ outcome: CommitOutcome) {
    guard !isClosed else { return }
    switch outcome.result {
    case .success:
      onEvent(.persisted(through: outcome.sequences.upperBound))
    case .failure(let error) where error.code != .noSpace:
      onEvent(.broken(reason: error.message))
    case .failure(let error):
      loop.schedule(after: EmbeddedLog.retryPause) { [weak self] in
        guard let self, !isClosed else { return }
        committer.resume()
        onEvent(.failed(reason: error.message))
      }
    }
  }

  package func release(_ done: @escaping () -> Void) {
    loop.schedule(after: .zero, done)
  }

  package func close() {
    isClosed = true
    committer.close()
  }

  // The only gateway has all modules in its own archive.

  package func add(
    _ module: Module, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    loop.schedule(after: .zero) { completion(.success(())) }
  }

  package func module(
    _ digest: [UInt8], _ completion: @escaping (Result<Module?, ClusterError>) -> Void
  ) {
    loop.schedule(after: .zero) { completion(.success(nil)) }
  }

  package func keepOnlyModules(_ digests: @escaping () -> [[UInt8]]) {}
}
