/// What a server holds and has refused, for those who watch it.
package struct ServerFigures: Sendable {
  /// Open connections, and all that were accepted since the server began.
  package var connections: Int
  package var accepted: UInt64
  /// Requests that have come in part or whole and are not answered in full.
  package var openStreams: Int
  /// Requests that the application has and that are not answered.
  package var waiting: Int
  package var bufferedBytes: Int
  package var maxBufferedBytes: Int
  /// Requests whose clients went before they were answered.
  package var abandoned: UInt64
  /// By the reason.
  package var refusals: [(reason: String, count: UInt64)]
}

/// How many requests the transport has refused, by the reason.
final class RefusalCounts {
  private var counts: [Rejection.Reason: UInt64] = [:]

  func count(_ reason: Rejection.Reason) { counts[reason, default: 0] &+= 1 }

  var all: [(reason: String, count: UInt64)] {
    Rejection.Reason.allCases.map { ($0.rawValue, counts[$0] ?? 0) }
  }
}

extension HTTPServer {
  /// The figures of this moment. O(connections).
  package var figures: ServerFigures {
    ServerFigures(
      connections: core.connectionCount, accepted: core.acceptedCount,
      openStreams: core.slots.reduce(0) { $0 + ($1.connection?.exchanges.count ?? 0) },
      waiting: core.waitingCount, bufferedBytes: core.bufferedBytes,
      maxBufferedBytes: core.limits.maxBufferedBytes, abandoned: core.abandonedCount,
      refusals: core.refusals.all)
  }
}
