import Glibc

/// What became of a run of submissions: all of them, in one commit, or none as far as known.
public struct CommitOutcome: Sendable {
  /// The sequences from the first to the last one submitted in the run.
  public let sequences: ClosedRange<UInt64>
  /// `failure`: the commit's own error for those in it and for those queued behind it.
  public let result: Result<Void, StorageError>

  public init(sequences: ClosedRange<UInt64>, result: Result<Void, StorageError>) {
    self.sequences = sequences
    self.result = result
  }
}

/// Commits batches on a thread of its own, all that wait at once together, so that one fsync
/// serves them all (group commit).
///
/// Order holds: batches commit in the order of submission. After a failed commit, what was queued
/// behind it fails with it, and every submission is refused with `suspended` until ``resume()``:
/// no batch commits on top of one that is lost without the owner knowing.
public final class GroupCommitter: Sendable {
  public struct Limits: Sendable {
    /// Bytes that may wait, those of the running commit included.
    public var queuedByteCount: Int
    /// Submissions that may wait, those of the running commit included.
    public var queuedCount: Int

    public init(queuedByteCount: Int = 64 << 20, queuedCount: Int = 1 << 17) {
      self.queuedByteCount = min(max(1, queuedByteCount), StorageLimits.maximumBatchByteCount)
      self.queuedCount = max(1, queuedCount)
    }
  }

  private let worker: CommitWorker
  private let thread: Monitor<pthread_t?>

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - engine: where batches go; the committer does not close it.
  ///   - name: the thread's name, cut at 15 bytes.
  ///   - limits: what may wait.
  ///   - onCommitted: called on the committer's thread, in order, once for each sequence; it must
  ///     be quick, and may call ``submit(_:sequence:)``, ``resume()`` and ``close()``.
  /// - Throws: `resourceExhausted` when the system gives no thread.
  public init(
    engine: any StorageEngine, name: String = "commit", limits: Limits = Limits(),
    onCommitted: @escaping @Sendable (CommitOutcome) -> Void
  ) throws(StorageError) {
    worker = CommitWorker(engine: engine, name: name, limits: limits, onCommitted: onCommitted)
    thread = Monitor(try Self.startThread(worker))
  }

  deinit {
    close()
  }

  /// Queues `batch`. `onCommitted` reports it, unless this throws.
  ///
  /// - Parameters:
  ///   - batch: what to commit; its bytes are shared, not copied.
  ///   - sequence: the owner's number, greater than any submitted before.
  /// - Throws: `overloaded` when the queue is full, `suspended` after a failure, `closed`,
  ///   `invalidArgument` for a sequence out of order, and what ``WriteBatch/validate()`` throws.
  public func submit(_ batch: WriteBatch, sequence: UInt64) throws(StorageError) {
    try worker.submit(batch, sequence: sequence)
  }

  /// Takes submissions again after a failure. Call it once the failed outcome has arrived and the
  /// owner has dropped its uncommitted state.
  public func resume() {
    worker.resume()
  }

  /// Submissions that have no outcome yet.
  public var pendingCount: Int { worker.pendingCount }

  /// Commits what is queued, reports it, and ends the thread; later submissions are refused. A
  /// second call does nothing. From within `onCommitted` it returns before the queue is empty.
  public func close() {
    worker.stop()
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    guard let thread else { return }
    if pthread_equal(thread, pthread_self()) != 0 {
      pthread_detach(thread)
    } else {
      pthread_join(thread, nil)
    }
  }

  private static func startThread(_ worker: CommitWorker) throws(StorageError) -> pthread_t {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // The engine may recover its database on this thread, which wants more than a small stack.
    pthread_attr_setstacksize(&attributes, 1 << 20)
    var thread = pthread_t()
    let retained = Unmanaged.passRetained(worker)
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        Unmanaged<CommitWorker>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, retained.toOpaque())
    guard status == 0 else {
      retained.release()
      throw StorageError(
        .resourceExhausted, "pthread_create failed with errno \(status); raise the thread limit")
    }
    return thread
  }
}
