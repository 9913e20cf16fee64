import HTTPTransport

/// What the settings of a gateway, or of `up`, must not contradict one another in.
extension ServiceSettings {
  /// - Parameters:
  ///   - advertise: the address that others are told to use, where one is given.
  ///   - startsOwnNodes: for `up`, which is a whole cluster by itself.
  /// - Throws: `ConfigurationError` for the first that cannot be.
  func requireCluster(
    _ scaling: ScalingSettings, advertise: String?, startsOwnNodes: Bool
  ) throws {
    guard !startsOwnNodes else {
      try scaling.requireOwnNodes(configuration)
      return try requireNoEtcd()
    }
    try requireNodesForAll(scaling)
    try requireOtherNodes(scaling, advertise)
    guard etcd != nil, advertise == nil, try listenAddress().isUnspecified else { return }
    throw configuration.wrong(
      "advertise",
      "is not given, and the gateway listens on all addresses: with etcd other gateways need one "
        + "by which they reach it, as 192.0.2.7:8080")
  }

  /// A gateway that takes itself for one of the nodes waits for ever for that one.
  private func requireOtherNodes(_ scaling: ScalingSettings, _ advertise: String?) throws {
    let own = try listenAddress()
    let instances = scaling.instances ?? []
    let itself = instances.first { name in
      guard let address = try? SocketAddress(name), own.port > 0 else { return name == advertise }
      return address == own || name == advertise
        || (own.isUnspecified && address.isLoopback && address.port == own.port)
    }
    guard let itself else { return }
    throw configuration.wrong(
      "nodes", "names \(itself), where this gateway itself answers; leave it out of the list")
  }
}
