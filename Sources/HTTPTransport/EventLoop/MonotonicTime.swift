import CLinux
import Glibc

/// A point on the system's monotonic clock, which never goes back and is unrelated to the date.
public struct MonotonicTime: Comparable, Hashable, Sendable {
  /// Nanoseconds since an arbitrary start (CLOCK_MONOTONIC).
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// The clock read now. Code on a loop prefers ``EventLoop/now``, which costs nothing.
  public static func current() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let seconds = UInt64(truncatingIfNeeded: time.tv_sec)
    return MonotonicTime(
      nanoseconds: seconds &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec))
  }

  public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
    a.nanoseconds < b.nanoseconds
  }

  /// Saturates: a negative duration counts as zero, an endless one as the end of time.
  public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
    let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
    return MonotonicTime(nanoseconds: overflow ? .max : sum)
  }

  /// A later time; it must be within centuries.
  func advanced(nanoseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: self.nanoseconds &+ nanoseconds)
  }

  /// The time from `b` to `a`; zero when `b` is later.
  public static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
    guard a > b else { return .zero }
    let difference = a.nanoseconds - b.nanoseconds
    return .nanoseconds(Int64(clamping: difference))
  }
}

extension Duration {
  /// Whole nanoseconds between zero and `UInt64.max`.
  var clampedNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return .max }
    let (sum, carry) = product.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
    return carry ? .max : sum
  }
}
