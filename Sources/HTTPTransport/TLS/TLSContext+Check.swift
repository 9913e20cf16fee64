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
  /// SSL_CTRL_GET_CHAIN_CERTS, which OpenSSL's header has in a macro.
  private static let getChain = Int32(115)

  fileprivate func problem(at host: String?) -> String? {
    if let reason = chainProblem { return "does not lead to an authority of tls-ca (\(reason))" }
    guard let host, !isFor(host) else { return nil }
    return "is not for \(host), where the service is reached"
  }

  /// Why nobody who trusts the same authorities would take the certificate; nil when they would.
  private var chainProblem: String? {
    guard let certificate = SSL_CTX_get0_certificate(pointer), let check = X509_STORE_CTX_new()
    else { return nil }
    defer { X509_STORE_CTX_free(check) }
    // Those between, which come with it.
    var chain: OpaquePointer?
    SSL_CTX_ctrl(pointer, OpenSSLContext.getChain, 0, &chain)
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard
      X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(pointer), certificate, chain) == 1,
      X509_verify_cert(check) != 1
    else { return nil }
    let code = Int(X509_STORE_CTX_get_error(check))
    return X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "error \(code)"
  }

  /// Whether the certificate is for a host name or a numeric address.
  func isFor(_ host: String) -> Bool {
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { return true }
    let isNumeric = host != "localhost" && SocketAddress(host: host, port: 0) != nil
    return isNumeric
      ? X509_check_ip_asc(certificate, host, 0) == 1
      : X509_check_host(certificate, host, host.utf8.count, 0, nil) == 1
  }
}
