package import HTTPTransport

extension ClientLimits {
  /// What a node gives is taken as well: an answer is no larger than the requests that made it.
  package static func forwarding(_ server: ServerLimits) -> ClientLimits {
    var limits = ClientLimits()
    limits.tellsDeadline = true
    limits.maxStreamsPerConnection = 1_024
    limits.maxWaitingPerPeer = 8_192
    limits.maxBodyBytes = max(limits.maxBodyBytes, server.maxBodyBytes)
    return limits
  }
}

extension HTTPClient {
  /// A client that passes requests on.
  ///
  /// - Parameter credential: the cluster's, by which nodes trust the connections.
  package convenience init(
    forwarding limits: ServerLimits, credential: Credential, loop: EventLoop
  ) {
    self.init(
      loop: loop, limits: .forwarding(limits),
      greeting: [("authorization", credential.headerValue)])
  }
}
