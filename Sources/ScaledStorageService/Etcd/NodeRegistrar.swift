import Candid
import Cluster
import Etcd
import HTTPTransport
import Logging
import ScaledStorage

/// Keeps a node's registration in etcd, bound to a lease, and the node fenced while it is not
/// certain of it: two processes with one identity never serve at once.
final class NodeRegistrar {
  private let runtime: NodeRuntime
  private let loop: EventLoop
  private let client: EtcdClient
  private let keys: EtcdKeys
  private let lease: EtcdLease
  private let logger: Logger
  /// Tells this process from others.
  private let process: String
  private var key: [UInt8] = []
  private var watch: EtcdWatch?
  /// The lease that the registration which stands is bound to.
  private var registeredLease: Int64?
  /// The revision that wrote it.
  private var registeredAt: Int64 = 0
  private var isStopped = false
  /// What kept the node from registering was told.
  private var isTold = false

  /// Time between two tries.
  private static let pause: Duration = .milliseconds(250)

  init(
    _ runtime: NodeRuntime, _ settings: EtcdSettings, _ keys: EtcdKeys, loop: EventLoop,
    logger: Logger, process: String = ProcessMark.own, leaseSeconds: Int64 = 10
  ) {
    self.runtime = runtime
    self.loop = loop
    self.logger = logger
    self.process = process
    self.keys = keys
    client = EtcdClient(loop: loop, settings: settings)
    lease = EtcdLease(client: client, seconds: leaseSeconds)
  }

  /// Fences the node and registers it, once it has an identity and its address.
  func start() {
    fence()
    lease.onGranted = { [weak self] _ in self?.register() }
    lease.onProlonged = { [weak self] in self?.trust() }
    lease.onLost = { [weak self] in self?.lost() }
    runtime.onIdentity = { [weak self] in self?.begin() }
    begin()
  }

  private func begin() {
    guard key.isEmpty, !isStopped, let id = runtime.node.id else { return }
    key = keys.member(id.text)
    lease.start()
  }

  /// Whether the node has an identity and refuses requests because it is not registered yet.
  var isWaiting: Bool { !key.isEmpty && registeredLease == nil }

  /// Gives the registration up, after the node's last answer; `done` comes in any case.
  func stop(_ done: @escaping () -> Void) {
    guard !isStopped else { return done() }
    isStopped = true
    fence()
    watch = nil
    lease.stop(revoking: true) { [client] in
      client.shutdown()
      done()
    }
  }

  // MARK: - Registering

  private var registration: NodeRegistration {
    NodeRegistration(
      address: runtime.address, incarnation: runtime.incarnation,
      version: runtime.nodeInfo.version, process: process)
  }

  /// Registers where nobody is registered.
  private func register() {
    write(demanding: .createRevision(key, equals: 0))
  }

  private func write(demanding condition: EtcdCompare) {
    guard !isStopped, let held = lease.id else { return }
    client.commit(
      EtcdTransaction(
        compares: [condition], success: [.put(key, registration.json, lease: held)],
        failure: [.range(key, isPrefix: false)])
    ) { [weak self] result in
      guard let self, !isStopped, lease.id == held else { return }
      switch result {
      case .success(let outcome) where outcome.succeeded:
        registered(held, revision: outcome.revision)
      case .success(let outcome): found(outcome.ranges.first?.first)
      case .failure(let error):
        tell("etcd does not take the registration: \(error.message)")
        again()
      }
    }
  }

  /// Somebody is registered: this process, by an earlier lease or a write whose answer was lost; a
  /// process that has ended; or one that may live, until its lease ends.
  private func found(_ entry: EtcdEntry?) {
    guard let entry else { return again() }
    let other = NodeRegistration(json: entry.value)
    if let other,
      // The program before in this process has ended as well.
      other.incarnation == runtime.incarnation
        || !other.process.isEmpty && other.process == ProcessMark.own
        || ProcessMark.hasEnded(other.process)
    {
      return write(demanding: .modRevision(key, equals: entry.modRevision))
    }
    tell("\(other?.address ?? "another process") is registered as this node, so it is waited for")
    again()
  }

  private func again() {
    let held = lease.id
    loop.schedule(after: Self.pause) { [weak self] in
      guard let self, lease.id == held, registeredLease == nil else { return }
      register()
    }
  }

  private func registered(_ held: Int64, revision: Int64) {
    registeredLease = held
    registeredAt = revision
    trust()
    isTold = false
    logger.info("the node is registered in etcd as \(String(decoding: key, as: UTF8.self))")
    if watch == nil { watchOthers(from: EtcdRange.revision(after: revision)) }
  }

  private func watchOthers(from revision: Int64) {
    watch = client.watch(key, isPrefix: false, from: revision) { [weak self] event in
      self?.changed(event)
    }
  }

  /// Somebody else changed the registration, or removed it: the lease alone says nothing then.
  func changed(_ event: EtcdWatchEvent) {
    var isOurs = false
    switch event {
    case .compacted:
      watch = nil
      return lookAgain()
    case .events(_, let revision) where revision < registeredAt: return
    case .events(let changes, _):
      guard case .put(let entry)? = changes.last else { break }
      isOurs = NodeRegistration(json: entry.value)?.incarnation == runtime.incarnation
    }
    if !isOurs { contested() }
  }

  private func contested() {
    guard registeredLease != nil else { return }
    logger.warning("the node's registration in etcd was changed by somebody else")
    fence()
    register()
  }

  /// What was changed while the watch was behind is not told any more; that the history is
  /// forgotten says nothing against the registration, though.
  private func lookAgain() {
    client.range(key) { [weak self] result in
      // A later registration has brought a watch with it, or will.
      guard let self, !isStopped, watch == nil, let held = registeredLease else { return }
      guard case .success(let range) = result else {
        loop.schedule(after: Self.pause) { [weak self] in
          guard let self, watch == nil, registeredLease != nil else { return }
          lookAgain()
        }
        return
      }
      guard let entry = range.entries.first, entry.lease == held,
        NodeRegistration(json: entry.value)?.incarnation == runtime.incarnation
      else { return contested() }
      watchOthers(from: EtcdRange.revision(after: range.revision))
    }
  }

  // MARK: - Serving

  private func trust() {
    guard !isStopped, registeredLease == lease.id, let until = lease.safeUntil else { return }
    runtime.node.servesUntil = until
  }

  private func fence() {
    registeredLease = nil
    runtime.node.servesUntil = MonotonicTime(nanoseconds: 0)
  }

  private func lost() {
    let wasRegistered = registeredLease != nil
    fence()
    guard wasRegistered else { return }
    logger.error("the node's lease in etcd is lost, so it answers for no key until it has another")
  }

  private func tell(_ sentence: String) {
    guard !isTold else { return }
    isTold = true
    logger.warning("\(sentence)")
  }
}
