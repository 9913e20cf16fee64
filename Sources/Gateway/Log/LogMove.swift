package import Cluster
package import Etcd
package import HTTPTransport
import Placement
import ScaledStorage
package import Storage

/// Moves the coordinator's state, and the cluster's modules, between a gateway's own data directory
/// and etcd, while no gateway of the cluster runs.
///
/// At every instant at most one of the two places lets a gateway lead: the one that is left is
/// marked before the other one is written. A move that is interrupted is taken up by another try.
package struct LogMove {
  private let loop: EventLoop
  private let client: EtcdClient
  private let keys: EtcdKeys
  private let store: any StorageEngine
  /// What the two places are called for people, and in the marks.
  private let etcdName: String
  private let storeName: String

  /// - Parameters:
  ///   - loop: runs only within the calls.
  ///   - store: the coordinator's, in the data directory.
  package init(
    loop: EventLoop, client: EtcdClient, keys: EtcdKeys, store: any StorageEngine,
    etcdName: String, storeName: String
  ) {
    self.loop = loop
    self.client = client
    self.keys = keys
    self.store = store
    self.etcdName = etcdName
    self.storeName = storeName
  }

  /// What stands in etcd.
  private struct Place {
    var ring: EtcdEntry?
    var moved: EtcdEntry?
    /// The place as the data directory's mark names it.
    var mark: [UInt8]
  }

  /// Under which the store keeps what tells it from all others.
  private static let identityKey = Array("log-identity".utf8)

  /// The store as etcd's mark names it: paths alone may mean another machine's.
  private var storeMark: [UInt8] {
    get throws(ClusterError) {
      let known: [UInt8]?
      do throws(StorageError) {
        known = try store.get(LogMove.identityKey)
      } catch {
        throw ClusterError(.storage, "\(storeName) could not be read: \(error.message)")
      }
      let identity = known ?? LogMove.newIdentity
      if known == nil { try write([(LogMove.identityKey, identity)]) }
      return Array("\(storeName) (".utf8) + identity + Array(")".utf8)
    }
  }

  private static var newIdentity: [UInt8] {
    Array(String(UInt64.random(in: .min ... .max), radix: 16).utf8)
  }

  private static func text(_ mark: [UInt8]) -> String { String(decoding: mark, as: UTF8.self) }

  /// Whether one state was written before the other one.
  private static func isOlder(_ state: CoordinatorState, than other: CoordinatorState) -> Bool {
    (state.nextEpoch, state.map.revision, state.nextNumber)
      < (other.nextEpoch, other.map.revision, other.nextNumber)
  }

  // MARK: - There

  /// - Returns: a sentence that tells what was moved.
  /// - Throws: `ClusterError` when there is nothing to move, the cluster's gateways run, or another
  ///   cluster is in the way.
  package func toEtcd() throws(ClusterError) -> String {
    let place = try look()
    switch try EmbeddedLog.place(of: store) {
    case .nowhere:
      throw ClusterError(.conflict, "there is no coordinator's state in \(storeName)")
    case .elsewhere(let name) where name != LogMove.text(place.mark):
      throw ClusterError(.conflict, "the state was moved from \(storeName) to \(name) before")
    case .here, .elsewhere: break
    }
    guard let state = try EmbeddedLog.state(in: store) else {
      throw ClusterError(.corruption, "\(storeName) has the mark of a move, and no state")
    }
    if let ring = place.ring { try check(ring, place.moved, against: state) }
    try write([(EmbeddedLog.movedKey, place.mark)])
    let archive = ModuleArchive(store)
    for digest in state.moduleDigests {
      guard let module = try archive.module(digest) else { continue }
      for (key, value) in EtcdLog.entries(of: module, keys) {
        _ = try commit(EtcdTransaction(success: [.put(key, value)]))
      }
    }
    let outcome = try commit(
      EtcdTransaction(
        compares: [
          .modRevision(keys.ring, equals: place.ring?.modRevision ?? 0),
          .createRevision(keys.leader, equals: 0),
        ],
        success: [
          .put(keys.ring, state.encoded),
          .put(keys.desired, EtcdLog.text(ofDesired: state.desired)),
          .delete(keys.moved, isPrefix: false),
        ]))
    guard outcome.succeeded else { throw LogMove.disturbed }
    return "\(LogMove.summary(state)) moved from \(storeName) to \(etcdName)"
  }

  /// - Throws: `ClusterError` when what stands in etcd must stay.
  private func check(
    _ ring: EtcdEntry, _ moved: EtcdEntry?, against state: CoordinatorState
  ) throws(ClusterError) {
    let there = try CoordinatorState(encoded: ring.value)
    guard there.map.clusterID == state.map.clusterID else {
      throw ClusterError(
        .conflict, "\(etcdName) has another cluster's state; name another --etcd-cluster")
    }
    guard let moved else {
      if there == state { return }
      throw ClusterError(
        .conflict,
        "\(etcdName) has a state of this cluster already, of epoch \(there.map.ring.epoch), and "
          + "gateways may have changed it; start them with --etcd")
    }
    guard try moved.value == storeMark else {
      throw ClusterError(
        .conflict,
        "the state was moved from \(etcdName) to \(LogMove.text(moved.value)); move it "
          + "from there")
    }
    guard !LogMove.isOlder(state, than: there) else {
      throw ClusterError(
        .conflict,
        "\(etcdName) has a newer state, which was on its way here; end that by `coordinator "
          + "from-etcd`")
    }
  }

  // MARK: - And back

  /// - Returns: a sentence that tells what was moved.
  /// - Throws: `ClusterError` as ``toEtcd()``.
  package func fromEtcd() throws(ClusterError) -> String {
    let place = try look()
    guard let ring = place.ring else {
      throw ClusterError(.conflict, "there is no coordinator's state in \(etcdName)")
    }
    let state = try CoordinatorState(encoded: ring.value)
    let mark = try storeMark
    if let moved = place.moved, moved.value != mark {
      throw ClusterError(
        .conflict,
        "the state was moved from \(etcdName) to \(LogMove.text(moved.value)) before")
    }
    if try EmbeddedLog.place(of: store) == .here {
      guard try EmbeddedLog.state(in: store) == state else {
        throw ClusterError(
          .conflict,
          "\(storeName) has a coordinator's state already; name another --data, or put it aside")
      }
    }
    let outcome = try commit(
      EtcdTransaction(
        compares: [
          .modRevision(keys.ring, equals: ring.modRevision),
          .createRevision(keys.leader, equals: 0),
        ], success: [.put(keys.moved, mark)]))
    guard outcome.succeeded else { throw LogMove.disturbed }
    let archive = ModuleArchive(store)
    for digest in state.moduleDigests {
      if let module = try module(digest) { try archive.add(module) }
    }
    try write([(EmbeddedLog.stateKey, state.encoded), (EmbeddedLog.movedKey, nil)])
    return "\(LogMove.summary(state)) moved from \(etcdName) to \(storeName)"
  }

  private func module(_ digest: [UInt8]) throws(ClusterError) -> Module? {
    let name = SHA256.hexadecimal(digest)
    guard let header = try range(keys.module(name)), header.value != EtcdLog.unfinished else {
      return nil
    }
    guard let count = EtcdLog.partCount(header.value) else {
      throw ClusterError(.corruption, "module \(name) in etcd has an unknown format")
    }
    var bytes: [UInt8] = []
    for part in 0..<count { bytes += try range(keys.modulePart(name, part))?.value ?? [] }
    let module = Module(bytes)
    guard module.digest == digest else {
      throw ClusterError(.corruption, "module \(name) in etcd does not match its checksum")
    }
    return module
  }

  // MARK: - Helpers

  private static let disturbed = ClusterError(
    .conflict, "somebody changed the state in etcd meanwhile; stop all gateways, and try again")

  private static func summary(_ state: CoordinatorState) -> String {
    let members = state.map.members.count
    return "epoch \(state.map.ring.epoch) with \(members) member\(members == 1 ? "" : "s")"
  }

  private func look() throws(ClusterError) -> Place {
    // The first who looks gives the place an identity: two etcds may have the same names.
    let identity = LogMove.newIdentity
    _ = try commit(
      EtcdTransaction(
        compares: [.createRevision(keys.identity, equals: 0)],
        success: [.put(keys.identity, identity)]))
    let outcome = try commit(
      EtcdTransaction(success: [
        .range(keys.ring, isPrefix: false), .range(keys.moved, isPrefix: false),
        .range(keys.leader, isPrefix: false), .range(keys.identity, isPrefix: false),
      ]))
    if let leader = outcome.ranges[2].first {
      throw ClusterError(
        .conflict,
        "a gateway leads this cluster in etcd (\(EtcdLog.address(leader) ?? "unknown")); stop all "
          + "its gateways first, and wait 10 seconds where one was killed")
    }
    let known = outcome.ranges[3].first?.value ?? identity
    return Place(
      ring: outcome.ranges[0].first, moved: outcome.ranges[1].first,
      mark: Array("\(etcdName) (".utf8) + known + Array(")".utf8))
  }

  private func write(_ entries: [(key: [UInt8], value: [UInt8]?)]) throws(ClusterError) {
    var batch = WriteBatch()
    for (key, value) in entries {
      if let value { batch.put(key, value) } else { batch.delete(key) }
    }
    do throws(StorageError) {
      try store.commit(batch)
    } catch {
      throw ClusterError(.storage, "\(storeName) could not be written: \(error.message)")
    }
  }

  private func commit(_ transaction: EtcdTransaction) throws(ClusterError) -> EtcdOutcome {
    try wait { completion in client.commit(transaction, completion) }
  }

  private func range(_ key: [UInt8]) throws(ClusterError) -> EtcdEntry? {
    try wait { completion in client.range(key, completion) }.entries.first
  }

  private func wait<Value>(
    _ begin: (@escaping (Result<Value, EtcdError>) -> Void) -> Void
  ) throws(ClusterError) -> Value {
    var found: Result<Value, EtcdError>?
    begin { [loop] result in
      found = result
      loop.stop()
    }
    if found == nil { loop.run() }
    switch found {
    case .success(let value): return value
    case .failure(let error):
      throw ClusterError(.overloaded, "etcd does not answer: \(error.message); try again")
    case nil: throw ClusterError(.overloaded, "the wait for etcd was interrupted; try again")
    }
  }
}

extension CoordinatorState {
  /// The modules that are needed: the present one, and the one to go back to.
  var moduleDigests: [[UInt8]] { [moduleDigest, previousModuleDigest].compactMap { $0 } }
}
