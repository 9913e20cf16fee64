package import HTTPTransport

/// Where an etcd cluster is and how it is spoken to.
package struct EtcdSettings {
  /// The members as `HOST:PORT`, in the order in which they are tried; names are resolved.
  package var endpoints: [String]
  /// What connections are encrypted with; nil speaks plain text.
  package var tls: TLSContext?
  /// Time for a call, other endpoints' share included. Without one a call hangs for seconds when a
  /// leader is lost.
  package var callDeadline: Duration

  package init(
    endpoints: [String], tls: TLSContext? = nil, callDeadline: Duration = .seconds(1)
  ) {
    self.endpoints = endpoints
    self.tls = tls
    self.callDeadline = callDeadline
  }
}
