extension Exchange {
  /// Whether the request came encrypted.
  public var isSecure: Bool { connection?.tls != nil }

  /// Whether the sender showed a certificate of the server's authorities.
  public var hasClientCertificate: Bool { connection?.tls?.hasPeerCertificate ?? false }

  /// Whether the sender was asked for a certificate and showed none. False in plain text, and where
  /// the server has no authorities to verify certificates with.
  public var lacksClientCertificate: Bool { connection?.tls?.lacksPeerCertificate ?? false }

  /// The SHA-256 of the certificate that the sender showed, in DER; nil when it showed none.
  package var clientCertificateDigest: SHA256.Digest? { connection?.tls?.peerCertificateDigest }
}
