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
  // What OpenSSL's header has as a macro.
  private static let getChain = Int32(115)

  fileprivate func problem(at host: String?) -> String? {
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { return nil }
    if let reason = refusal(of: certificate) {
      return "would be refused by the cluster's other programs: \(reason)"
    }
    guard let host else { return nil }
    let isNumeric = host != "localhost" && SocketAddress(host: host, port: 0) != nil
    let isForHost =
      isNumeric
      ? X509_check_ip_asc(certificate, host, 0) == 1
      : X509_check_host(certificate, host, host.utf8.count, 0, nil) == 1
    return isForHost ? nil : "is not for \(host), where the service is reached"
  }

  /// Why the authorities do not vouch for the certificate, with those of its file between; nil when
  /// they do.
  private func refusal(of certificate: OpaquePointer) -> String? {
    guard let store = SSL_CTX_get_cert_store(pointer), let check = X509_STORE_CTX_new() else {
      return nil
    }
    defer { X509_STORE_CTX_free(check) }
    var chain: OpaquePointer?
    SSL_CTX_ctrl(pointer, OpenSSLContext.getChain, 0, &chain)
    guard X509_STORE_CTX_init(check, store, certificate, chain) == 1 else { return nil }
    guard X509_verify_cert(check) != 1 else { return nil }
    let code = Int(X509_STORE_CTX_get_error(check))
    return String(cString: X509_verify_cert_error_string(code))
  }
}
