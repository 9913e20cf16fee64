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
    /// The source restarted and no longer knows what changed: only an abort helps.
    case failed
  }

  let next: ClusterMap
  /// Whether keys leave this node, and whether keys come to it.
  let isOutgoing: Bool
  let isIncoming: Bool
  var phase: Phase

  /// Where the copy goes on; nil when it has seen every key.
  var cursor: [UInt8]?
  /// Keys that changed since the copy began, and the version of the change.
  var dirty: [[UInt8]: Version] = [:]
  /// The keys of `dirty` in the order in which they are sent.
  var dirtyOrder: [[UInt8]] = []
  /// Chunks that no target has acknowledged yet, by message.
  var chunks: [UInt64: Chunk] = [:]
  /// Changes sent since the copy ended; it bounds how long the copy chases a busy writer.
  var chased = 0
  var sentKeys: UInt64 = 0

  /// The turn after which no write of a moving key can become durable any more.
  var fenceBarrier: UInt64 = 0
  /// Control requests that wait for the fence.
  var fenceTickets: [UInt64] = []
  var isFencePersisting = false

  init(next: ClusterMap, current: ClusterMap, node: Principal) {
    self.next = next
    isOutgoing = current.contains(node)
    isIncoming = next.givesKeys(to: node, over: current)
    phase = .copying
    cursor = isOutgoing ? StoreLayout.dataRange.from : nil
  }

  var epoch: UInt64 { next.ring.epoch }
  var isFenced: Bool { phase == .fencing || phase == .fenced }
  var isDrained: Bool { cursor == nil && dirty.isEmpty && chunks.isEmpty }

  struct Chunk {
    let target: Principal
    let data: [UInt8]
    /// When to send again, on the monotonic clock; nil while an answer is awaited.
    var retryAt: UInt64?
    var attempts: UInt64 = 0
  }

  mutating func markDirty(_ key: [UInt8], _ version: Version) {
    if dirty.updateValue(version, forKey: key) == nil { dirtyOrder.append(key) }
  }
}

/// The removal of keys that this node no longer owns, after a flip or an abort.
struct Purge {
  /// Where the scan goes on.
  var cursor: [UInt8]
  /// The turn that carries the last page.
  var barrier: UInt64 = 0
  /// Whether the whole store has been seen.
  var isScanned = false
}

/// How far a handover has come, for health reports.
public struct HandoverStatus: Hashable, Sendable {
  public var epoch: UInt64
  public var phase: String
  public var sentKeys: UInt64
  public var backlog: UInt64
}

// MARK: - Chunks

/// Records on their way to a new owner.
///
/// Version 1: a marker byte, then for each record the length of the key (2 bytes), the length of
/// the stored record (4 bytes), both big-endian, the key and the record.
enum TransferChunk {
  private static let format: UInt8 = 1

  static func start() -> [UInt8] { [format] }

  static func append(key: [UInt8], record: Record, to data: inout [UInt8]) {
    let encoded = record.encoded
    data.appendBigEndian(UInt16(truncatingIfNeeded: key.count))
    data.appendBigEndian(UInt32(truncatingIfNeeded: encoded.count))
    data.append(contentsOf: key)
    data.append(contentsOf: encoded)
  }

  static func records(in data: [UInt8]) throws(ClusterError) -> [(key: [UInt8], record: Record)] {
    guard data.first == format else {
      throw ClusterError(.malformed, "the migrated data is not a transfer chunk of version 1")
    }
    var entries: [(key: [UInt8], record: Record)] = []
    var offset = 1
    while offset < data.count {
      guard data.count - offset >= 6 else { throw truncated(offset) }
      let keyCount = Int(data[offset]) << 8 | Int(data[offset + 1])
      let recordCount = data[offset + 2..<offset + 6].reduce(0) { $0 << 8 | Int($1) }
      offset += 6
      guard keyCount > 0, data.count - offset >= keyCount + recordCount else {
        throw truncated(offset)
      }
      let key = Array(data[offset..<offset + keyCount])
      offset += keyCount
      let record = try Record(encoded: Array(data[offset..<offset + recordCount]))
      offset += recordCount
      entries.append((key, record))
    }
    return entries
  }

  private static func truncated(_ offset: Int) -> ClusterError {
    ClusterError(.malformed, "the transfer chunk ends in the middle of a record, at byte \(offset)")
  }
}
