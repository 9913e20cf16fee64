package import Candid
package import Cluster
import Etcd
import HTTPTransport
import Logging
import ScaledStorage

/// The log in etcd: several gateways share it, and the one that holds the key `leader` writes.
///
/// That key hangs on a lease; it is made by a transaction that demands that there is none, and its
/// create revision is the fencing token: the state is written by transactions that demand that the
/// key still has it, and that the state is the one that this gateway knows. So a gateway that was
/// stopped for a while, and goes on believing that it leads, writes nothing.
package final class EtcdLog: CoordinatorLog {
  package private(set) var state: CoordinatorState
  package private(set) var leader: String?
  package var onEvent: (CoordinatorLogEvent) -> Void = { _ in }
  private let loop: EventLoop
  private let client: EtcdClient
  let keys: EtcdKeys
  private let lease: EtcdLease
  private let logger: Logger

  /// The create revision of the key `leader` while it is this gateway's.
  private var token: Int64?
  /// The modification revision of the key `ring` as it is known here.
  private var ringRevision: Int64
  private var address = ""
  private var leaderWatch: EtcdWatch?
  private var ringWatch: EtcdWatch?
  private var isRefreshing = false
  private var isCampaigning = false
  /// What was said last of etcd, so that it is said once.
  private var remarked: String?
  /// Whether the state was seen to be elsewhere.
  private var isMoved = false
  private var isClosed = false
  /// The submission that is on its way, and the last one that waits for it.
  private var inFlight: Submission?
  private var waiting: Submission?

  private struct Submission {
    var state: [UInt8]
    var desired: [UInt8]
    var sequence: UInt64
  }

  private static let retryPause = Duration.milliseconds(100)
  /// How often it is looked whether somebody leads, should a watch have missed it.
  private static let lookInterval = Duration.seconds(2)

  package var isLeading: Bool { token != nil && lease.isSafe }
  /// Leaders and followers alike keep a lease, so etcd has something to answer every 4 seconds.
  package var silence: Duration? { client.silence }

  init(
    _ opened: (state: CoordinatorState, ringRevision: Int64), client: EtcdClient, keys: EtcdKeys,
    loop: EventLoop, logger: Logger
  ) {
    state = opened.state
    ringRevision = opened.ringRevision
    self.loop = loop
    self.client = client
    self.keys = keys
    self.logger = logger
    lease = EtcdLease(client: client)
  }

  // MARK: - Who leads

  package func start(address: String) {
    self.address = address
    lease.onGranted = { [weak self] _ in self?.refresh() }
    lease.onLost = { [weak self] in self?.loseLead("its lease could not be kept") }
    lease.start()
    watchLeader()
    watchRing(from: ringRevision)
    lookAgain()
  }

  private func watchLeader() {
    leaderWatch = client.watch(keys.leader, isPrefix: false, from: 0) { [weak self] event in
      if case .compacted = event { self?.watchLeader() }
      self?.refresh()
    }
  }

  /// - Parameter revision: that of what is known; history before it may be gone.
  private func watchRing(from revision: Int64) {
    ringWatch = client.watch(
      keys.ring, isPrefix: false, from: EtcdRange.revision(after: revision)
    ) {
      [weak self] event in
      self?.ringChanged(event)
    }
  }

  private func lookAgain() {
    loop.schedule(after: EtcdLog.lookInterval) { [weak self] in
      guard let self, !isClosed else { return }
      if token == nil { refresh() }
      lookAgain()
    }
  }

  private func ringChanged(_ event: EtcdWatchEvent) {
    guard !isClosed else { return }
    guard case .events(let changes, _) = event else {
      ringWatch = nil
      return refresh()
    }
    guard token == nil else { return }
    for case .put(let entry) in changes { adopt(entry) }
  }

  /// Takes the state as somebody else has written it.
  private func adopt(_ ring: EtcdEntry) {
    guard ring.modRevision > ringRevision else { return }
    do throws(ClusterError) {
      state = try CoordinatorState(encoded: ring.value)
      ringRevision = ring.modRevision
      onEvent(.follows(state))
    } catch {
      // A newer program leads; this one routes by what it knows.
      logger.error("the cluster's state in etcd cannot be read: \(error.message)")
    }
  }

  /// Reads who leads and what the state is, and draws the conclusions.
  private func refresh() {
    guard !isRefreshing, !isClosed else { return }
    isRefreshing = true
    var transaction = EtcdTransaction()
    transaction.success = [
      .range(keys.leader, isPrefix: false), .range(keys.ring, isPrefix: false),
      .range(keys.moved, isPrefix: false),
    ]
    client.commit(transaction) { [weak self] result in
      guard let self else { return }
      isRefreshing = false
      guard !isClosed else { return }
      // On a failure the next look comes soon.
      guard case .success(let outcome) = result else { return }
      if !outcome.ranges[2].isEmpty, !isMoved {
        logger.error("the coordinator's state was moved away from etcd; stop this gateway")
      }
      isMoved = !outcome.ranges[2].isEmpty
      saw(leader: outcome.ranges[0].first, ring: outcome.ranges[1].first, at: outcome.revision)
    }
  }

  private func saw(leader entry: EtcdEntry?, ring: EtcdEntry?, at revision: Int64) {
    if token == nil, let ring { adopt(ring) }
    if ringWatch == nil { watchRing(from: revision) }
    if let token {
      // What was read before this gateway took the key tells nothing.
      guard revision >= token, entry?.createRevision != token else { return }
      loseLead("the key that says so is another's")
    }
    leader = entry.flatMap(EtcdLog.address)
    guard let entry else { return campaign() }
    // The answer to a campaign that was won went missing.
    if let id = lease.id, entry.lease == id, let ring { lead(entry.createRevision, ring) }
  }

  static func address(_ entry: EtcdEntry) -> String? {
    let words = entry.value.split(separator: UInt8(ascii: " "))
    return words.count > 1 ? String(decoding: words[1], as: UTF8.self) : nil
  }

  private func campaign() {
    guard !isCampaigning, !isClosed, !isMoved, token == nil, let id = lease.id, lease.isSafe else {
      return
    }
    isCampaigning = true
    var transaction = EtcdTransaction()
    transaction.compares = [
      .createRevision(keys.leader, equals: 0), .createRevision(keys.moved, equals: 0),
    ]
    let value = Array("1 \(address) \(scaledStorageVersion)".utf8)
    transaction.success = [.put(keys.leader, value, lease: id), .range(keys.ring, isPrefix: false)]
    client.commit(transaction) { [weak self] result in
      guard let self else { return }
      isCampaigning = false
      guard !isClosed else { return }
      guard case .success(let outcome) = result, outcome.succeeded,
        let ring = outcome.ranges.lazy.compactMap(\.first).first, lease.id == id
      else { return refreshSoon() }
      lead(outcome.revision, ring)
    }
  }

  private func refreshSoon() {
    loop.schedule(after: EtcdLog.retryPause) { [weak self] in self?.refresh() }
  }

  private func lead(_ createRevision: Int64, _ ring: EtcdEntry) {
    guard token == nil, lease.isSafe else { return }
    do throws(ClusterError) {
      state = try CoordinatorState(encoded: ring.value)
    } catch {
      logger.error("this gateway cannot lead: \(error.message)")
      return lease.stop(revoking: true) {}
    }
    ringRevision = ring.modRevision
    token = createRevision
    leader = nil
    inFlight = nil
    waiting = nil
    onEvent(.leads(state))
  }

  private func loseLead(_ reason: String) {
    guard token != nil else { return }
    logger.warning("this gateway stops to lead: \(reason)")
    token = nil
    inFlight = nil
    waiting = nil
    onEvent(.follows(state))
    refreshSoon()
  }

  // MARK: - Writing

  package func submit(_ state: [UInt8], desired: [Principal], sequence: UInt64) {
    guard token != nil, !isClosed else { return }
    waiting = Submission(
      state: state, desired: EtcdLog.text(ofDesired: desired), sequence: sequence)
    write()
  }

  private func write() {
    guard inFlight == nil, let next = waiting else { return }
    waiting = nil
    inFlight = next
    send(next)
  }

  private func send(_ submission: Submission) {
    guard let token else { return }
    var transaction = EtcdTransaction()
    transaction.compares = [
      .modRevision(keys.ring, equals: ringRevision), .createRevision(keys.leader, equals: token),
    ]
    transaction.success = [
      .put(keys.ring, submission.state), .put(keys.desired, submission.desired),
      .put(keys.writer, Array("\(token) \(address)".utf8)),
    ]
    transaction.failure = [
      .range(keys.leader, isPrefix: false), .range(keys.ring, isPrefix: false),
    ]
    client.commit(transaction) { [weak self] result in
      guard let self, self.token == token, !isClosed else { return }
      switch result {
      case .success(let outcome) where outcome.succeeded:
        written(submission, revision: outcome.revision)
      case .success(let outcome):
        refused(submission, outcome)
      case .failure(let error) where EtcdLog.isSteady(error):
        remark(error)
        loop.schedule(after: EtcdLog.lookInterval) { [weak self] in
          guard let self, self.token == token, !isClosed else { return }
          inFlight = nil
          onEvent(.failed(reason: error.message))
        }
      case .failure(let error):
        remark(error)
        // What may have been written is written again: the second of the two is refused, and finds
        // the state that it would have written.
        loop.schedule(after: EtcdLog.retryPause) { [weak self] in
          guard let self, self.token == token, !isClosed else { return }
          send(submission)
        }
      }
    }
  }

  /// Whether etcd has certainly not done it, and would not do it at once either.
  private static func isSteady(_ error: EtcdError) -> Bool {
    switch error.code {
    case .tooLarge, .exhausted, .refused, .unauthenticated: !error.isOutcomeUnknown
    case .unavailable, .deadlineExceeded, .protocolViolation, .cancelled: false
    }
  }

  private func remark(_ error: EtcdError) {
    guard remarked != error.message else { return }
    remarked = error.message
    logger.error("the cluster's state waits for etcd: \(error.message)")
  }

  private func written(_ submission: Submission, revision: Int64) {
    ringRevision = revision
    remarked = nil
    if let written = try? CoordinatorState(encoded: submission.state) { state = written }
    inFlight = nil
    onEvent(.persisted(through: submission.sequence))
    write()
  }

  private func refused(_ submission: Submission, _ outcome: EtcdOutcome) {
    let ring = outcome.ranges[1].first
    guard outcome.ranges[0].first?.createRevision == token else {
      return loseLead("another gateway has taken its place")
    }
    if let ring, ring.value == submission.state {
      return written(submission, revision: ring.modRevision)
    }
    loseLead("the state was changed by somebody who does not lead")
  }

  // MARK: - Other keys

  /// Takes steps that only the leading gateway takes.
  func commitLeading(
    _ steps: [EtcdOperation], _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let token, !isClosed else {
      return completion(.failure(ClusterError(.overloaded, "this gateway does not lead any more")))
    }
    var transaction = EtcdTransaction(success: steps)
    transaction.compares = [.createRevision(keys.leader, equals: token)]
    client.commit(transaction) { result in
      switch result {
      case .success(let outcome) where outcome.succeeded: completion(.success(()))
      case .success:
        completion(
          .failure(ClusterError(.overloaded, "another gateway leads; send it again")))
      case .failure(let error): completion(.failure(EtcdLog.failure(error)))
      }
    }
  }

  func read(
    _ key: [UInt8], isPrefix: Bool = false,
    _ completion: @escaping (Result<[EtcdEntry], ClusterError>) -> Void
  ) {
    client.range(key, isPrefix: isPrefix) { result in
      completion(result.map(\.entries).mapError(EtcdLog.failure))
    }
  }

  private static func failure(_ error: EtcdError) -> ClusterError {
    ClusterError(
      error.code == .tooLarge ? .malformed : .overloaded, "etcd does not do it: \(error.message)")
  }

  // MARK: - The end

  package func release(_ done: @escaping () -> Void) {
    guard let token else { return lease.stop(revoking: true, done) }
    self.token = nil
    var transaction = EtcdTransaction()
    transaction.compares = [.createRevision(keys.leader, equals: token)]
    transaction.success = [.delete(keys.leader, isPrefix: false)]
    client.commit(transaction) { [lease] _ in lease.stop(revoking: true, done) }
  }

  package func close() {
    isClosed = true
    token = nil
    leaderWatch = nil
    ringWatch = nil
    client.shutdown()
  }
}
