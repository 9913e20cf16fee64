package import HTTPTransport

extension ClientLimits {
  /// What a node gives is taken as well: an answer is no larger than the requests that made it.
  ///
  /// - Parameter credential: the cluster's, by which nodes trust a gateway's connections.
  package static func forwarding(_ server: ServerLimits, credential: Credential) -> ClientLimits {
    var limits = ClientLimits()
    limits.tellsDeadline = true
    limits.greeting = [("authorization", credential.headerValue)]
    limits.maxStreamsPerConnection = 1_024
    limits.maxWaitingPerPeer = 8_192
    limits.maxBodyBytes = max(limits.maxBodyBytes, server.maxBodyBytes)
    return limits
  }
}
