import ArgumentParser
import Etcd
import HTTPTransport

/// The etcd cluster that gateways and nodes agree by, where one is used.
struct EtcdOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The members of an etcd cluster, 3.4 or newer, by which gateways and nodes agree, as \
      HOST:PORT,HOST:PORT or https://HOST:PORT,… for TLS. Not for up.
      """, valueName: "list"))
  var etcd: String?

  @Option(help: "The name of this cluster among those that use the same etcd. (default: default)")
  var etcdCluster: String?

  @Option(
    help: ArgumentHelp("The authorities that etcd's certificates come from.", valueName: "file"))
  var etcdCa: String?

  @Option(
    help: ArgumentHelp("The certificate to show to etcd, in PEM.", valueName: "file"))
  var etcdCertificate: String?

  @Option(help: ArgumentHelp("That certificate's key, in PEM.", valueName: "file"))
  var etcdKey: String?

  static let names = ["etcd", "etcd-cluster", "etcd-ca", "etcd-certificate", "etcd-key"]
}

/// The etcd that is in force.
struct EtcdPlace {
  /// `HOST:PORT` of each member.
  let endpoints: [String]
  let isSecure: Bool
  /// The name of the cluster there.
  let cluster: String
  /// Where the cluster keeps what.
  let keys: EtcdKeys
  private let files: TLSFiles
  private let configuration: Configuration

  private static let mostEndpoints = 16

  /// Nil when none is named.
  /// - Throws: `ConfigurationError` for what cannot be read, and files that do not fit together.
  init?(_ options: EtcdOptions, _ configuration: Configuration) throws {
    let list = try configuration.optional("etcd", flag: options.etcd, usual: "none")
    let cluster = try configuration.value(
      "etcd-cluster", flag: options.etcdCluster, default: "default")
    let authorities = try configuration.optional(
      "etcd-ca", flag: options.etcdCa, usual: "the system's")
    let certificate = try configuration.optional(
      "etcd-certificate", flag: options.etcdCertificate, usual: "none")
    let key = try configuration.optional("etcd-key", flag: options.etcdKey, usual: "none")
    guard EtcdKeys.isValid(cluster: cluster) else {
      throw configuration.wrong(
        "etcd-cluster", "is \"\(cluster)\"; write 1 to 64 letters, digits, -, _ and .")
    }
    guard let list else {
      let orphan = [
        ("etcd-ca", authorities), ("etcd-certificate", certificate), ("etcd-key", key),
      ].first { $0.1 != nil }
      if let orphan {
        throw configuration.wrong(
          orphan.0, "is given without etcd; name etcd's members as etcd, or leave it away")
      }
      return nil
    }
    (endpoints, isSecure) = try EtcdPlace.read(list, configuration)
    self.cluster = cluster
    keys = EtcdKeys(cluster: cluster)
    guard (certificate == nil) == (key == nil) else {
      let given = certificate == nil ? "etcd-key" : "etcd-certificate"
      let other = certificate == nil ? "etcd-certificate" : "etcd-key"
      throw configuration.wrong(given, "is given without \(other); name both, or none")
    }
    let isNamed = authorities != nil || certificate != nil
    guard isSecure || !isNamed else {
      throw configuration.wrong(
        authorities != nil ? "etcd-ca" : "etcd-certificate",
        "is given, and etcd is spoken to in plain text; write etcd = https://HOST:PORT,…")
    }
    files = TLSFiles(certificate: certificate, key: key, authorities: authorities)
    self.configuration = configuration
  }

  private static func read(
    _ list: String, _ configuration: Configuration
  ) throws -> (endpoints: [String], isSecure: Bool) {
    var endpoints: [String] = []
    var schemes: Set<String> = []
    for part in list.split(separator: ",") {
      let text = part.filter { $0 != " " }
      var url = text.contains("://") ? text : "http://" + text
      while url.hasSuffix("/") { url.removeLast() }
      guard let endpoint = try? HTTPEndpoint(url), endpoint.target == "/",
        url.hasSuffix(":\(endpoint.port)")
      else {
        throw configuration.wrong(
          "etcd", "has \"\(text.prefix(80))\"; write HOST:PORT, as 10.0.0.1:2379")
      }
      schemes.insert(endpoint.isSecure ? "https" : "http")
      if !endpoints.contains(endpoint.authority) { endpoints.append(endpoint.authority) }
    }
    guard (1...mostEndpoints).contains(endpoints.count) else {
      throw configuration.wrong(
        "etcd", "names \(endpoints.count) members; name 1 to \(mostEndpoints)")
    }
    guard schemes.count == 1 else {
      throw configuration.wrong(
        "etcd", "mixes http and https; write all of its members with the same")
    }
    return (endpoints, schemes.contains("https"))
  }

  /// What a client needs; the certificates are read now.
  /// - Throws: `ConfigurationError` that tells which file cannot be used.
  func settings() throws -> EtcdSettings {
    EtcdSettings(endpoints: endpoints, tls: try context())
  }

  private func context() throws -> TLSContext? {
    guard isSecure else { return nil }
    do throws(TransportError) {
      return try TLSContext(files)
    } catch {
      // The message names the file.
      let named = [
        ("etcd-certificate", files.certificate), ("etcd-key", files.key),
        ("etcd-ca", files.authorities),
      ].first { $0.1.map(error.message.contains) ?? false }
      throw configuration.wrong(named?.0 ?? "etcd", "cannot be used: \(error.message)")
    }
  }

  /// The arguments by which a node that is launched uses the same.
  /// - Parameter absolute: makes a path independent of the working directory.
  func arguments(_ absolute: (String) -> String) -> [String] {
    let list = endpoints.map { isSecure ? "https://\($0)" : $0 }.joined(separator: ",")
    let paths = [
      ("--etcd-ca", files.authorities), ("--etcd-certificate", files.certificate),
      ("--etcd-key", files.key),
    ]
    return ["--etcd", list, "--etcd-cluster", cluster]
      + paths.flatMap { name, path in path.map { [name, absolute($0)] } ?? [] }
  }
}

extension ServiceSettings {
  /// - Throws: `ConfigurationError` when etcd is named for a cluster that is one program's.
  func requireNoEtcd() throws {
    guard etcd != nil else { return }
    throw configuration.wrong(
      "etcd",
      "is given, and `up` is a whole cluster by itself; run `gateway` and `node`, or leave it away")
  }

  /// Nodes that only this machine's gateway can start would begin without their keys at the next
  /// gateway.
  /// - Throws: `ConfigurationError` when another gateway could not reach the nodes' data.
  func requireNodesForAll(_ scaling: ScalingSettings) throws {
    guard etcd != nil, scaling.instances == nil else { return }
    let launcher: String
    switch scaling.launcher {
    case .process: launcher = "process"
    case .systemd: launcher = "systemd"
    case .docker, .kubernetes: return
    }
    throw configuration.wrong(
      "etcd",
      "is given, and launcher \(launcher) starts nodes on data that the other gateways have not; "
        + "run the nodes yourself and name them as nodes, or use launcher docker or kubernetes")
  }
}
