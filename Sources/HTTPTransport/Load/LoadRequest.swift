/// A request of a measurement: what its sender wants back when it ends.
package struct LoadRequest {
  /// When it should have been sent, in nanoseconds of the monotonic clock.
  package var intended: UInt64
  /// When it was handed to the connection.
  package var sent: UInt64
  /// The number that stands for `{key}` in its path or its body.
  package var key: UInt64
  package var isWrite: Bool
  /// Bytes of what a write's body has behind its head.
  package var bodyBytes: Int

  package init(intended: UInt64, sent: UInt64, key: UInt64, isWrite: Bool, bodyBytes: Int) {
    self.intended = intended
    self.sent = sent
    self.key = key
    self.isWrite = isWrite
    self.bodyBytes = bodyBytes
  }
}

/// What became of a request.
package enum LoadEnd {
  /// A complete answer, with the bytes of its body.
  case answered(status: Int, bytes: Int)
  /// The peer certainly did not process it (RFC 9113 section 8.7): it may be sent again.
  case unprocessed
  case failed(TransportError)
}

/// Told by a ``LoadConnection``, on its loop, what goes on.
package protocol LoadObserver: AnyObject {
  /// The peer's SETTINGS have come, or streams have become free.
  func loadConnectionHasRoom(_ connection: LoadConnection)
  /// A request has ended at `time`. Called amid the library's input: it must not send, but waits
  /// for ``loadConnectionHasRoom(_:)``.
  func loadConnection(
    _ connection: LoadConnection, ended request: LoadRequest, _ end: LoadEnd, at time: UInt64)
  /// No further requests are taken: the peer sent GOAWAY, or stream identifiers ran out. Those
  /// under way go on.
  func loadConnectionDrains(_ connection: LoadConnection)
  /// It is gone; every request has ended before.
  func loadConnectionClosed(_ connection: LoadConnection, _ error: TransportError)
}
