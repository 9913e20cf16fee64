import Foundation

/// Runs tasks on a thread of its own, until it is told to end.
final class ThreadExecutor: TaskExecutor, Sendable {
  /// What the thread has to do, guarded by its condition.
  private final class Queue: @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var isEnded = false

    func add(_ job: UnownedJob) {
      condition.withLock {
        jobs.append(job)
        condition.signal()
      }
    }

    func end() {
      condition.withLock {
        isEnded = true
        condition.signal()
      }
    }

    /// Nil once nothing is left and nothing more will come.
    func next() -> UnownedJob? {
      condition.withLock {
        while jobs.isEmpty, !isEnded { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
      }
    }
  }

  private let queue = Queue()
  /// As much as a main thread has.
  private static let stackBytes = 8 << 20

  init() {
    let thread = Thread { [self] in
      while let job = queue.next() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
    thread.stackSize = ThreadExecutor.stackBytes
    thread.start()
  }

  func enqueue(_ job: UnownedJob) { queue.add(job) }

  func end() { queue.end() }
}
