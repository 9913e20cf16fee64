import COpenSSL

extension TLSContext {
  /// Why the program's own certificate would be refused by the others of its cluster, or by clients
  /// that reach it at `host`; nil when there is no such reason.
  package func problem(at host: String?) -> String? {
    guard let acceptor else { return nil }
    return acceptor.problem(at: host)
  }

  /// Whether the others of the cluster, which ask for ``peerName``, would refuse the program's own
  /// certificate.
  package var lacksPeerName: Bool {
    guard let peerName, let acceptor else { return false }
    return !acceptor.isFor(peerName)
  }
}

extension OpenSSLContext {
  // What OpenSSL's header has as macros.
  private static let buildChain = Int32(105)
  private static let onlyCheck = 4

  fileprivate func problem(at host: String?) -> String? {
    ERR_clear_error()
    guard SSL_CTX_ctrl(pointer, OpenSSLContext.buildChain, OpenSSLContext.onlyCheck, nil) > 0
    else { return "does not lead to an authority of tls-ca (\(TLSFailure.reason()))" }
    guard let host, !isFor(host) else { return nil }
    return "is not for \(host), where the service is reached"
  }

  /// Whether the certificate is for a host name or a numeric address.
  fileprivate func isFor(_ host: String) -> Bool {
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { return true }
    let isNumeric = host != "localhost" && SocketAddress(host: host, port: 0) != nil
    return isNumeric
      ? X509_check_ip_asc(certificate, host, 0) == 1
      : X509_check_host(certificate, host, host.utf8.count, 0, nil) == 1
  }
}
