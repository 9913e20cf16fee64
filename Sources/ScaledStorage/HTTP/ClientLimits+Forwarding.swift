package import HTTPTransport

extension ClientLimits {
  /// What a node gives is taken as well: an answer is no larger than the requests that made it.
  package static func forwarding(_ server: ServerLimits) -> ClientLimits {
    var limits = ClientLimits()
    limits.maxBodyBytes = max(limits.maxBodyBytes, server.maxBodyBytes)
    return limits
  }
}
