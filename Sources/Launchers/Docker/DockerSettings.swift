/// How nodes run as containers.
package struct DockerSettings: Sendable {
  /// The unix socket of the engine.
  package var socket: String
  /// Begins the names of containers and volumes, and labels them: tells clusters apart that share
  /// an engine.
  package var cluster: String
  /// The image, whose entry point is the program.
  package var image: String
  /// The network that containers join; nil for the engine's usual one.
  package var network: String?
  /// The address of this machine at which the nodes' ports are published; nil when containers are
  /// reached at their own addresses.
  package var publish: String?
  /// The most bytes of memory a node; nil for no bound.
  package var memory: UInt64?
  /// Who the program runs as in the container; nil for whom the image says.
  package var user: String?
  /// Further arguments of `node`.
  package var arguments: [String]
  /// Files that ``arguments`` name: they are there in the containers as well.
  package var files: [String]

  package init(socket: String, cluster: String, image: String, arguments: [String]) {
    self.socket = socket
    self.cluster = cluster
    self.image = image
    self.arguments = arguments
    files = []
  }

  /// The port on which nodes listen within their containers.
  static let port = 8_081
  /// Where the volume is.
  package static let data = "/var/lib/scaled-storage"
  static let clusterLabel = "scaled-storage.cluster"
  static let nodeLabel = "scaled-storage.node"
}
