import Glibc

/// A mutex with one condition, at a fixed address, and the state that it guards.
package final class Monitor<State>: @unchecked Sendable {
  // Unchecked because the pthread objects are raw memory; every access to `state` holds the mutex.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  package init(_ state: State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    // Waits with a limit end by a clock that nobody sets.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  package func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Wakes one thread in ``waitUntil(_:)``.
  package func signal() {
    pthread_cond_signal(condition)
  }

  /// Blocks until `body`, called with the lock held after each signal, gives a result.
  func waitUntil<R>(_ body: (inout State) -> R?) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }

  /// The same, but gives up with nil after `limit`, of 0 to a day.
  package func waitUntil<R>(atMost limit: Duration, _ body: (inout State) -> R?) -> R? {
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    let limit = min(max(limit, .zero), .seconds(86_400)).components
    end.tv_sec += Int(limit.seconds)
    end.tv_nsec += Int(limit.attoseconds / 1_000_000_000)
    if end.tv_nsec >= 1_000_000_000 {
      end.tv_sec += 1
      end.tv_nsec -= 1_000_000_000
    }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      if pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT {
        return body(&state)
      }
    }
  }
}
