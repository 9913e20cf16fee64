/// An entry of `GET /containers/json` (Docker Engine API 1.41), as far as it is read.
struct ContainerSummary: Decodable {
  struct Port: Decodable {
    var privatePort: Int
    var publicPort: Int?

    enum CodingKeys: String, CodingKey {
      case privatePort = "PrivatePort"
      case publicPort = "PublicPort"
    }
  }

  struct Networks: Decodable {
    var networks: [String: Network]?

    enum CodingKeys: String, CodingKey { case networks = "Networks" }
  }

  struct Network: Decodable {
    var address: String?

    enum CodingKeys: String, CodingKey { case address = "IPAddress" }
  }

  var id: String
  /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
  var state: String
  /// The same in words, with the exit status.
  var status: String?
  var labels: [String: String]?
  var ports: [Port]?
  var networkSettings: Networks?

  enum CodingKeys: String, CodingKey {
    case id = "Id"
    case state = "State"
    case status = "Status"
    case labels = "Labels"
    case ports = "Ports"
    case networkSettings = "NetworkSettings"
  }
}

/// `GET /containers/NAME/json`, as far as it is read.
struct ContainerDetails: Decodable {
  struct State: Decodable {
    var isRunning: Bool

    enum CodingKeys: String, CodingKey { case isRunning = "Running" }
  }

  struct Config: Decodable {
    var labels: [String: String]?

    enum CodingKeys: String, CodingKey { case labels = "Labels" }
  }

  var state: State
  var config: Config

  enum CodingKeys: String, CodingKey {
    case state = "State"
    case config = "Config"
  }
}

/// A volume, to be made or found.
struct VolumeRecord: Codable {
  var name: String
  var labels: [String: String]?

  enum CodingKeys: String, CodingKey {
    case name = "Name"
    case labels = "Labels"
  }
}

/// `GET /volumes`, as far as it is read.
struct VolumeList: Decodable {
  var volumes: [VolumeRecord]?

  enum CodingKeys: String, CodingKey { case volumes = "Volumes" }
}

/// The body of `POST /containers/create`.
struct ContainerOrder: Encodable {
  struct Host: Encodable {
    var binds: [String]
    var networkMode: String?
    var memory: UInt64?
    var portBindings: [String: [Binding]]?
    var capDrop = ["ALL"]
    var securityOpt = ["no-new-privileges"]
    var readonlyRootfs = true

    enum CodingKeys: String, CodingKey {
      case binds = "Binds"
      case networkMode = "NetworkMode"
      case memory = "Memory"
      case portBindings = "PortBindings"
      case capDrop = "CapDrop"
      case securityOpt = "SecurityOpt"
      case readonlyRootfs = "ReadonlyRootfs"
    }
  }

  struct Binding: Encodable {
    var hostIP: String
    /// Empty for a free one.
    var hostPort = ""

    enum CodingKeys: String, CodingKey {
      case hostIP = "HostIp"
      case hostPort = "HostPort"
    }
  }

  struct Nothing: Encodable {}

  var image: String
  var command: [String]
  var labels: [String: String]
  var user: String?
  var exposedPorts: [String: Nothing]
  var host: Host

  enum CodingKeys: String, CodingKey {
    case image = "Image"
    case command = "Cmd"
    case labels = "Labels"
    case user = "User"
    case exposedPorts = "ExposedPorts"
    case host = "HostConfig"
  }
}

/// What an answer that tells of an error holds.
struct EngineProblem: Decodable {
  var message: String
}
