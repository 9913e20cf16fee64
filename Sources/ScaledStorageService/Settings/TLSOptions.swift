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

  static let names = [
    "tls-certificate", "tls-key", "tls-ca", "tls-require-client-certificate",
  ]
}

/// The TLS that is in force.
struct TLSSettings {
  let files: TLSFiles
  let demandsClientCertificate: Bool
  private let configuration: Configuration

  /// Nil for plain text.
  /// - Throws: `ConfigurationError` unless all files are named, or none.
  init?(_ options: TLSOptions, _ configuration: Configuration) throws {
    let paths = [
      try configuration.optional("tls-certificate", flag: options.tlsCertificate, usual: "none"),
      try configuration.optional("tls-key", flag: options.tlsKey, usual: "none"),
      try configuration.optional("tls-ca", flag: options.tlsCa, usual: "none"),
    ]
    demandsClientCertificate = try configuration.value(
      "tls-require-client-certificate", flag: options.tlsRequireClientCertificate ? true : nil,
      default: false)
    guard paths.contains(where: { $0 != nil }) || demandsClientCertificate else { return nil }
    guard let certificate = paths[0], let key = paths[1], let authorities = paths[2] else {
      let names = ["tls-certificate", "tls-key", "tls-ca"]
      let missing = zip(names, paths).first { $0.1 == nil }?.0 ?? ""
      let given = zip(names, paths).first { $0.1 != nil }?.0 ?? "tls-require-client-certificate"
      throw configuration.wrong(
        given,
        "is given without \(missing); TLS needs tls-certificate, tls-key and tls-ca: the "
          + "program's certificate, its key, and the authority by which the cluster's programs "
          + "know each other; deploy/dev-ca makes all three for development")
    }
    files = TLSFiles(certificate: certificate, key: key, authorities: authorities)
    self.configuration = configuration
  }

  /// - Throws: `ConfigurationError` that tells which file cannot be used.
  func context() throws -> TLSContext {
    do throws(TransportError) {
      return try TLSContext(files, demandsClientCertificate: demandsClientCertificate)
    } catch {
      // The message names the file.
      let named = [
        ("tls-certificate", files.certificate), ("tls-key", files.key),
        ("tls-ca", files.authorities),
      ].first { $0.1.map(error.message.contains) ?? false }
      throw configuration.wrong(named?.0 ?? "tls-certificate", "cannot be used: \(error.message)")
    }
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
  }
}
