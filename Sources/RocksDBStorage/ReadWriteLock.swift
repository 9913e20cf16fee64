internal import Glibc

/// Many readers or one writer; a waiting writer goes before new readers, so that a close is not
/// put off by busy readers.
final class ReadWriteLock: @unchecked Sendable {
  // Unchecked because the pthread object is raw memory.
  private let raw: UnsafeMutablePointer<pthread_rwlock_t>

  init() {
    raw = .allocate(capacity: 1)
    raw.initialize(to: pthread_rwlock_t())
    var attributes = pthread_rwlockattr_t()
    pthread_rwlockattr_init(&attributes)
    pthread_rwlockattr_setkind_np(
      &attributes, CInt(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
    pthread_rwlock_init(raw, &attributes)
    pthread_rwlockattr_destroy(&attributes)
  }

  deinit {
    pthread_rwlock_destroy(raw)
    raw.deallocate()
  }

  /// Not recursive: a reader that reads again waits for a waiting writer, forever.
  func read<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    pthread_rwlock_rdlock(raw)
    defer { pthread_rwlock_unlock(raw) }
    return try body()
  }

  func write<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    pthread_rwlock_wrlock(raw)
    defer { pthread_rwlock_unlock(raw) }
    return try body()
  }
}
