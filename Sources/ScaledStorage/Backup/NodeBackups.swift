import Cluster
import Glibc
import HTTPTransport
import Logging
import Storage
import WireProtocol

/// What a node does for backups: it sets its data aside as a checkpoint of the store, hands out
/// the files, and sums up records. All that may wait for the disk runs on threads of its own, with
/// less right to the processor than those that serve.
final class NodeBackups {
  typealias Completion<Value> = (Result<Value, Problem>) -> Void

  private let node: Node
  private let store: any StorageEngine
  /// Nil where there is no disk to set data aside on.
  private let folder: String?
  private let version: String
  private let me = BackReference<NodeBackups>()
  private var held: Held?
  /// A checkpoint is being made or removed.
  private var isWorking = false
  private var readers = 0
  /// When the data was set aside of which the last complete backup was made, in milliseconds since
  /// 1970; nil before the first since the start.
  private(set) var completed: UInt64?

  private struct Held {
    let owner: String
    let contents: BackupContents
    let sizes: [String: UInt64]
    let takenAt: UInt64
    var lastUse: MonotonicTime
  }

  /// Reads and sums under way at once.
  private static let mostReaders = 8
  /// Nobody else may replace what was used within this time.
  private static let claim = Duration.seconds(60)
  /// What was not used for this long is removed: it keeps tables on the disk that the store has
  /// merged into others.
  private static let patience = Duration.seconds(3_600)
  private static let lookInterval = Duration.seconds(60)
  /// Of one page of a sum.
  private static let sumKeys = 20_000
  private static let sumBytes = 16 << 20

  init(_ node: Node, store: any StorageEngine, folder: String?, version: String) {
    self.node = node
    self.store = store
    self.folder = folder
    self.version = version
    me.set(self)
    // Who was fetching from an earlier life of this node begins anew.
    remove { [me] in me.target?.scheduleLook() }
    node.onFullDisk = { [me] in me.target?.dropForRoom() }
  }

  deinit { me.clear() }

  // MARK: - Setting aside

  /// `backup_begin`. The same call again is answered the same.
  func begin(_ args: BackupBegin, _ completion: @escaping Completion<BackupContents>) {
    do throws(Problem) {
      guard let folder, let engine = store as? any CheckpointingEngine else {
        throw Problem(501, "no_backup", "this node keeps its data in memory only")
      }
      try NodeBackups.check(name: args.backup)
      if let held, held.contents.backup == args.backup {
        self.held?.lastUse = node.loop.now
        return completion(.success(held.contents))
      }
      if let error = node.unsettled(at: args.epoch) { throw Problem(error) }
      guard !isWorking else { throw NodeBackups.busy }
      if let held, held.owner != args.owner, node.loop.now - held.lastUse < NodeBackups.claim {
        throw Problem(
          409, "backup_busy", "another backup, \(held.contents.backup), is being fetched here")
      }
      make(args, engine, folder, completion)
    } catch {
      completion(.failure(error))
    }
  }

  private static func check(name: String) throws(Problem) {
    let isName = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
    }
    guard isName, (1...64).contains(name.utf8.count) else {
      throw Problem(
        400, "malformed", "a backup's name has 1 to 64 lower-case letters, digits and hyphens")
    }
  }

  private static let busy = Problem(
    503, "overloaded", "another checkpoint is being made or removed here; try again")

  private func make(
    _ args: BackupBegin, _ engine: any CheckpointingEngine, _ folder: String,
    _ completion: @escaping Completion<BackupContents>
  ) {
    isWorking = true
    held = nil
    let takenAt = WallClock.milliseconds
    away { () throws(Problem) -> [BackupFile] in
      CheckpointFiles.removeAll(in: folder)
      mkdir(folder, 0o700)
      let path = folder + "/" + args.backup
      do throws(StorageError) {
        try engine.makeCheckpoint(at: path)
      } catch {
        CheckpointFiles.removeAll(in: folder)
        let code: ClusterError.Code = error.code == .noSpace ? .noSpace : .storage
        throw Problem(ClusterError(code, "the checkpoint failed: \(error.message)"))
      }
      do throws(Problem) {
        return try CheckpointFiles.list(path)
      } catch {
        CheckpointFiles.removeAll(in: folder)
        throw error
      }
    } then: { [me] result in
      guard let backups = me.target else { return }
      backups.isWorking = false
      completion(result.flatMap { files in backups.hold(args, files, takenAt: takenAt) })
    }
  }

  /// What was set aside counts only if nothing moved meanwhile.
  private func hold(
    _ args: BackupBegin, _ files: [BackupFile], takenAt: UInt64
  ) -> Result<BackupContents, Problem> {
    if let error = node.unsettled(at: args.epoch) {
      remove()
      return .failure(Problem(error))
    }
    guard let id = node.id, let map = node.map else {
      remove()
      return .failure(NodeBackups.busy)
    }
    let contents = BackupContents(
      backup: args.backup, node: id, epoch: args.epoch, digest: map.digestText,
      cluster: map.clusterID, version: version, files: files)
    held = Held(
      owner: args.owner, contents: contents,
      sizes: Dictionary(files.map { ($0.name, $0.size) }, uniquingKeysWith: { $1 }),
      takenAt: takenAt, lastUse: node.loop.now)
    return .success(contents)
  }

  // MARK: - Handing out

  /// `backup_read`.
  func read(_ args: BackupRead, _ completion: @escaping Completion<BackupPart>) {
    do throws(Problem) {
      let held = try held(args.backup)
      guard let folder, let size = held.sizes[args.file] else {
        throw Problem(
          404, "unknown_backup", "the backup has no file \"\(args.file.prefix(80))\" here")
      }
      guard (1...BackupRead.mostBytes).contains(args.count), args.offset <= size,
        UInt64(args.count) <= size - args.offset
      else {
        throw Problem(
          400, "malformed",
          "the file has \(size) bytes, of which 1 to \(BackupRead.mostBytes) are read at a time")
      }
      try takeReader()
      let path = "\(folder)/\(args.backup)/\(args.file)"
      away { () throws(Problem) in
        try CheckpointFiles.read(path, at: args.offset, count: Int(args.count))
      } then: { [me] result in
        me.target?.readers -= 1
        completion(result)
      }
    } catch {
      completion(.failure(error))
    }
  }

  private func held(_ backup: String) throws(Problem) -> Held {
    guard let held, held.contents.backup == backup else {
      throw Problem(
        404, "unknown_backup",
        "the backup \"\(backup.prefix(64))\" is not set aside here any more; begin it anew")
    }
    self.held?.lastUse = node.loop.now
    return held
  }

  private func takeReader() throws(Problem) {
    guard readers < NodeBackups.mostReaders else {
      throw Problem(503, "overloaded", "\(readers) parts are being read already; try again")
    }
    readers += 1
  }

  // MARK: - Letting go

  /// `backup_end`. What is not there any more is no failure.
  func end(_ args: BackupEnd) throws(Problem) {
    try NodeBackups.check(name: args.backup)
    guard let held, held.contents.backup == args.backup else { return }
    if args.isComplete == true { completed = held.takenAt }
    remove()
  }

  private func remove(_ done: @escaping () -> Void = {}) {
    held = nil
    guard let folder, !isWorking else { return done() }
    isWorking = true
    away { () throws(Problem) in
      CheckpointFiles.removeAll(in: folder)
    } then: { [me] _ in
      me.target?.isWorking = false
      done()
    }
  }

  /// Writes go before a backup, which begins anew when there is room again: what is set aside keeps
  /// tables on the disk that would be gone.
  private func dropForRoom() {
    guard let held else { return }
    node.logger.error(
      "the disk is full, so what is set aside for \(held.contents.backup) is removed")
    remove()
  }

  private func scheduleLook() {
    guard let folder else { return }
    node.loop.schedule(after: NodeBackups.lookInterval) { [me] in
      guard let backups = me.target else { return }
      if let held = backups.held, backups.node.loop.now - held.lastUse > NodeBackups.patience {
        backups.remove()
      } else if backups.held == nil, access(folder, F_OK) == 0 {
        // A thread to remove it was not to be had before.
        backups.remove()
      }
      backups.scheduleLook()
    }
  }

  // MARK: - Sums

  /// `backup_sum`.
  func sum(_ args: SumRequest, _ completion: @escaping Completion<SumPage>) {
    do throws(Problem) {
      if let error = node.unsettled(at: args.epoch) { throw Problem(error) }
      try takeReader()
      away { [store] () throws(Problem) in
        try NodeBackups.sum(store, args)
      } then: { [me] result in
        guard let backups = me.target else { return }
        backups.readers -= 1
        // Keys that came or went meanwhile may have been counted or missed.
        if let error = backups.node.unsettled(at: args.epoch) {
          return completion(.failure(Problem(error)))
        }
        completion(result)
      }
    } catch {
      completion(.failure(error))
    }
  }

  private static func sum(
    _ store: any StorageEngine, _ args: SumRequest
  ) throws(Problem) -> SumPage {
    var sum = RecordSum()
    var next: [UInt8]? = args.from
    var keys = 0
    var bytes = 0
    do throws(ClusterError) {
      while let from = next, keys < sumKeys, bytes < sumBytes {
        let page = try StoredRecords.page(of: store, from: from)
        for entry in page.records {
          sum.add(key: entry.key, entry.record, horizon: args.horizon)
          keys += 1
          bytes += entry.key.count + (entry.record.value?.count ?? 0)
        }
        next = page.next
      }
    } catch {
      throw Problem(error)
    }
    return SumPage(sum: sum.encoded, keys: sum.keys, bytes: sum.bytes, next: next)
  }

  // MARK: - Threads

  /// Runs `body` on a thread of its own, and `then` on the loop with what came of it.
  private func away<Value: Sendable>(
    _ body: @escaping @Sendable () throws(Problem) -> Value,
    then: @escaping (Result<Value, Problem>) -> Void
  ) {
    let target = LoopBound(then, loop: node.loop)
    let mailbox = node.loop.mailbox
    let hasStarted = DetachedThread.start {
      NodeBackups.yieldToServing()
      let result = Result { () throws(Problem) in try body() }
      mailbox.post { target.value(result) }
    }
    guard !hasStarted else { return }
    node.loop.schedule(after: .zero) {
      then(.failure(Problem(503, "overloaded", "the system gives no thread to read on")))
    }
  }

  /// On Linux a process's nice value is a thread's own.
  private static func yieldToServing() {
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
  }
}

extension Node {
  /// Why the store does not hold exactly what the cluster has of this node at `epoch`; nil when it
  /// does.
  fileprivate func unsettled(at epoch: UInt64) -> ClusterError? {
    isFenced ? Node.fenced : machine.unsettled(at: epoch)
  }
}
