import ArgumentParser
import HTTPTransport

/// How client commands know a cluster that speaks TLS, and are known by it.
struct ClientTLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      For https: the authorities to trust, in PEM. (environment: SCALED_STORAGE_TLS_CA; default: \
      those of the system)
      """, valueName: "file"))
  var tlsCa: String?

  @Option(
    help: ArgumentHelp(
      """
      For https: the certificate to show, in PEM; the cluster's control methods need one. \
      (environment: SCALED_STORAGE_TLS_CERTIFICATE)
      """, valueName: "file"))
  var tlsCertificate: String?

  @Option(
    help: ArgumentHelp(
      "The certificate's key, in PEM. (environment: SCALED_STORAGE_TLS_KEY)", valueName: "file"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      """
      For https: the name that the certificates of all of the cluster's programs are for, where it \
      has one (the service's setting of this name). (environment: SCALED_STORAGE_TLS_PEER_NAME; \
      default: what is called)
      """, valueName: "name"))
  var tlsPeerName: String?

  /// What an endpoint is spoken to with; nil when it speaks plain text.
  /// - Throws: `CommandFailure` as ``files(isSecure:_:)``, `TransportError` for files that cannot
  ///   be used.
  func context(
    isSecure: Bool, _ environment: Environment = .process
  ) throws -> TLSContext? {
    try files(isSecure: isSecure, environment).map {
      try TLSContext($0, peerName: peerName(environment))
    }
  }

  func peerName(_ environment: Environment = .process) -> String? {
    tlsPeerName ?? environment.value("SCALED_STORAGE_TLS_PEER_NAME")
  }

  /// The files for an endpoint; nil when it speaks plain text.
  /// - Throws: `CommandFailure` when flags make no sense together. What the environment names is
  ///   for clusters that speak TLS and does no harm with others.
  func files(
    isSecure: Bool, _ environment: Environment = .process
  ) throws(CommandFailure) -> TLSFiles? {
    guard isSecure else {
      guard tlsCa == nil, tlsCertificate == nil, tlsKey == nil, tlsPeerName == nil else {
        throw CommandFailure(
          "--tls-ca, --tls-certificate, --tls-key and --tls-peer-name need a URL with https://")
      }
      return nil
    }
    let files = TLSFiles(
      certificate: tlsCertificate ?? environment.value("SCALED_STORAGE_TLS_CERTIFICATE"),
      key: tlsKey ?? environment.value("SCALED_STORAGE_TLS_KEY"),
      authorities: tlsCa ?? environment.value("SCALED_STORAGE_TLS_CA"))
    guard (files.certificate == nil) == (files.key == nil) else {
      throw CommandFailure("--tls-certificate and --tls-key need each other")
    }
    return files
  }
}
