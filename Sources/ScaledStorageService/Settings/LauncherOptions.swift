import ArgumentParser
import HTTPTransport

/// Who runs the nodes of a gateway.
struct LauncherOptions: ParsableArguments {
  @Option(
    help: """
      Who runs the nodes: process (of this machine), docker, systemd or kubernetes. \
      (default: process)
      """)
  var launcher: String?

  @Option(
    help: ArgumentHelp(
      "The container engine's socket. (default: /var/run/docker.sock)", valueName: "path"))
  var dockerSocket: String?

  @Option(help: "The image of the nodes' containers, whose entry point is the program.")
  var dockerImage: String?

  @Option(
    help: ArgumentHelp(
      "Begins the names of containers and volumes. (default: scaled-storage)", valueName: "name"))
  var dockerCluster: String?

  @Option(
    help: ArgumentHelp(
      "The network that containers join. (default: the engine's)", valueName: "name"))
  var dockerNetwork: String?

  @Option(
    help: ArgumentHelp(
      """
      The address of this machine at which the nodes' ports are published. (default: none, \
      containers are reached at their own addresses)
      """, valueName: "address"))
  var dockerPublish: String?

  @Option(help: "The most memory of a container, as 2G. (default: no bound)")
  var dockerMemory: ByteCount?

  @Option(
    help: ArgumentHelp(
      "Who the program runs as in containers, as UID:GID. (default: the image's)",
      valueName: "user"))
  var dockerUser: String?

  @Option(
    help: ArgumentHelp(
      "The template unit of the nodes. (default: scaled-storage-node)", valueName: "name"))
  var systemdUnit: String?

  @Option(
    help: ArgumentHelp(
      "Where these units have their data, as node-PORT. (default: /var/lib/scaled-storage)",
      valueName: "directory"))
  var systemdData: String?

  @Option(help: "The port of node 1; node 2 has the next, and so on. (default: 8081)")
  var systemdPort: Int?

  @Option(
    help: ArgumentHelp("The program systemctl. (default: /usr/bin/systemctl)", valueName: "path"))
  var systemctl: String?

  @Option(help: "The StatefulSet whose pods are the nodes. (default: node)")
  var kubernetesStatefulset: String?

  @Option(help: "Its namespace. (default: the pod's own)")
  var kubernetesNamespace: String?

  @Option(help: "The port of the nodes in their pods. (default: 8081)")
  var kubernetesPort: Int?

  @Option(
    help: ArgumentHelp(
      """
      The directory with token, ca.crt and namespace. (default: where Kubernetes puts a service \
      account's)
      """, valueName: "directory"))
  var kubernetesAccount: String?

  static let names = [
    "launcher", "docker-socket", "docker-image", "docker-cluster", "docker-network",
    "docker-publish", "docker-memory", "docker-user", "systemd-unit", "systemd-data",
    "systemd-port", "systemctl", "kubernetes-statefulset", "kubernetes-namespace",
    "kubernetes-port", "kubernetes-account",
  ]
}

/// Who runs the nodes, as it is in force.
enum LauncherSettings {
  struct Docker {
    var socket: String
    var image: String
    var cluster: String
    var network: String?
    var publish: String?
    var memory: UInt64?
    var user: String?
  }

  struct Systemd {
    var unit: String
    var data: String
    var port: UInt16
    var systemctl: String
  }

  struct Kubernetes {
    var statefulSet: String
    var namespace: String?
    var port: UInt16
    var account: String
  }

  case process
  case docker(Docker)
  case systemd(Systemd)
  case kubernetes(Kubernetes)

  /// - Throws: `ConfigurationError` for what makes no sense.
  init(_ options: LauncherOptions, _ configuration: Configuration) throws {
    let kind: String = try configuration.value(
      "launcher", flag: options.launcher, default: "process")
    switch kind {
    case "process": self = .process
    case "docker": self = .docker(try Docker(options, configuration))
    case "systemd": self = .systemd(try Systemd(options, configuration))
    case "kubernetes": self = .kubernetes(try Kubernetes(options, configuration))
    default:
      throw configuration.wrong(
        "launcher", "is \"\(kind)\"; it can be process, docker, systemd or kubernetes")
    }
  }

  /// Names end up in addresses of APIs, and in those of units and containers.
  fileprivate static func name(
    _ setting: String, _ flag: String?, _ configuration: Configuration, default fallback: String
  ) throws -> String {
    let name = try configuration.value(setting, flag: flag, default: fallback)
    guard let first = name.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "."),
      name.utf8.count <= 200, name.utf8.allSatisfy(isHarmless)
    else {
      throw configuration.wrong(
        setting, "is \"\(name)\"; it can be letters, digits, dots, dashes and underscores")
    }
    return name
  }

  fileprivate static func port(
    _ setting: String, _ flag: Int?, _ configuration: Configuration
  ) throws -> UInt16 {
    let number = try configuration.value(setting, flag: flag, default: 8_081)
    guard let port = UInt16(exactly: number), port > 0 else {
      throw configuration.wrong(setting, "is \(number); it can be 1 to 65535")
    }
    return port
  }

  private static func isHarmless(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

extension LauncherSettings.Docker {
  fileprivate init(_ options: LauncherOptions, _ configuration: Configuration) throws {
    socket = try configuration.value(
      "docker-socket", flag: options.dockerSocket, default: "/var/run/docker.sock")
    let named = try configuration.optional(
      "docker-image", flag: options.dockerImage, usual: "none")
    guard let named else {
      throw configuration.wrong(
        "docker-image", "is not given; launcher docker needs the image of the nodes' containers")
    }
    image = named
    cluster = try LauncherSettings.name(
      "docker-cluster", options.dockerCluster, configuration, default: "scaled-storage")
    network = try configuration.optional(
      "docker-network", flag: options.dockerNetwork, usual: "the engine's")
    publish = try configuration.optional(
      "docker-publish", flag: options.dockerPublish, usual: "none")
    if let publish, SocketAddress(host: publish, port: 1) == nil {
      throw configuration.wrong(
        "docker-publish", "is \"\(publish)\"; it is an address of this machine, as 192.0.2.7")
    }
    memory = try configuration.optional(
      "docker-memory", flag: options.dockerMemory, usual: "no bound")?.count
    user = try configuration.optional(
      "docker-user", flag: options.dockerUser, usual: "the image's")
  }
}

extension LauncherSettings.Systemd {
  fileprivate init(_ options: LauncherOptions, _ configuration: Configuration) throws {
    unit = try LauncherSettings.name(
      "systemd-unit", options.systemdUnit, configuration, default: "scaled-storage-node")
    data = try configuration.value(
      "systemd-data", flag: options.systemdData, default: "/var/lib/scaled-storage")
    port = try LauncherSettings.port("systemd-port", options.systemdPort, configuration)
    systemctl = try configuration.value(
      "systemctl", flag: options.systemctl, default: "/usr/bin/systemctl")
  }
}

extension LauncherSettings.Kubernetes {
  fileprivate init(_ options: LauncherOptions, _ configuration: Configuration) throws {
    statefulSet = try LauncherSettings.name(
      "kubernetes-statefulset", options.kubernetesStatefulset, configuration, default: "node")
    namespace = try configuration.optional(
      "kubernetes-namespace", flag: options.kubernetesNamespace, usual: "the pod's own")
    if namespace != nil {
      namespace = try LauncherSettings.name(
        "kubernetes-namespace", options.kubernetesNamespace, configuration, default: "")
    }
    port = try LauncherSettings.port("kubernetes-port", options.kubernetesPort, configuration)
    account = try configuration.value(
      "kubernetes-account", flag: options.kubernetesAccount,
      default: "/var/run/secrets/kubernetes.io/serviceaccount")
  }
}
