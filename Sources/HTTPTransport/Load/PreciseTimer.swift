import CLinux
import Glibc

/// A timer of the loop that is exact to some microseconds, where those of
/// ``EventLoop/schedule(after:_:)`` are to a millisecond.
package final class PreciseTimer: ReadinessHandler {
  private let descriptor: Descriptor
  private let body: () -> Void

  /// The loop keeps the timer, and the timer `body`, for as long as the loop lives.
  /// - Throws: `.system` when no descriptors are left.
  package init(loop: EventLoop, _ body: @escaping () -> Void) throws(TransportError) {
    let number = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
    guard number >= 0 else { throw .system("timerfd_create", errno) }
    descriptor = Descriptor(owning: number)
    self.body = body
    _ = try loop.watch(number, for: .readable, self)
  }

  /// Fires once at `time`, or at once when that is past. An earlier setting is forgotten.
  package func set(at time: MonotonicTime) {
    var setting = itimerspec()
    // Zero would switch it off.
    let nanoseconds = max(time.nanoseconds, 1)
    setting.it_value.tv_sec = Int(clamping: nanoseconds / 1_000_000_000)
    setting.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
    _ = timerfd_settime(descriptor.rawValue, absolute, &setting, nil)
  }

  private let absolute: Int32 = 1

  func ready(_ readiness: Readiness) {
    var count: UInt64 = 0
    guard read(descriptor.rawValue, &count, 8) == 8 else { return }
    body()
  }
}
