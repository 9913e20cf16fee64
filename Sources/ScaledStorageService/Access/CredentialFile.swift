package import WireProtocol

/// The file with the cluster's credentials: one a line, the one in use first.
package struct CredentialFile {
  package let path: String

  package init(path: String) {
    self.path = path
  }

  private static let longest = 4_096

  /// What the file holds; nil when there is none.
  /// - Throws: `ServiceFailure` when it cannot be read, `CredentialError` when it holds something
  ///   else.
  package func credentials() throws -> [Credential]? {
    try SecretFile.text(at: path, limit: CredentialFile.longest).map { text throws in
      try Credentials.read(text)
    }
  }

  /// Makes the file with one credential.
  /// - Throws: `ServiceFailure`.
  func make() throws(ServiceFailure) -> [Credential] {
    let credential = Credential.random()
    try SecretFile.make(path, CredentialFile.text([credential]))
    return [credential]
  }

  /// - Throws: `ServiceFailure`; what was there stays then.
  package func replace(with credentials: [Credential]) throws(ServiceFailure) {
    try SecretFile.replace(path, with: CredentialFile.text(credentials))
  }

  private static func text(_ credentials: [Credential]) -> String {
    credentials.map { $0.text + "\n" }.joined()
  }
}
