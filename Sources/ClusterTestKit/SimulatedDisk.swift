import Storage
import Synchronization

/// A disk that survives the process using it, and that may be full.
final class SimulatedDisk: StorageEngine {
  private struct Trouble {
    var isFull = false
    var keepsFailed = false
    /// Failed commits that are there after all once the engine recovers or is opened again.
    var limbo = WriteBatch()
  }

  private let engine = MemoryEngine()
  private let trouble = Mutex(Trouble())

  /// The next commit fails, and is kept none the less if `keepsFailed`: nobody can tell before the
  /// next commit, or before the disk is opened again.
  func fillUp(keepsFailed: Bool) {
    trouble.withLock {
      $0.isFull = true
      $0.keepsFailed = keepsFailed
    }
  }

  /// What a new process finds.
  func reopen() { try? engine.commit(takeLimbo()) }

  func commit(_ batch: WriteBatch) throws(StorageError) {
    let fails = trouble.withLock { trouble in
      defer { trouble.isFull = false }
      if trouble.isFull && trouble.keepsFailed { trouble.limbo.append(batch) }
      return trouble.isFull
    }
    if fails { throw StorageError(.noSpace, "the simulated disk is full") }
    try engine.commit(takeLimbo())
    try engine.commit(batch)
  }

  private func takeLimbo() -> WriteBatch {
    trouble.withLock { trouble in
      defer { trouble.limbo = WriteBatch() }
      return trouble.limbo
    }
  }

  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? { try engine.get(key) }

  func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try engine.scan(from: from, upTo: upTo, limit: limit)
  }

  func makeSnapshot() throws(StorageError) -> any StorageSnapshot { try engine.makeSnapshot() }

  var approximateByteCount: UInt64 { engine.approximateByteCount }

  func close() { engine.close() }
}

/// What `GroupCommitter` does, in simulated time: one commit at a time takes all that waits; a
/// failed one takes what waits with it, and nothing is taken until the owner resumes.
final class SimulatedCommitter {
  private let simulator: Simulator
  private let disk: SimulatedDisk
  private let onOutcome: (CommitOutcome) -> Void
  private var waiting: [(sequence: UInt64, batch: WriteBatch)] = []
  private var running: [(sequence: UInt64, batch: WriteBatch)] = []
  private var isSuspended = false
  private var isCrashed = false
  private var lastDelivery: UInt64 = 0

  init(
    simulator: Simulator, disk: SimulatedDisk, onOutcome: @escaping (CommitOutcome) -> Void
  ) {
    self.simulator = simulator
    self.disk = disk
    self.onOutcome = onOutcome
  }

  func submit(_ batch: WriteBatch, sequence: UInt64) {
    guard !isSuspended, !isCrashed else { return }
    waiting.append((sequence, batch))
    if running.isEmpty { start() }
  }

  func resume() { isSuspended = false }

  /// What waits is lost; the commit that runs may have reached the disk or not, as a whole.
  func crash() {
    guard !isCrashed else { return }
    isCrashed = true
    if !running.isEmpty, simulator.random.chance(0.5) { try? disk.commit(joined(running)) }
  }

  private func start() {
    running = waiting
    waiting = []
    let faults = simulator.faults
    var duration = 20 + simulator.random.below(faults.longestCommit)
    if simulator.random.chance(faults.commitStall) {
      simulator.inject("commit slow")
      duration *= 1 + simulator.random.below(100)
    }
    simulator.after(duration) { [self] in finish() }
  }

  private func finish() {
    guard !isCrashed, let first = running.first, let last = running.last else { return }
    if simulator.random.chance(simulator.faults.commitFailure) {
      simulator.inject("disk full")
      disk.fillUp(keepsFailed: simulator.random.chance(0.5))
    }
    do throws(StorageError) {
      try disk.commit(joined(running))
      deliver(CommitOutcome(sequences: first.sequence...last.sequence, result: .success(())))
    } catch {
      let end = waiting.last?.sequence ?? last.sequence
      waiting = []
      isSuspended = true
      deliver(CommitOutcome(sequences: first.sequence...end, result: .failure(error)))
    }
    running = []
    if !waiting.isEmpty { start() }
  }

  /// Outcomes reach the owner later, in order.
  private func deliver(_ outcome: CommitOutcome) {
    lastDelivery = max(lastDelivery, simulator.time + simulator.random.below(300))
    simulator.after(lastDelivery - simulator.time) { [self] in
      if !isCrashed { onOutcome(outcome) }
    }
  }

  private func joined(_ run: [(sequence: UInt64, batch: WriteBatch)]) -> WriteBatch {
    var joined = WriteBatch()
    for entry in run { joined.append(entry.batch) }
    return joined
  }
}
