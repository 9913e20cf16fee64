import Glibc

/// The queue of a ``GroupCommitter`` and the loop of its thread. Apart from the committer, so that
/// the thread does not keep the committer alive.
final class CommitWorker: Sendable {
  private struct Queue {
    var batch = WriteBatch()
    var first: UInt64 = 0
    var last: UInt64?
    /// Submissions in `batch`.
    var count = 0
    /// Submissions and bytes of the commit that runs.
    var runningCount = 0
    var runningByteCount = 0
    var isSuspended = false
    var isClosed = false
  }

  private enum Step {
    case commit(WriteBatch, ClosedRange<UInt64>)
    case end
  }

  private let engine: any StorageEngine
  private let name: String
  private let limits: GroupCommitter.Limits
  private let onCommitted: @Sendable (CommitOutcome) -> Void
  private let queue = Monitor(Queue())

  init(
    engine: any StorageEngine, name: String, limits: GroupCommitter.Limits,
    onCommitted: @escaping @Sendable (CommitOutcome) -> Void
  ) {
    self.engine = engine
    self.name = name
    self.limits = limits
    self.onCommitted = onCommitted
  }

  var pendingCount: Int { queue.withLock { $0.count + $0.runningCount } }

  func submit(_ batch: WriteBatch, sequence: UInt64) throws(StorageError) {
    try batch.validate()
    let limits = limits
    let wasEmpty = try queue.withLock { (queue) throws(StorageError) -> Bool in
      try Self.admit(batch, sequence, limits, queue)
      let wasEmpty = queue.count == 0
      if wasEmpty { queue.first = sequence }
      queue.last = sequence
      queue.count += 1
      queue.batch.append(batch)
      return wasEmpty
    }
    // Only the first submission of a run finds the thread asleep.
    if wasEmpty { queue.signal() }
  }

  func resume() {
    queue.withLock { $0.isSuspended = false }
  }

  func stop() {
    queue.withLock { $0.isClosed = true }
    queue.signal()
  }

  func run() {
    nameThread()
    while case .commit(let batch, let sequences) = queue.waitUntil(Self.next) {
      do throws(StorageError) {
        try engine.commit(batch)
        queue.withLock { Self.finishRunning(&$0) }
        onCommitted(CommitOutcome(sequences: sequences, result: .success(())))
      } catch {
        let last = queue.withLock { queue in
          // What waits was built on the batch that failed.
          queue.isSuspended = true
          queue.batch = WriteBatch()
          queue.count = 0
          Self.finishRunning(&queue)
          return queue.last ?? sequences.upperBound
        }
        onCommitted(
          CommitOutcome(sequences: sequences.lowerBound...last, result: .failure(error)))
      }
    }
  }

  /// By the file, because the C module lacks `pthread_setname_np`. A failure only costs the name.
  private func nameThread() {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    Glibc.close(descriptor)
  }

  private static func admit(
    _ batch: WriteBatch, _ sequence: UInt64, _ limits: GroupCommitter.Limits, _ queue: Queue
  ) throws(StorageError) {
    guard !queue.isClosed else {
      throw StorageError(.closed, "the committer was closed")
    }
    guard !queue.isSuspended else {
      throw StorageError(
        .suspended, "an earlier commit failed; drop the uncommitted state and resume")
    }
    if let last = queue.last, sequence <= last {
      throw StorageError(
        .invalidArgument, "sequence \(sequence) does not come after \(last)")
    }
    let pending = queue.count + queue.runningCount
    let bytes = queue.batch.byteCount + queue.runningByteCount
    // A batch above the limit still goes through alone, so that no valid batch is refused forever.
    guard
      pending == 0
        || (pending < limits.queuedCount
          && batch.byteCount <= limits.queuedByteCount - bytes)
    else {
      throw StorageError(
        .overloaded, "\(pending) batches of \(bytes) bytes wait for the disk; try again later")
    }
  }

  private static func next(_ queue: inout Queue) -> Step? {
    guard queue.count > 0, let last = queue.last else {
      return queue.isClosed ? .end : nil
    }
    let batch = queue.batch
    queue.runningCount = queue.count
    queue.runningByteCount = batch.byteCount
    queue.batch = WriteBatch()
    queue.count = 0
    return .commit(batch, queue.first...last)
  }

  private static func finishRunning(_ queue: inout Queue) {
    queue.runningCount = 0
    queue.runningByteCount = 0
  }
}
