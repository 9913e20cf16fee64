/// The PEM files of a program that speaks TLS.
public struct TLSFiles: Hashable, Sendable {
  /// The program's certificate, followed by those that lead to its authority. Servers need one;
  /// clients show it to servers that ask.
  public var certificate: String?
  /// The private key of ``certificate``, without a pass phrase.
  public var key: String?
  /// The authorities that peers' certificates must come from. Without them clients trust whom the
  /// system trusts, and servers ask for no certificates.
  public var authorities: String?

  public init(certificate: String? = nil, key: String? = nil, authorities: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.authorities = authorities
  }

  /// What tells one state of the files from another without reading them.
  var marks: [FileMark?] { [certificate, key, authorities].map { $0.flatMap(FileMark.init) } }
}
