public import Candid
import Placement
public import Storage

/// The logic of one node: who owns a key, what a write does, how keys are handed over.
///
/// A value without I/O, clock or randomness of its own: calls go in, `NodeAction`s come out of
/// `takeActions()`. It only reads its store; every change of it leaves as a `.commit` action, and
/// nothing is answered before the driver reports the commit as durable. The same code runs in a
/// node, on its event loop, and under simulation.
///
/// The driver's duties: after a batch of calls it calls `flush()`, carries the actions out in
/// order, reports each commit by `committed(through:)` or `commitFailed(_:)`, each peer's answer by
/// `peerReplied`, and calls `advance` again as long as that returns true, and on a slow tick.
public struct NodeMachine {
  /// Bounds on what peers and clients can make the machine hold.
  public struct Limits: Sendable {
    /// Requests that may wait for a fence at once; the excess is refused as overloaded.
    public var heldRequests = 10_000
    /// Bytes of keys and values of these requests.
    public var heldBytes = 64 << 20
    /// How long a request waits for a fence, in milliseconds.
    public var heldMilliseconds: UInt64 = 10_000
    /// Entries and bytes of one chunk of a handover.
    public var chunkEntries = 1_000
    public var chunkBytes = 256 * 1024
    /// Chunks sent and not yet acknowledged.
    public var chunksInFlight = 2
    /// Records that one slice of background work looks at.
    public var sliceEntries = 512
    /// Changed keys that may be left when a source calls its copy done: what the fence must send.
    public var fenceBacklog = 256
    /// Bytes a second that a copy may send, so that clients keep their share; 0 is without bound.
    /// What changed during the copy is sent at any rate, or the copy might never end.
    public var handoverBytesPerSecond: UInt64 = 0
    /// Bytes that are copied between two notes of how far the copy has come.
    public var checkpointBytes = 16 << 20
    /// Bytes of writes that may wait for the disk; beyond it, writes are refused as overloaded.
    public var uncommittedBytes = 32 << 20
    /// Bytes of memory for records that were read or written lately; 0 reads each from the store.
    public var cacheBytes = 64 << 20

    public init() {}
  }

  let store: any StorageEngine
  let limits: Limits
  let tableSeed: UInt64

  public internal(set) var identity: Principal?
  public internal(set) var map: ClusterMap? {
    get { shared?.map }
    set { shared = newValue.map(SharedMap.init) }
  }
  /// The map, to be asked about every request.
  var shared: SharedMap?
  public internal(set) var statistics = Statistics()

  var handover: Handover?
  /// A handover is on its way to the disk: what is deleted from here on leaves a tombstone.
  var isPreparing = false
  var purge: Purge?
  /// The turn that carries the last sweep of expired records: the next waits for it.
  var sweepBarrier: UInt64 = 0
  var sweepAt: UInt64 = 0
  /// The turn that carries the last change of identity, ring or handover: the next waits for it, or
  /// it would be judged by a state that is about to pass.
  var structureBarrier: UInt64 = 0
  var lastMoment = Moment(wall: 0, monotonic: 0)

  /// What is written but not yet known to be durable, by key: later writes build on it.
  var pending = PendingWrites()
  var cache: RecordCache
  var openTurn = Turn()
  var inFlight: [Turn] = []
  /// Turns that are durable, while what follows from that is done.
  var finishing: [Turn] = []
  /// Turns whose memory is used again.
  private var spareTurns: [Turn] = []
  var inFlightBytes = 0
  var lastSequence: UInt64 = 0
  var lastVersion = Version(0)
  var reservedVersion = Version(0)

  /// Why the last commit failed, until a commit succeeds again. What a failed commit left behind is
  /// not known before that, so nothing is written on top of it.
  public internal(set) var failure: ClusterError?
  var probeAt: UInt64 = 0
  /// The keys of the writes that failed, until a commit succeeds.
  var doubtful: Set<[UInt8]> = []

  var held: [HeldRequest] = []
  var heldBytes = 0
  var actions: [NodeAction] = []
  var nextMessage: UInt64 = 0

  struct HeldRequest {
    var command: KeyCommand
    var key: [UInt8]
    var ticket: UInt64
    /// When the node gives the request up.
    var deadline: UInt64
    /// When its client does.
    var clientDeadline = UInt64.max

    var byteCount: Int {
      if case .put(let value, _, _) = command { key.count + value.count } else { key.count }
    }
  }

  /// Live keys and what they take, tracked with every write and stored with it.
  public struct Statistics: Hashable, Sendable {
    public var keys: UInt64 = 0
    /// Bytes of live keys and values.
    public var bytes: UInt64 = 0
  }

  /// Reads back what a node was when it stopped, or starts an empty one.
  /// - Throws: `ClusterError` when the store cannot be read or holds an unknown format.
  ///
  /// - Parameter tableSeed: a random number, so that nobody can choose keys that meet in tables.
  public init(
    store: any StorageEngine, limits: Limits = Limits(), tableSeed: UInt64 = 0
  ) throws(ClusterError) {
    self.store = store
    self.tableSeed = tableSeed
    self.limits = limits
    cache = RecordCache(limit: limits.cacheBytes)
    try restore()
  }

  /// The epoch of the ring that this node knows.
  package var epoch: UInt64? { shared?.epoch }

  /// Whether the cluster lets calls of the module with this digest be served.
  package func acceptsModule(_ digest: [UInt8]) -> Bool { shared?.acceptsModule(digest) ?? true }

  // MARK: - Actions

  /// What the driver has to do now, in order. Leaves the machine without actions.
  public mutating func takeActions() -> [NodeAction] {
    let taken = actions
    actions = []
    return taken
  }

  /// Exchanges `done`, which is empty, for what the driver has to do now: `takeActions()` with
  /// memory that is used again.
  package mutating func swapActions(_ done: inout [NodeAction]) {
    swap(&done, &actions)
  }

  /// Closes the turn: all writes since the last flush become one commit.
  public mutating func flush() {
    guard !openTurn.isEmpty else { return }
    if openTurn.batch.isEmpty {
      // Only answers that depend on earlier writes: they go out with the last of those.
      if let last = inFlight.indices.last {
        inFlight[last].merge(openTurn)
      } else {
        let turn = openTurn
        openTurn = Turn()
        complete(turn)
      }
      openTurn = nextTurn()
      return
    }
    if lastVersion >= reservedVersion {
      reservedVersion = Version(lastVersion.rawValue &+ NodeMachine.versionReserveStep)
      var reserve: [UInt8] = []
      reserve.appendBigEndian(reservedVersion.rawValue)
      openTurn.batch.put(StoreLayout.versionReserve, reserve)
    }
    if failure == nil { openTurn.batch.put(StoreLayout.statistics, statistics.encoded) }
    lastSequence += 1
    openTurn.sequence = lastSequence
    inFlight.append(openTurn)
    inFlightBytes += openTurn.batch.byteCount
    actions.append(.commit(sequence: lastSequence, openTurn.batch))
    openTurn = nextTurn()
  }

  private mutating func nextTurn() -> Turn { spareTurns.popLast() ?? Turn() }

  /// Every commit up to and including `sequence` is durable.
  public mutating func committed(through sequence: UInt64) {
    var done = 0
    while done < inFlight.count, inFlight[done].sequence <= sequence { done += 1 }
    guard done > 0 else { return }
    finishing.append(contentsOf: inFlight[..<done])
    inFlight.removeFirst(done)
    for index in finishing.indices {
      inFlightBytes -= finishing[index].batch.byteCount
      complete(finishing[index])
    }
    while var turn = finishing.popLast() {
      guard spareTurns.count < NodeMachine.mostSpareTurns else { continue }
      turn.reset()
      spareTurns.append(turn)
    }
  }

  private static let mostSpareTurns = 4

  /// A commit failed, and with it all that was built on it: every write that is not yet durable is
  /// refused, and the machine's view returns to what the store holds.
  public mutating func commitFailed(_ error: StorageError) {
    let code: ClusterError.Code = error.code == .noSpace ? .noSpace : .storage
    let refusal = ClusterError(code, "the store could not take the write: \(error.message)")
    let unknown = ClusterError(
      .outcomeUnknown,
      "the store failed while it took the write, so whether it did is not known; "
        + "read the key before writing again: \(error.message)")
    let failed = inFlight.map { ($0, unknown) } + [(openTurn, refusal)]
    inFlight = []
    inFlightBytes = 0
    openTurn = Turn()
    pending.removeAll()
    // What the store holds under the keys of these turns is not known before it recovers.
    cache.removeAll()
    failure = refusal
    probeAt = lastMoment.monotonic &+ NodeMachine.probePause
    // Nothing is left to wait for: what these turns carried may never become durable.
    sweepBarrier = 0
    structureBarrier = 0
    isPreparing = false
    handover?.fenceBarrier = 0
    rereadCounters()
    for (turn, error) in failed {
      for touch in turn.touched { doubtful.insert(turn.key(of: touch)) }
      noteMovingChanges(turn)
      for answer in turn.replies { actions.append(.reply(answer.ticket, .refused(error))) }
      // Control events may be repeated whatever became of them.
      for ticket in turn.controls { actions.append(.respond(ticket, .failure(refusal))) }
      for transition in turn.transitions { revert(transition) }
    }
  }

  /// Whether the turn `sequence`, which may not have been flushed yet, is durable.
  func isDurable(_ sequence: UInt64) -> Bool {
    if let first = inFlight.first { return sequence < first.sequence }
    return sequence <= lastSequence
  }

  /// The turn that carries the last write so far.
  var writeBarrier: UInt64 { lastSequence + (openTurn.batch.isEmpty ? 0 : 1) }

  /// Why nothing may be written now: the last commit failed, or the disk is far behind.
  var writeRefusal: ClusterError? {
    if let failure { return failure }
    guard inFlightBytes + openTurn.batch.byteCount > limits.uncommittedBytes else { return nil }
    return ClusterError(
      .overloaded, "the disk is behind with the writes before this one; try again shortly")
  }

  /// Milliseconds between two attempts to write after a failure.
  static let probePause: UInt64 = 250

  // MARK: - Versions

  /// Versions are reserved in steps, so that a restarted node never gives one twice.
  static let versionReserveStep: UInt64 = 1 << 20

  mutating func newVersion(after previous: Version?) -> Version {
    var version = max(lastVersion.next, Version.first(of: shared?.epoch ?? 0))
    if let previous, previous >= version { version = previous.next }
    lastVersion = version
    return version
  }

  // MARK: - Reading

  func durableRecord(_ key: [UInt8]) throws(ClusterError) -> Record? {
    guard let bytes = try read(StoreLayout.dataKey(key)) else { return nil }
    return try Record(encoded: bytes)
  }

  func read(_ stored: [UInt8]) throws(ClusterError) -> [UInt8]? {
    do throws(StorageError) {
      return try store.get(stored)
    } catch {
      throw ClusterError(.storage, "the store could not be read: \(error.message)")
    }
  }
}

/// What a driver has to carry out for a `NodeMachine`.
public enum NodeAction {
  /// Make the batch durable, then report `sequence`.
  case commit(sequence: UInt64, WriteBatch)
  /// Answer the keyed request that came with this ticket.
  case reply(UInt64, KeyReply)
  /// Answer the control event that came with this ticket.
  case respond(UInt64, Result<Void, ClusterError>)
  /// Send an event to another node and report its answer by `peerReplied(message)`.
  case send(message: UInt64, to: Principal, address: String, CanisterManagerEvent)
  /// The node is no member any more: make sure that nothing it has is found again, then answer the
  /// control event that came with this ticket.
  case retire(UInt64)
  /// Something an operator must see.
  case alarm(String)
}

/// The writes and answers of one turn of the loop: they become durable together.
struct Turn {
  /// A write of a key, whose bytes lie in the batch.
  struct Touch {
    var hash: UInt64
    var version: Version
    var key: Range<Int>
    /// Empty when nothing is left under the key.
    var record: Range<Int>
  }

  var sequence: UInt64 = 0
  var batch = WriteBatch()
  var replies: [(ticket: UInt64, reply: KeyReply)] = []
  var controls: [UInt64] = []
  var touched: [Touch] = []
  var transitions: [Transition] = []

  /// Memory of a batch that is kept for later turns.
  private static let keptBytes = 1 << 20
  private static let keptEntries = 8_192

  var isEmpty: Bool {
    batch.isEmpty && replies.isEmpty && controls.isEmpty && transitions.isEmpty
  }

  func key(of touch: Touch) -> [UInt8] {
    var key: [UInt8] = []
    batch.withBytes(at: touch.key) { key = Array($0) }
    return key
  }

  mutating func merge(_ later: Turn) {
    replies += later.replies
    controls += later.controls
    transitions += later.transitions
  }

  /// Empties the turn and keeps modest memory.
  mutating func reset() {
    sequence = 0
    batch.removeAll(keeping: Turn.keptBytes)
    replies.removeAll(keepingCapacity: replies.capacity <= Turn.keptEntries)
    controls.removeAll(keepingCapacity: true)
    touched.removeAll(keepingCapacity: touched.capacity <= Turn.keptEntries)
    transitions.removeAll(keepingCapacity: true)
  }
}

/// What changes in the machine once a turn is durable.
enum Transition {
  /// The store takes commits again.
  case recovered
  case initialised(Principal, ClusterMap)
  case mapChanged(ClusterMap)
  case handoverPrepared(Handover)
  /// A joining node came back at another address.
  case targetsMoved(ClusterMap)
  case handoverFenced(epoch: UInt64)
  case handoverAborted(epoch: UInt64)
  case purgePageDone(resume: [UInt8]?)
  case purgeFinished
}
