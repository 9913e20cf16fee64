import ArgumentParser
import HTTPTransport

/// How the programs of a cluster speak TLS.
struct TLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The certificate to serve and to show to other programs of the cluster, in PEM, with those \
      that lead to its authority. With it, all of the cluster speaks TLS.
      """, valueName: "file"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The certificate's key, in PEM.", valueName: "file"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "The authorities that the cluster's certificates come from, in PEM.", valueName: "file"))
  var tlsCa: String?

  @Flag(help: "Refuse clients that show no certificate of --tls-ca.")
  var tlsRequireClientCertificate = false

  @Option(
    help: ArgumentHelp(
      """
      The name that the certificates of all programs of the cluster are for. They then ask each \
      other for it, whatever address is called, as where addresses change. (default: the address \
      that is called)
      """, valueName: "name"))
  var tlsPeerName: String?

  static let names = [
    "tls-certificate", "tls-key", "tls-ca", "tls-require-client-certificate", "tls-peer-name",
  ]
}

/// The TLS that is in force.
struct TLSSettings {
  let files: TLSFiles
  let demandsClientCertificate: Bool
  /// The name that the programs of the cluster ask each other's certificates for; nil asks for the
  /// address that is called.
  let peerName: String?
  private let configuration: Configuration

  /// Nil for plain text.
  /// - Throws: `ConfigurationError` unless all files are named, or none, and for a name that no
  ///   certificate has.
  init?(_ options: TLSOptions, _ configuration: Configuration) throws {
    let paths = [
      try configuration.optional("tls-certificate", flag: options.tlsCertificate, usual: "none"),
      try configuration.optional("tls-key", flag: options.tlsKey, usual: "none"),
      try configuration.optional("tls-ca", flag: options.tlsCa, usual: "none"),
    ]
    demandsClientCertificate = try configuration.value(
      "tls-require-client-certificate", flag: options.tlsRequireClientCertificate ? true : nil,
      default: false)
    peerName = try TLSSettings.peerName(options, configuration)
    let isAsked = demandsClientCertificate || peerName != nil
    guard isAsked || paths.contains(where: { $0 != nil }) else { return nil }
    guard let certificate = paths[0], let key = paths[1], let authorities = paths[2] else {
      let names = ["tls-certificate", "tls-key", "tls-ca"]
      let missing = zip(names, paths).first { $0.1 == nil }?.0 ?? ""
      let given =
        zip(names, paths).first { $0.1 != nil }?.0
        ?? (demandsClientCertificate ? "tls-require-client-certificate" : "tls-peer-name")
      throw configuration.wrong(
        given,
        "is given without \(missing); TLS needs tls-certificate, tls-key and tls-ca: the "
          + "program's certificate, its key, and the authority by which the cluster's programs "
          + "know each other; deploy/dev-ca makes all three for development")
    }
    files = TLSFiles(certificate: certificate, key: key, authorities: authorities)
    self.configuration = configuration
  }

  private static func peerName(
    _ options: TLSOptions, _ configuration: Configuration
  ) throws -> String? {
    let name = try configuration.optional(
      "tls-peer-name", flag: options.tlsPeerName, usual: "the address that is called")
    guard let name else { return nil }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    let isName = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count)
        && label.utf8.allSatisfy {
          UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 || $0 == UInt8(ascii: "-")
            || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
        }
    }
    // Addresses are what the setting is there to do without.
    let isAddress = name != "localhost" && SocketAddress(host: name, port: 0) != nil
    guard isName, name.utf8.count <= 253, !isAddress else {
      throw configuration.wrong(
        "tls-peer-name",
        "is \"\(name.prefix(80))\"; write a DNS name that the certificates of all programs of the "
          + "cluster are for, as cluster.scaled-storage")
    }
    return name
  }

  /// - Throws: `ConfigurationError` that tells which file cannot be used.
  func context() throws -> TLSContext {
    do throws(TransportError) {
      let context = try TLSContext(
        files, demandsClientCertificate: demandsClientCertificate, peerName: peerName)
      guard context.lacksPeerName else { return context }
    } catch {
      // The message names the file.
      let named = [
        ("tls-certificate", files.certificate), ("tls-key", files.key),
        ("tls-ca", files.authorities),
      ].first { $0.1.map(error.message.contains) ?? false }
      throw configuration.wrong(named?.0 ?? "tls-certificate", "cannot be used: \(error.message)")
    }
    throw configuration.wrong(
      "tls-peer-name",
      "is \(peerName ?? ""), and the certificate \(files.certificate ?? "") is not for that name, "
        + "so the others would refuse it; have one made with the name, or correct the name")
  }

  /// The arguments by which a node that is launched does the same.
  /// - Parameter absolute: makes a path independent of the working directory.
  func arguments(_ absolute: (String) -> String) -> [String] {
    let paths = [
      ("--tls-certificate", files.certificate), ("--tls-key", files.key),
      ("--tls-ca", files.authorities),
    ]
    return paths.flatMap { name, path in path.map { [name, absolute($0)] } ?? [] }
      + (demandsClientCertificate ? ["--tls-require-client-certificate"] : [])
      + (peerName.map { ["--tls-peer-name", $0] } ?? [])
  }
}
