package import HTTPTransport

/// The check of the cluster's credential.
package enum Authorization {
  /// - Throws: `Problem` 401 without a credential, 403 with another one.
  package static func require(
    _ credential: Credential, _ exchange: Exchange, for what: String
  ) throws(Problem) {
    guard let header = exchange.header("authorization") else {
      throw Problem(
        401, "credential_missing",
        "\(what) is for the cluster only; send its credential as authorization: Bearer …")
    }
    guard credential.matches(header) else {
      throw Problem(
        403, "credential_refused",
        "the credential is not this cluster's; it is in the file named by --credential-file")
    }
  }
}
