import Glibc
package import HTTPTransport

/// Measures, second by second, how much of its core a node's loop used, how much it did and
/// how long that took.
package final class WorkMeter {
  /// Nanoseconds of the last full second in which the loop's thread did not run: the budget of work
  /// that is left, a thousand million when idle.
  package private(set) var unusedNanoseconds: UInt64 = 1_000_000_000
  package private(set) var requestsPerSecond = 0.0
  /// How long the answers of the last full second took; nil when there were none.
  package private(set) var latencies: AnswerTimes.Summary?
  /// Where they are counted, once there is a server.
  package var answerTimes: AnswerTimes?

  private let loop: EventLoop
  @exclusivity(unchecked) private var requests: UInt64 = 0
  private var lastUsed: UInt64
  private var lastTime: MonotonicTime

  package init(loop: EventLoop) {
    self.loop = loop
    lastUsed = WorkMeter.threadNanoseconds
    lastTime = loop.now
    schedule()
  }

  package func countRequest() {
    requests &+= 1
  }

  func discountRequest() {
    requests &-= min(requests, 1)
  }

  private func schedule() {
    loop.schedule(after: .seconds(1)) { [weak self] in
      self?.sample()
      self?.schedule()
    }
  }

  private func sample() {
    let used = WorkMeter.threadNanoseconds
    let now = loop.now
    let elapsed = max(1, now.nanoseconds &- lastTime.nanoseconds)
    let spent = used &- lastUsed
    unusedNanoseconds = 1_000_000_000 - min(1_000_000_000, spent &* 1_000_000_000 / elapsed)
    requestsPerSecond = Double(requests) * 1e9 / Double(elapsed)
    (lastUsed, lastTime, requests) = (used, now, 0)
    latencies = answerTimes?.take()
    if latencies?.count == 0 { latencies = nil }
  }

  /// Processor time that the calling thread has used.
  static var threadNanoseconds: UInt64 { nanoseconds(CLOCK_THREAD_CPUTIME_ID) }

  fileprivate static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return 0 }
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// The time of day, for what expires.
package enum WallClock {
  /// Milliseconds since 1970.
  package static var milliseconds: UInt64 { WorkMeter.nanoseconds(CLOCK_REALTIME) / 1_000_000 }
}
