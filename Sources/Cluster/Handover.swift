import Candid
import Placement

/// One node's part in moving keys to the owners of the next ring.
///
/// A source copies the keys that leave it while it goes on serving them, remembers which of them
/// change meanwhile, and sends those again. The fence holds requests for them until the next ring
/// is in force. A target stores what comes and serves nothing of it before the flip.
struct Handover {
  enum Phase: String {
    /// The copy is under way.
    case copying
    /// What is left to send is little: the source may be fenced.
    case copied
    /// Requests for moving keys wait; the rest of the changes is being sent.
    case fencing
    /// The targets have everything, durably, and so is the fence itself: waiting for the verdict.
    case fenced
    /// An older program began the copy and did not note how to go on: only an abort helps.
    case failed
  }

  var next: ClusterMap
  /// Whether keys leave this node, and whether keys come to it.
  let isOutgoing: Bool
  let isIncoming: Bool
  var phase: Phase

  /// Where the copy goes on; nil when it has seen every key.
  var cursor: [UInt8]?
  /// Keys that changed since the copy began, and the version of the change.
  var dirty: [[UInt8]: Version] = [:]
  /// The keys of `dirty` in the order in which they are sent, from `dirtyHead` on.
  private var dirtyOrder: [[UInt8]] = []
  private var dirtyHead = 0
  /// What the copy has found to move and not sent yet, by target, and where it was found first.
  var gathered = Gathered()
  /// Chunks that no target has acknowledged yet, by message.
  var chunks: [UInt64: Chunk] = [:]
  /// How many nodes get keys.
  let targetCount: Int
  /// Changes sent since the copy ended; it bounds how long the copy chases a busy writer.
  var chased = 0
  var sentKeys: UInt64 = 0

  /// How far the copy is known to have come, for a restart to go on from.
  var checkpoint: CopyCheckpoint
  /// What an earlier life of this node has copied already.
  var resumed: CopyCheckpoint?
  /// What had been sent when the checkpoint was noted last.
  var noted: UInt64 = 0

  var progress: HandoverProgress
  var pace = CopyPace()

  /// The turn after which no write of a moving key can become durable any more.
  var fenceBarrier: UInt64 = 0
  /// Control requests that wait for the fence.
  var fenceTickets: [UInt64] = []
  var isFencePersisting = false

  /// - Parameters:
  ///   - version: the last one given before the copy begins.
  ///   - statistics: what the node holds.
  init(
    next: ClusterMap, current: ClusterMap, node: Principal, version: Version,
    statistics: NodeMachine.Statistics
  ) {
    self.next = next
    isOutgoing = next.takesKeys(from: node, over: current)
    isIncoming = next.givesKeys(to: node, over: current)
    targetCount = next.members.count { next.givesKeys(to: $0, over: current) }
    phase = .copying
    cursor = isOutgoing ? StoreLayout.dataRange.from : nil
    checkpoint = CopyCheckpoint(cursor: StoreLayout.dataRange.from, version: version)
    progress = HandoverProgress(keys: statistics.keys, bytes: statistics.bytes)
  }

  var epoch: UInt64 { next.ring.epoch }
  var isFenced: Bool { phase == .fencing || phase == .fenced }
  var isDrained: Bool { cursor == nil && dirty.isEmpty && chunks.isEmpty }

  /// Where the copy would have to begin if what is on its way were lost.
  var frontier: [UInt8]? {
    // What is gathered was found after what has been sent.
    chunks.values.lazy.compactMap(\.begin).min { $0.lexicographicallyPrecedes($1) }
      ?? gathered.begin ?? cursor
  }

  struct Gathered {
    var begin: [UInt8]?
    var data: [Principal: [UInt8]] = [:]
    var entries = 0
    var bytes = 0
  }

  struct Chunk {
    let target: Principal
    let data: [UInt8]
    /// Where the slice of the copy begins that the chunk holds; nil for changes sent after it.
    let begin: [UInt8]?
    /// When to send again, on the monotonic clock; nil while an answer is awaited.
    var retryAt: UInt64?
    var attempts: UInt64 = 0
  }

  mutating func markDirty(_ key: [UInt8], _ version: Version) {
    if dirty.updateValue(version, forKey: key) == nil { dirtyOrder.append(key) }
  }

  /// Takes out the changes that have waited longest.
  mutating func takeDirty(_ most: Int) -> [(key: [UInt8], version: Version)] {
    let end = min(dirtyHead + most, dirtyOrder.count)
    let taken = dirtyOrder[dirtyHead..<end].compactMap { key in
      dirty.removeValue(forKey: key).map { (key, $0) }
    }
    dirtyHead = end
    if dirtyHead * 2 >= dirtyOrder.count {
      dirtyOrder.removeFirst(dirtyHead)
      dirtyHead = 0
    }
    return taken
  }
}

/// The removal of keys that this node no longer owns, after a flip or an abort.
struct Purge {
  /// Where the scan goes on.
  var cursor: [UInt8]
  /// The turn that carries the last page; at first the last write that may leave a tombstone.
  var barrier: UInt64 = 0
  /// Whether only tombstones are looked for that the next handover does not mind.
  var mayWait = false
  /// Whether the whole store has been seen.
  var isScanned = false
}

/// How far a copy has come: every key before `cursor` that had no later version than `version` has
/// been taken over by its target, durably.
struct CopyCheckpoint: Hashable {
  var cursor: [UInt8]
  let version: Version

  /// Whether the target has a record of this version under this stored key.
  func covers(_ stored: [UInt8], _ version: Version) -> Bool {
    version <= self.version && stored.lexicographicallyPrecedes(cursor)
  }
}

/// Holds a copy to the rate that its operator allows.
struct CopyPace {
  /// When the next slice may be sent, in milliseconds of the monotonic clock.
  private var readyAt: UInt64 = 0
  /// A longer pause would look like a copy that stalls.
  static let longestPause: UInt64 = 20_000

  func mayGoOn(at now: UInt64) -> Bool { readyAt <= now }

  mutating func sent(_ byteCount: Int, perSecond rate: UInt64, at now: UInt64) {
    guard rate > 0 else { return }
    let pause = min(UInt64(byteCount) &* 1_000 / rate, CopyPace.longestPause)
    readyAt = min(max(readyAt, now) &+ pause, now &+ CopyPace.longestPause)
  }
}
