import Storage

/// Runs the tasks of asynchronous handlers, and what they ask of the cluster, on the thread that
/// drives the cluster: one thing after the other in the order in which they became ready, so that a
/// run does not depend on how the system schedules threads.
final class HandlerExecutor: TaskExecutor, Sendable {
  private enum Work {
    case job(UnownedJob)
    case request(Request)
  }

  /// Handed over, and touched by nobody else.
  private struct Request: @unchecked Sendable {
    var body: () -> Void
  }

  private let ready = Monitor<[Work]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    add(.job(UnownedJob(job)))
  }

  /// Runs `body` on the thread that drives the cluster.
  func run(_ body: sending @escaping () -> Void) {
    add(.request(Request(body: body)))
  }

  private func add(_ work: Work) {
    ready.withLock { $0.append(work) }
    ready.signal()
  }

  /// Runs what is ready, and what becomes so meanwhile.
  func runReady() {
    while true {
      let taken = ready.withLock { ready in
        defer { ready = [] }
        return ready
      }
      guard !taken.isEmpty else { return }
      for work in taken {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
        case .request(let request): request.body()
        }
      }
    }
  }

  /// Lets real time pass until something is ready, at most for `limit`: a handler may wait for what
  /// is not of the cluster.
  /// - Returns: whether something is ready.
  func waitForWork(atMost limit: Duration) -> Bool {
    ready.waitUntil(atMost: limit) { $0.isEmpty ? nil : true } ?? false
  }
}
