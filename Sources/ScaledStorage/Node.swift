package import Candid
package import Cluster
package import HTTPTransport
package import Logging
import Placement
package import Storage
package import WireProtocol

/// One node: a store, the keys that it owns, and its part in moving them.
///
/// It lives on its event loop and is used there only. Reads are answered at once. The writes of a
/// loop turn share one commit, made durable by a thread of its own; each is answered after that.
package final class Node {
  /// Called once, on the loop; at once when the answer is known at once.
  package typealias Completion = (KeyReply) -> Void

  package let loop: EventLoop
  let durability: Durability
  private let committer: GroupCommitter
  /// Nothing that it calls reaches this node before it returns.
  @exclusivity(unchecked) var machine: NodeMachine
  private let me = BackReference<Node>()
  let peers: PeerClient
  /// Who answers, and by which ring.
  let stamp = AnswerStamp()
  let logger: Logger

  private(set) var commitTimes = CommitTimes()
  private var commitFailures = CommitFailures()
  @exclusivity(unchecked) var waiters = TicketTable<Waiter>()
  private var acknowledgements: [UInt64: (Result<Void, ClusterError>) -> Void] = [:]
  private var nextAcknowledgement: UInt64 = 0
  private var performing: [NodeAction] = []
  @exclusivity(unchecked) private var turnTime = MonotonicTime(nanoseconds: 0)
  @exclusivity(unchecked) private var turnMoment = Moment(wall: 0, monotonic: 0)
  private var isFlushScheduled = false
  /// Made once: a closure of its own for each turn would be allocated.
  private let flushHook: () -> Void
  private var ticker: TimerID?
  private var isStopped = false
  private var isFetchingMap = false
  private var isExecuting = false
  private var isFlushing = false
  /// Until when this node may answer for its keys: past it another process may have its identity.
  /// The end of time where nobody gives identities away but for good.
  package var servesUntil = MonotonicTime(nanoseconds: .max)
  /// Called when another ring is in force.
  var onEpochChange: () -> Void = {}
  /// Called when the node can only go on by starting again.
  var onFailure: () -> Void = {}
  /// A commit failed for want of room.
  var onFullDisk: () -> Void = {}
  /// Called when the node is to forget all it has. Once it is certain that nothing of it will be
  /// found again, the completion is called, and the node ends.
  var onRetire: (@escaping (Result<Void, ClusterError>) -> Void) -> Void = { completion in
    completion(
      .failure(
        ClusterError(.conflict, "this program leaves what is stored to whoever started it")))
  }
  /// Called with the answers of requests that came straight from an exchange and could not be
  /// answered at once, whether their clients still wait or not.
  var onReply: (ExchangeToken, _ held: Int, KeyReply) -> Void = { _, _, _ in }

  /// Who waits for an answer. The requests of most clients are named by their exchange, so that
  /// waiting allocates nothing.
  enum Waiter {
    case closure(Completion)
    /// With bytes that the waiting holds, as its beginner counts them.
    case exchange(ExchangeToken, held: Int)
  }

  /// How often waiting requests and chunks are looked after, and how often an idle node looks for
  /// what has expired.
  private static let busyTick = Duration.milliseconds(20)
  private static let idleTick = Duration.milliseconds(250)

  /// Opens a node on `store`, as it was when it stopped last.
  ///
  /// - Parameters:
  ///   - loop: the loop that the node lives on.
  ///   - store: its data; the node is the only user of it.
  ///   - durability: what the store was opened with, as health reports show it.
  ///   - credentials: the cluster's, for what the node sends to other nodes.
  ///   - tls: what other nodes are reached with; nil speaks plain text.
  ///   - compressesHandover: whether keys on their way to other nodes are compressed.
  /// - Throws: `ClusterError` when the store cannot be read or was written by a newer program.
  package init(
    loop: EventLoop, store: any StorageEngine, durability: Durability, credentials: Credentials,
    tls: TLSContext? = nil, limits: NodeMachine.Limits = NodeMachine.Limits(),
    compressesHandover: Bool = false, logger: Logger
  ) throws(ClusterError) {
    self.loop = loop
    self.durability = durability
    self.logger = logger
    machine = try NodeMachine(
      store: store, limits: limits, tableSeed: UInt64.random(in: .min ... .max))
    peers = PeerClient(
      loop: loop, credentials: credentials, tls: tls, compressesMigrations: compressesHandover)
    flushHook = { [me] in me.target?.flush() }
    let relay = CommitRelay(loop: loop)
    do throws(StorageError) {
      committer = try GroupCommitter(engine: store) { outcome in relay.deliver(outcome) }
    } catch {
      throw ClusterError(.storage, "the committer could not be started: \(error.message)")
    }
    relay.onOutcome = { [me] outcome in me.target?.committed(outcome) }
    me.set(self)
    refreshStamp()
    scheduleTick()
  }

  deinit { me.clear() }

  // MARK: - Keys

  /// The id of this node; nil before it was initialised.
  package var id: Principal? { machine.identity }

  /// The ring and the addresses that this node knows.
  package var map: ClusterMap? { machine.map }

  /// To be called when the ring may have changed: when something has become durable.
  private func refreshStamp() {
    guard machine.epoch != stamp.epoch else { return }
    stamp.update(machine)
    onEpochChange()
  }

  /// Runs a command on a key at this node.
  ///
  /// - Parameter deadline: when nobody waits for the answer any more: what was not begun by then is
  ///   refused.
  package func execute(
    _ command: KeyCommand, key: [UInt8], deadline: MonotonicTime? = nil,
    _ completion: @escaping Completion
  ) {
    // The command's closure is the caller's code, which must not come back here.
    guard !isExecuting else {
      let error = ClusterError(
        .conflict, "the closure that changes a value called the node; call it afterwards")
      return completion(.refused(error))
    }
    guard !isFenced else { return completion(.refused(Node.fenced)) }
    let reply = runningCommands { $0.execute(command, key: key, ticket: waiters.next, now: now) }
    if let reply {
      completion(reply)
    } else {
      limitNext(to: deadline)
      waiters.add(.closure(completion))
      scheduleFlush()
    }
  }

  /// Calls the machine where it may run closures of callers, which must not call it again.
  func runningCommands<Result>(_ body: (inout NodeMachine) -> Result) -> Result {
    isExecuting = true
    defer { isExecuting = false }
    return body(&machine)
  }

  // MARK: - Control

  func initialise(
    identity: Principal, map: ClusterMap,
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    machine.initialise(identity: identity, map: map, ticket: acknowledgement(completion))
    scheduleFlush()
  }

  func handle(
    _ event: CanisterManagerEvent, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    machine.handle(event, ticket: acknowledgement(completion))
    scheduleFlush()
  }

  func retire(
    _ map: ClusterMap, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    machine.retire(map, ticket: acknowledgement(completion))
    scheduleFlush()
  }

  /// Someone works by a ring of this epoch: a newer one than ours is fetched from the coordinator.
  func noticeEpoch(_ epoch: UInt64) {
    guard let map = machine.map, epoch > map.ring.epoch, !isFetchingMap,
      let coordinator = map.coordinator
    else { return }
    isFetchingMap = true
    peers.fetchMap(from: coordinator) { [me] map in
      me.target?.isFetchingMap = false
      if let map { me.target?.handle(.ringChanged(map)) { _ in } }
    }
  }

  /// Stores records of a backup, durably.
  func restore(
    _ records: [(key: [UInt8], record: Record)], isOwn: Bool,
    _ completion: @escaping (Result<RestoreCounts, ClusterError>) -> Void
  ) {
    guard !isFenced else { return completion(.failure(Node.fenced)) }
    var counts = RestoreCounts()
    let ticket = acknowledgement { [me] result in
      // Whoever has the identity by now may have to store them.
      if me.target?.isFenced != false { return completion(.failure(Node.fenced)) }
      completion(result.map { counts })
    }
    counts = machine.restore(records, isOwn: isOwn, now: now, ticket: ticket)
    scheduleFlush()
  }

  /// Stores state of the layers above, durably; nil removes a name.
  func store(
    _ entries: [(name: String, value: [UInt8]?)],
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    machine.store(entries, ticket: acknowledgement(completion))
    scheduleFlush()
  }

  func stored(_ name: String) throws(ClusterError) -> [UInt8]? {
    try machine.stored(name)
  }

  private func acknowledgement(
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) -> UInt64 {
    nextAcknowledgement += 1
    acknowledgements[nextAcknowledgement] = completion
    return nextAcknowledgement
  }

  var status: NodeStatus { machine.status }
  var statistics: NodeMachine.Statistics { machine.statistics }
  var handoverStatus: HandoverStatus? { machine.handoverStatus }
  var cacheFigures: CacheFigures { machine.cacheFigures }
  var isPurging: Bool { machine.isPurging }

  /// Ends the node: what is acknowledged is durable, what is not is refused. Blocks until the last
  /// commit is done; called from within an answer, it ends the node at the end of the turn.
  package func stop() {
    guard !isStopped else { return }
    guard !isFlushing else {
      loop.atEndOfTurn { [me] in me.target?.stop() }
      return
    }
    isStopped = true
    if let ticker { loop.cancel(ticker) }
    flush()
    committer.close()
    peers.shutdown()
    for case .closure(let completion) in waiters.takeAll() {
      completion(
        .refused(ClusterError(.outcomeUnknown, "the node ended before it could answer")))
    }
  }

  // MARK: - The machine's driver

  /// The time at the start of this turn of the loop.
  var now: Moment {
    if loop.now != turnTime {
      turnTime = loop.now
      turnMoment = Moment(
        wall: WallClock.milliseconds, monotonic: turnTime.nanoseconds / 1_000_000)
    }
    return turnMoment
  }

  func scheduleFlush() {
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    loop.atEndOfTurn(flushHook)
  }

  private func scheduleTick() {
    let tick = machine.isBusy ? Node.busyTick : Node.idleTick
    ticker = loop.schedule(after: tick) { [me] in
      guard let node = me.target, !node.isStopped else { return }
      node.scheduleFlush()
      node.scheduleTick()
    }
  }

  private func flush() {
    isFlushScheduled = false
    defer { refreshStamp() }
    isFlushing = true
    defer { isFlushing = false }
    let more = runningCommands { machine in
      let more = machine.advance(now: now)
      machine.flush()
      return more
    }
    // An action may lead to further ones, such as an answer that lets a waiting request go on.
    machine.swapActions(&performing)
    while !performing.isEmpty {
      for index in performing.indices { perform(performing[index]) }
      performing.removeAll(keepingCapacity: true)
      runningCommands { $0.flush() }
      machine.swapActions(&performing)
    }
    if more {
      loop.schedule(after: .zero) { [me] in me.target?.scheduleFlush() }
    }
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .commit(let sequence, let batch):
      do throws(StorageError) {
        try committer.submit(batch, sequence: sequence)
        commitTimes.begin(sequence, at: loop.now)
      } catch {
        // A suspended committer has reported the failed commit, or is about to.
        guard error.code != .suspended else { return }
        // Nothing may be built on a batch whose fate is unclear: what is stored is sound, so the
        // node stops and starts again from there.
        logger.critical("the committer refused a batch, so the node stops: \(error.description)")
        onFailure()
      }
    case .reply(let ticket, let reply):
      let reply = isFenced ? Node.fencing(reply) : reply
      switch waiters.take(ticket) {
      case .closure(let completion): completion(reply)
      case .exchange(let token, let held): onReply(token, held, reply)
      case nil: break
      }
    case .respond(let ticket, let result):
      acknowledgements.removeValue(forKey: ticket)?(result)
    case .send(let message, let node, let address, let event):
      peers.send(event, to: node, at: address, epoch: machine.map?.ring.epoch ?? 0) {
        [me] result in
        me.target?.machine.peerReplied(message, result)
        me.target?.scheduleFlush()
      }
    case .retire(let ticket):
      onRetire { [me] result in
        me.target?.acknowledgements.removeValue(forKey: ticket)?(result)
      }
    case .alarm(let text):
      logger.error("\(text)")
    }
  }

  private func committed(_ outcome: CommitOutcome) {
    commitTimes.end(through: outcome.sequences.upperBound, at: loop.now)
    switch outcome.result {
    case .success:
      if commitFailures.count > 0 {
        logger.notice("commits succeed again, after \(commitFailures.end()) that failed")
      }
      runningCommands { $0.committed(through: outcome.sequences.upperBound) }
      refreshStamp()
    case .failure(let error):
      commitFailed(error)
    }
    scheduleFlush()
  }

  private func commitFailed(_ error: StorageError) {
    if commitFailures.isNews(error, at: loop.now) {
      logger.error("a commit failed: \(error.description)")
    }
    commitTimes.failures &+= 1
    machine.commitFailed(error)
    if error.code == .noSpace {
      onFullDisk()
    } else {
      // Only a full disk heals while the store is open. What is stored is sound: start again from
      // it.
      logger.critical("the store is broken, so the node stops")
      onFailure()
    }
    committer.resume()
    scheduleFlush()
  }
}
