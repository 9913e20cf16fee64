import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import ScaledStorageClient

/// Brings the records of a backup to the nodes that own their keys now, whatever the ring does
/// meanwhile: a node takes a chunk as a whole, and only if all of it is its own.
final class RestoreRun {
  private(set) var counts = RestoreCounts()
  private(set) var failure: CommandFailure?

  private let caller: NodeCaller
  private let manifest: BackupManifest
  private let folder: BackupFolder
  private let isOwn: Bool
  private let patience: Duration
  private let pace: TransferPace
  private var progress = ProgressDisplay("restore", unit: "keys")

  private var map: ClusterMap
  private var places: [Principal: NodePlace] = [:]
  private var archive: BackupArchive?
  private var nextNode = 0
  private var cursor = RecordCursor()
  private var census = RecordCensus()
  /// Read and not sent yet, by owner.
  private var gathered: [Principal: Chunk] = [:]
  private var ready: [(owner: Principal, chunk: Chunk)] = []
  private var isRefreshing = false
  private var lastSuccess = MonotonicTime.current()

  private struct Chunk {
    var records: [(key: [UInt8], record: Record)] = []
    var bytes = 0
  }

  private static let chunkBytes = 256 << 10
  private static let chunkRecords = 1_000
  private static let chunksAtOnce = 8
  private static let pause = Duration.milliseconds(500)

  /// - Parameter isOwn: the backup is of this cluster, so that versions compare.
  init(
    _ manifest: BackupManifest, in folder: BackupFolder, _ caller: NodeCaller, map: ClusterMap,
    isOwn: Bool, patience: Duration, bytesPerSecond: UInt64
  ) throws(CommandFailure) {
    self.manifest = manifest
    self.folder = folder
    self.caller = caller
    self.map = map
    self.isOwn = isOwn
    self.patience = patience
    pace = TransferPace(caller.connection.loop, bytesPerSecond: bytesPerSecond)
    try take(map)
  }

  private func take(_ map: ClusterMap) throws(CommandFailure) {
    let places = try caller.places(of: map)
    self.map = map
    self.places = Dictionary(places.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
  }

  /// Runs the loop until every record is stored, durably, or it goes no further.
  func run() {
    defer { progress.end() }
    while failure == nil {
      let pump = Pump(limit: RestoreRun.chunksAtOnce) { [self] done in start(done) }
      caller.connection.run(pump)
      guard failure == nil, isRefreshing else { return }
      refresh()
    }
  }

  // MARK: - Reading

  private func start(_ done: @escaping () -> Void) -> Pump.Step {
    // What is under way is waited for before the ring is looked at again.
    guard failure == nil, !isRefreshing else { return .exhausted }
    do throws(CommandFailure) {
      while ready.isEmpty {
        guard try readPage() else { return .exhausted }
      }
    } catch {
      failure = error
      return .exhausted
    }
    let (owner, chunk) = ready.removeLast()
    send(chunk, to: owner, done)
    return .started
  }

  /// Reads one page, or the rest of what is gathered; false when there is nothing left.
  private func readPage() throws(CommandFailure) -> Bool {
    guard let archive = try currentArchive() else {
      guard !gathered.isEmpty else { return false }
      for (owner, chunk) in gathered { ready.append((owner, chunk)) }
      gathered = [:]
      return true
    }
    guard let records = try archive.page(&cursor, &census) else {
      self.archive = nil
      return true
    }
    let now = WallClock.milliseconds
    for entry in records {
      guard entry.record.isLive(at: now) else {
        counts.expired += 1
        continue
      }
      try gather(entry)
    }
    return true
  }

  private func currentArchive() throws(CommandFailure) -> BackupArchive? {
    if let archive { return archive }
    guard nextNode < manifest.nodes.count else { return nil }
    let opened = try BackupArchive(manifest.nodes[nextNode], in: folder)
    try opened.check(manifest)
    nextNode += 1
    cursor = RecordCursor()
    archive = opened
    return opened
  }

  private func gather(_ entry: (key: [UInt8], record: Record)) throws(CommandFailure) {
    guard let owner = map.owner(of: entry.key) else {
      throw CommandFailure("the cluster's ring has no members")
    }
    var chunk = gathered.removeValue(forKey: owner) ?? Chunk()
    chunk.records.append(entry)
    chunk.bytes += entry.key.count + (entry.record.value?.count ?? 0) + 32
    if chunk.bytes >= RestoreRun.chunkBytes || chunk.records.count >= RestoreRun.chunkRecords {
      ready.append((owner, chunk))
    } else {
      gathered[owner] = chunk
    }
  }

  // MARK: - Sending

  private func send(_ chunk: Chunk, to owner: Principal, _ done: @escaping () -> Void) {
    guard let place = places[owner] else {
      setBack(chunk, NodeRefusal(message: "\(owner.text) has no address", isPassing: true))
      caller.connection.loop.schedule(after: .zero, done)
      return
    }
    var data = TransferChunk.start()
    for entry in chunk.records {
      TransferChunk.append(key: entry.key, record: entry.record, to: &data)
    }
    let arguments = RestoreRecords(data: data, isOwn: isOwn)
    pace.wait(for: data.count) { [self] in
      caller.call(.restoreRecords, arguments, at: place, as: RestoreCounts.self) { [self] result in
        switch result {
        case .success(let stored): note(stored)
        case .failure(let refusal): setBack(chunk, refusal)
        }
        done()
      }
    }
  }

  private func note(_ stored: RestoreCounts) {
    lastSuccess = .current()
    counts.stored = counts.stored.adding(atMost: stored.stored)
    counts.kept = counts.kept.adding(atMost: stored.kept)
    counts.expired = counts.expired.adding(atMost: stored.expired)
    let count = counts.stored.adding(atMost: counts.kept).adding(atMost: counts.expired)
    progress.update(count, fraction: Double(count) / Double(max(1, manifest.keys)))
  }

  /// Nothing of the chunk is lost: it is sent again, by the ring as it is then. What was stored of
  /// it all the same is kept as it is.
  private func setBack(_ chunk: Chunk, _ refusal: NodeRefusal) {
    guard refusal.isPassing, MonotonicTime.current() - lastSuccess < patience else {
      failure = failure ?? refusal.failure
      return
    }
    ready.append((Principal.anonymous, chunk))
    isRefreshing = true
  }

  /// Looks at the ring again and gives each waiting record to its owner of now.
  private func refresh() {
    isRefreshing = false
    caller.connection.pause(RestoreRun.pause)
    do throws(CommandFailure) {
      try take(try caller.ring().map)
      let waiting = ready.map(\.chunk) + gathered.values
      ready = []
      gathered = [:]
      for chunk in waiting {
        for entry in chunk.records { try gather(entry) }
      }
    } catch {
      failure = error
    }
  }
}
