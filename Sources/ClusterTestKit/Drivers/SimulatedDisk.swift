import Storage
import Synchronization

/// A disk that survives the process using it, and that may be slow, or full.
final class SimulatedDisk: StorageEngine {
  private enum Failure {
    case kept
    case lost
  }

  private struct Trouble {
    /// What becomes of the next commit, which fails; nil: it does not.
    var failure: Failure?
    /// Failed commits that are there after all once the engine recovers or is opened again.
    var limbo = WriteBatch()
    var slowUntil: UInt64 = 0
    var fullUntil: UInt64 = 0
  }

  private let engine = MemoryEngine()
  private let trouble = Mutex(Trouble())

  /// Commits take long until then.
  var slowUntil: UInt64 {
    get { trouble.withLock { $0.slowUntil } }
    set { trouble.withLock { $0.slowUntil = newValue } }
  }

  /// Commits fail until then.
  var fullUntil: UInt64 {
    get { trouble.withLock { $0.fullUntil } }
    set { trouble.withLock { $0.fullUntil = newValue } }
  }

  /// The next commit fails, and is kept none the less if `keeps`: nobody can tell before a commit
  /// succeeds, or before the disk is opened again.
  func failNext(keeps: Bool) {
    trouble.withLock { $0.failure = keeps ? .kept : .lost }
  }

  /// Neither slow nor full any more.
  func repair() {
    slowUntil = 0
    fullUntil = 0
  }

  /// What a new process finds.
  func reopen() {
    trouble.withLock { $0.failure = nil }
    try? engine.commit(takeLimbo())
  }

  func commit(_ batch: WriteBatch) throws(StorageError) {
    let fails = trouble.withLock { trouble in
      defer { trouble.failure = nil }
      if trouble.failure == .kept { trouble.limbo.append(batch) }
      return trouble.failure != nil
    }
    if fails { throw StorageError(.noSpace, "the simulated disk is full") }
    let limbo = takeLimbo()
    if !limbo.isEmpty { try engine.commit(limbo) }
    try engine.commit(batch)
  }

  private func takeLimbo() -> WriteBatch {
    trouble.withLock { trouble in
      guard !trouble.limbo.isEmpty else { return WriteBatch() }
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

  func everything(from: [UInt8], upTo: [UInt8]) throws(StorageError) -> [ScanEntry] {
    try scan(from: from, upTo: upTo, limit: ScanLimit(count: .max, bytes: .max)).entries
  }
}

/// What `GroupCommitter` does, in simulated time: one commit at a time takes all that waits; a
/// failed one takes what waits with it, and nothing is taken until the owner resumes.
final class SimulatedCommitter {
  private let process: SimulatedProcess
  private let simulator: Simulator
  private let disk: SimulatedDisk
  private let onOutcome: (CommitOutcome) -> Void
  /// Outcomes are told before the disk has the commit: a mutation.
  private let promisesEarly: Bool
  private var waiting: [(sequence: UInt64, batch: WriteBatch)] = []
  private var running: [(sequence: UInt64, batch: WriteBatch)] = []
  private var isSuspended = false
  private var lastDelivery: UInt64 = 0

  /// The longest that a commit takes, in microseconds.
  private static let longest: UInt64 = 2_000_000

  init(
    process: SimulatedProcess, disk: SimulatedDisk, promisesEarly: Bool,
    onOutcome: @escaping (CommitOutcome) -> Void
  ) {
    self.process = process
    simulator = process.simulator
    self.disk = disk
    self.promisesEarly = promisesEarly
    self.onOutcome = onOutcome
  }

  func submit(_ batch: WriteBatch, sequence: UInt64) {
    guard !isSuspended, process.isAlive else { return }
    waiting.append((sequence, batch))
    if promisesEarly {
      deliver(CommitOutcome(sequences: sequence...sequence, result: .success(())))
    }
    if running.isEmpty { start() }
  }

  func resume() { isSuspended = false }

  /// Whether all that was submitted has an outcome.
  var isIdle: Bool { running.isEmpty && lastDelivery <= simulator.time }

  /// What waits is lost; of what runs the disk may have all, nothing, or the first of it.
  func crash() {
    waiting = []
    guard !running.isEmpty else { return }
    var kept = simulator.chance(0.5, .disks) ? running.count : 0
    if running.count > 1, simulator.strikes(.commitTorn) {
      kept = Int(simulator.below(UInt64(running.count), .commitTorn))
    }
    if kept > 0 { try? disk.commit(joined(running.prefix(kept))) }
    running = []
  }

  private func start() {
    running = waiting
    waiting = []
    var duration = 20 + simulator.below(simulator.rates.longestCommit, .disks)
    if simulator.strikes(.commitSlow) { duration *= 1 + simulator.below(100, .commitSlow) }
    if disk.slowUntil > simulator.time { duration *= 30 }
    process.after(min(duration, SimulatedCommitter.longest)) { [self] in finish() }
  }

  private func finish() {
    guard process.isAlive, let first = running.first, let last = running.last else { return }
    if disk.fullUntil > simulator.time || simulator.strikes(.commitFailed) {
      disk.failNext(keeps: simulator.chance(0.5, .disks))
    }
    do throws(StorageError) {
      try disk.commit(joined(running[...]))
      if !promisesEarly {
        deliver(CommitOutcome(sequences: first.sequence...last.sequence, result: .success(())))
      }
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
    lastDelivery = max(lastDelivery, simulator.time + simulator.below(300, .loops))
    process.after(lastDelivery - simulator.time) { [self] in onOutcome(outcome) }
  }

  private func joined(_ run: ArraySlice<(sequence: UInt64, batch: WriteBatch)>) -> WriteBatch {
    if run.count == 1, let only = run.first { return only.batch }
    var joined = WriteBatch()
    for entry in run { joined.append(entry.batch) }
    return joined
  }
}
