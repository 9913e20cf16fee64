import COpenSSL

extension TLSContext {
  /// Why the program's own certificate would be refused by the others of its cluster, or by clients
  /// that reach it at `host`; nil when there is no such reason.
  package func problem(at host: String?) -> String? {
    guard let acceptor else { return nil }
    return acceptor.problem(at: host)
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
    guard let host, let certificate = SSL_CTX_get0_certificate(pointer) else { return nil }
    let isNumeric = host != "localhost" && SocketAddress(host: host, port: 0) != nil
    let isForHost =
      isNumeric
      ? X509_check_ip_asc(certificate, host, 0) == 1
      : X509_check_host(certificate, host, host.utf8.count, 0, nil) == 1
    return isForHost ? nil : "is not for \(host), where the service is reached"
  }
}
