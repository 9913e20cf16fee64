/// The field `ss-deadline`: how long the sender of a request waits for its answer, in whole
/// milliseconds from when the request arrives. A span rather than an instant, since clocks differ;
/// each hop passes on what is left.
///
/// A server refuses a request whose time is up before anything of it is done (504, code
/// `deadline_exceeded`). Once a request is begun, it is answered with what became of it.
enum Deadline {
  static let field: StaticString = "ss-deadline"

  /// The instant that a field's value stands for; nil for a value that is no such number. Digits
  /// only; more than 31 years are taken for that.
  static func instant(
    _ value: UnsafeRawBufferPointer, now: MonotonicTime
  ) -> MonotonicTime? {
    guard let milliseconds = decimal(value) else { return nil }
    return now + .milliseconds(min(milliseconds, 1_000_000_000_000))
  }
}
