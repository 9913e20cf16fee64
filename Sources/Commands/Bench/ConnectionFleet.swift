import HTTPTransport
import ScaledStorageClient

/// Several connections that share a loop, with the streams spread over them.
final class ConnectionFleet {
  let connections: [ClusterEngine]
  let streams: Int

  /// - Parameter loop: nil makes one.
  init(_ options: ClusterOptions, count: Int, streams: Int, loop: EventLoop? = nil) throws {
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxStreamsPerConnection = streams
    let first = try options.connect(
      on: loop, connectPatience: .seconds(options.timeout), limits: limits)
    var connections = [first]
    for _ in 1..<max(count, 1) {
      connections.append(
        try options.connect(
          on: first.loop, connectPatience: .seconds(options.timeout), limits: limits))
    }
    self.connections = connections
    self.streams = streams
  }

  /// How many requests are under way at a time.
  var concurrency: Int { connections.count * streams }

  /// The connection of a stream.
  func connection(_ stream: Int) -> ClusterEngine { connections[stream % connections.count] }

  func run(_ pump: Pump) {
    connections[0].run(pump)
  }

  var loop: EventLoop { connections[0].loop }
}
