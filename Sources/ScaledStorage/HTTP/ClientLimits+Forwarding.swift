package import HTTPTransport
package import WireProtocol

extension ClientLimits {
  /// What a node gives is taken as well: an answer is no larger than the requests that made it.
  package static func forwarding(_ server: ServerLimits) -> ClientLimits {
    var limits = ClientLimits()
    limits.tellsDeadline = true
    // A node serves all its connections on one loop: more of them help only where streams would
    // queue.
    limits.maxStreamsPerConnection = 1_024
    limits.streamsBeforeGrowth = 768
    // Nodes trust these connections.
    limits.maxResets = 2_000
    limits.maxWaitingPerPeer = 8_192
    limits.maxBodyBytes = max(limits.maxBodyBytes, server.maxBodyBytes)
    return limits
  }
}

extension HTTPClient {
  /// A client that passes requests on.
  ///
  /// - Parameters:
  ///   - credentials: the cluster's, by which nodes trust the connections.
  ///   - tls: what nodes are reached with; nil speaks plain text.
  package convenience init(
    forwarding limits: ServerLimits, credentials: Credentials, tls: TLSContext?, loop: EventLoop
  ) {
    self.init(
      loop: loop, limits: .forwarding(limits), tls: tls,
      greeting: { [("ss-credential", credentials.used.headerValue)] })
  }
}
