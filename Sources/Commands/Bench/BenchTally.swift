import HTTPTransport

/// What one thread counted, or all of them together.
struct BenchTally: Sendable {
  struct Operation: Sendable {
    /// From when requests should have been sent, of those that succeeded or were never sent.
    var response = Latencies()
    /// From when they were sent.
    var service = Latencies()
    var succeeded: UInt64 = 0
    var failed: UInt64 = 0
    /// Never sent: the target could not keep up.
    var behind: UInt64 = 0

    mutating func add(_ other: Operation) {
      response.add(other.response)
      service.add(other.service)
      succeeded += other.succeeded
      failed += other.failed
      behind += other.behind
    }
  }

  var reads = Operation()
  var writes = Operation()
  /// Answers by status; the last place is for what is no status.
  private(set) var statuses = [UInt64](repeating: 0, count: 601)
  private(set) var transportErrors: [String: UInt64] = [:]
  private(set) var firstFailure: String?
  /// Bytes of bodies.
  var receivedBytes: UInt64 = 0
  var sentBytes: UInt64 = 0
  /// Requests that the target handed back unprocessed, and that were sent again.
  var resent: UInt64 = 0
  /// Connections that ended and were replaced.
  var reconnected: UInt64 = 0
  /// What clients of the library counted, warm-up included.
  var extraHops: UInt64 = 0
  var retries: UInt64 = 0
  /// The end of the last request that counts, in nanoseconds of the monotonic clock.
  var lastEnd: UInt64 = 0
  /// More requests were behind than the plan allows.
  var gaveUp = false

  mutating func take(_ request: LoadRequest, status: Int, bytes: Int, at time: UInt64, isOpen: Bool)
  {
    statuses[min(max(status, 0), statuses.count - 1)] += 1
    receivedBytes &+= UInt64(clamping: bytes)
    if request.isWrite { sentBytes &+= UInt64(clamping: request.bodyBytes) }
    lastEnd = max(lastEnd, time)
    guard (200..<300).contains(status) else {
      fail(request, "the target answered with status \(status)")
      return
    }
    if request.isWrite {
      BenchTally.record(request, time, isOpen, &writes)
    } else {
      BenchTally.record(request, time, isOpen, &reads)
    }
  }

  private static func record(
    _ request: LoadRequest, _ time: UInt64, _ isOpen: Bool, _ operation: inout Operation
  ) {
    operation.succeeded += 1
    operation.response.record(nanoseconds: time - min(request.intended, time))
    if isOpen { operation.service.record(nanoseconds: time - min(request.sent, time)) }
  }

  /// A request that ended without an answer.
  mutating func take(_ request: LoadRequest, kind: String, _ message: String, at time: UInt64) {
    transportErrors[kind, default: 0] += 1
    lastEnd = max(lastEnd, time)
    fail(request, message)
  }

  /// The target went away and did not come back.
  mutating func lose(_ message: String) {
    transportErrors["unreachable", default: 0] += 1
    note(message)
  }

  /// Keeps the first sentence about a failure.
  mutating func note(_ message: String) {
    firstFailure = firstFailure ?? message
  }

  private mutating func fail(_ request: LoadRequest, _ message: String) {
    if request.isWrite { writes.failed += 1 } else { reads.failed += 1 }
    note(message)
  }

  /// A request that was due and never sent: its response time is at least what it has waited.
  mutating func leaveBehind(isWrite: Bool, waited: UInt64) {
    if isWrite {
      writes.behind += 1
      writes.response.record(nanoseconds: waited)
    } else {
      reads.behind += 1
      reads.response.record(nanoseconds: waited)
    }
  }

  mutating func add(_ other: BenchTally) {
    reads.add(other.reads)
    writes.add(other.writes)
    for (status, count) in other.statuses.enumerated() { statuses[status] += count }
    transportErrors.merge(other.transportErrors) { $0 + $1 }
    firstFailure = firstFailure ?? other.firstFailure
    receivedBytes &+= other.receivedBytes
    sentBytes &+= other.sentBytes
    resent += other.resent
    reconnected += other.reconnected
    extraHops += other.extraHops
    retries += other.retries
    lastEnd = max(lastEnd, other.lastEnd)
    gaveUp = gaveUp || other.gaveUp
  }

  var succeeded: UInt64 { reads.succeeded + writes.succeeded }
  var failed: UInt64 { reads.failed + writes.failed }
  var behind: UInt64 { reads.behind + writes.behind }
}
