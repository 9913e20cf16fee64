/// What a ``ClusterClient`` has done since it began.
public struct ClientStatistics: Hashable, Sendable {
  /// Requests that were begun.
  public let requests: UInt64
  /// Requests as they were sent: more than ``requests`` when some were repeated or forwarded.
  public let attempts: UInt64
  /// Hops beyond the one that each request needs: forward responses that were followed, and answers
  /// that somebody else than the owner passed on.
  public let extraHops: UInt64
  /// Attempts after one that failed.
  public let retries: UInt64
  /// How often the ring was asked for.
  public let refreshes: UInt64
  /// Requests that ended without the answer that they asked for, such as reads of missing keys.
  public let failures: UInt64

  init(_ counters: ClientCounters) {
    requests = counters.requests.current
    attempts = counters.attempts.current
    extraHops = counters.extraHops.current
    retries = counters.retries.current
    refreshes = counters.refreshes.current
    failures = counters.failures.current
  }
}
