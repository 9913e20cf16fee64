import CLinux
import Glibc

/// The `date` field of answers (RFC 9110 section 6.6.1), written again when the second changes.
///
/// Its bytes stay in place: answers that wait to be written refer to them.
final class DateField {
  static let length = 29

  private let storage = UnsafeMutableRawBufferPointer.allocate(
    byteCount: DateField.length + 1, alignment: 1)
  private var validUntil = MonotonicTime(nanoseconds: 0)

  deinit { storage.deallocate() }

  func bytes(now: MonotonicTime) -> UnsafeRawBufferPointer {
    if now >= validUntil { write(now: now) }
    return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage)[..<DateField.length])
  }

  private func write(now: MonotonicTime) {
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    var calendar = tm()
    var seconds = clock.tv_sec
    gmtime_r(&seconds, &calendar)
    put("Sun, Mon, Tue, Wed, Thu, Fri, Sat, ", from: Int(calendar.tm_wday) * 5, count: 5, at: 0)
    put(digits: Int(calendar.tm_mday), at: 5)
    put(
      " Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec ",
      from: Int(calendar.tm_mon) * 5, count: 5, at: 7)
    let year = Int(calendar.tm_year) + 1900
    put(digits: year / 100, at: 12)
    put(digits: year % 100, at: 14)
    put(" ", from: 0, count: 1, at: 16)
    put(digits: Int(calendar.tm_hour), at: 17)
    put(":", from: 0, count: 1, at: 19)
    put(digits: Int(calendar.tm_min), at: 20)
    put(":", from: 0, count: 1, at: 22)
    put(digits: Int(calendar.tm_sec), at: 23)
    put(" GMT", from: 0, count: 4, at: 25)
    let rest = 1_000_000_000 - min(max(clock.tv_nsec, 0), 999_999_999)
    validUntil = now + .nanoseconds(rest)
  }

  private func put(_ text: StaticString, from start: Int, count: Int, at offset: Int) {
    for index in 0..<count where start >= 0 && start + index < text.utf8CodeUnitCount {
      storage[offset + index] = text.utf8Start[start + index]
    }
  }

  private func put(digits value: Int, at offset: Int) {
    storage[offset] = UInt8(truncatingIfNeeded: 0x30 + value / 10 % 10)
    storage[offset + 1] = UInt8(truncatingIfNeeded: 0x30 + value % 10)
  }
}
