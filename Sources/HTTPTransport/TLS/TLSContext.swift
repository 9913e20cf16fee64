import CLinux
import COpenSSL
import Glibc

/// Certificates, key and authorities in force for a program's TLS connections, as server and as
/// client: TLS 1.2 and 1.3, with the ciphers that HTTP/2 allows (RFC 9113 section 9.2).
///
/// It belongs to one loop's thread. Connections keep what was in force when they began.
public final class TLSContext {
  public let files: TLSFiles
  /// Whether a server refuses clients that show no certificate. Those that show one must have it
  /// from ``TLSFiles/authorities`` in any case.
  public let demandsClientCertificate: Bool
  /// The DNS name that the certificate of every server must be for, whatever name or address is
  /// called, and that servers are told as theirs (RFC 6066 section 3); nil asks for what is called.
  public let peerName: String?
  /// Nil without a certificate.
  private(set) var acceptor: OpenSSLContext?
  private(set) var connector: OpenSSLContext
  /// The files when they were last read, whether that went well or not.
  private var marks: [FileMark?]

  /// Reads the files.
  /// - Throws: `.tls`, naming the file and what is wrong with it.
  public init(
    _ files: TLSFiles, demandsClientCertificate: Bool = false, peerName: String? = nil
  ) throws(TransportError) {
    // OpenSSL takes an empty name for none, and one that begins with a dot for all below it.
    guard peerName.map({ !$0.isEmpty && !$0.hasPrefix(".") }) ?? true else {
      throw TransportError(.tls, "the name of the peers is \"\(peerName ?? "")\": give a DNS name")
    }
    self.files = files
    self.peerName = peerName
    self.demandsClientCertificate = demandsClientCertificate
    marks = files.marks
    connector = try OpenSSLContext(connecting: files)
    guard files.certificate != nil else { return }
    acceptor = try OpenSSLContext(accepting: files, demandsClientCertificate)
  }

  /// When the certificate that is served ends, in seconds since 1970; nil without one.
  package var expiry: Int64? { (acceptor ?? connector).expiry }

  /// Reads the files again. Connections that begin from here on use what they hold now.
  /// - Throws: `.tls` when they cannot be used; what was in force stays so.
  public func reload() throws(TransportError) {
    // Before they are read: what changes meanwhile is seen the next time.
    marks = files.marks
    let connector = try OpenSSLContext(connecting: files)
    if let certificate = files.certificate {
      let renewed = try OpenSSLContext(accepting: files, demandsClientCertificate)
      // All others would refuse it, as they did not the one before.
      if let peerName, !renewed.isFor(peerName), acceptor?.isFor(peerName) ?? false {
        throw TransportError(
          .tls, "\(certificate) is not for \(peerName), which the cluster's programs ask for")
      }
      acceptor = renewed
    }
    self.connector = connector
  }

  /// Looks at the files now and then, and reads them when they have changed; for as long as the
  /// context lives. `report` is told of each reading.
  public func reloadOnChange(
    on loop: EventLoop, every interval: Duration = .seconds(2),
    _ report: @escaping (Result<Void, TransportError>) -> Void
  ) {
    loop.schedule(after: interval) { [weak self, unowned loop] in
      guard let self else { return }
      if files.marks != marks { reload(report) }
      reloadOnChange(on: loop, every: interval, report)
    }
  }

  /// Reads the files again and tells `report` how that went.
  public func reload(_ report: (Result<Void, TransportError>) -> Void) {
    do throws(TransportError) {
      try reload()
      report(.success(()))
    } catch {
      report(.failure(error))
    }
  }
}

/// Owns one `SSL_CTX`.
final class OpenSSLContext {
  let pointer: OpaquePointer

  /// AEAD with ephemeral keys only: none of the suites that RFC 9113 appendix A forbids.
  private static let ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  private static let suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  private static let sessionContext = Array("scaled-storage".utf8)

  private init(_ method: OpaquePointer?) throws(TransportError) {
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(method) else {
      throw TransportError(.tls, "OpenSSL has no memory for a context: \(TLSFailure.reason())")
    }
    self.pointer = pointer
    // Without this OpenSSL would ask on the terminal.
    SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in 0 }
    guard scaled_tls_prepare(pointer) == 1,
      SSL_CTX_set_cipher_list(pointer, OpenSSLContext.ciphers) == 1,
      SSL_CTX_set_ciphersuites(pointer, OpenSSLContext.suites) == 1
    else {
      throw TransportError(.tls, "OpenSSL lacks TLS 1.2 or its ciphers: \(TLSFailure.reason())")
    }
  }

  deinit { SSL_CTX_free(pointer) }

  /// For connections that a server accepts.
  convenience init(accepting files: TLSFiles, _ isDemanding: Bool) throws(TransportError) {
    try self.init(TLS_server_method())
    try useIdentity(files)
    ApplicationProtocol.select(in: pointer)
    let context = OpenSSLContext.sessionContext
    SSL_CTX_set_session_id_context(pointer, context, UInt32(context.count))
    guard let authorities = files.authorities else { return }
    try trust(authorities)
    // The names tell browsers which of their certificates would do.
    SSL_CTX_set_client_CA_list(pointer, SSL_load_client_CA_file(authorities))
    let mode = SSL_VERIFY_PEER | (isDemanding ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
    SSL_CTX_set_verify(pointer, mode, nil)
  }

  /// For connections that a client opens.
  convenience init(connecting files: TLSFiles) throws(TransportError) {
    try self.init(TLS_client_method())
    if files.certificate != nil { try useIdentity(files) }
    if let authorities = files.authorities {
      try trust(authorities)
    } else {
      SSL_CTX_set_default_verify_paths(pointer)
    }
    ApplicationProtocol.offer(ApplicationProtocol.http2Only, in: pointer)
    SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
  }

  /// When the certificate ends, in seconds since 1970.
  var expiry: Int64? {
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { return nil }
    var time = tm()
    guard ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 else { return nil }
    return Int64(timegm(&time))
  }

  private func useIdentity(_ files: TLSFiles) throws(TransportError) {
    guard let certificate = files.certificate, let key = files.key else {
      throw TransportError(.tls, "a certificate needs its key's file, and a key its certificate's")
    }
    try OpenSSLContext.checkReadable(certificate, "the certificate")
    try OpenSSLContext.checkReadable(key, "the key")
    guard SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
      throw TransportError(
        .tls,
        "\(certificate) holds no certificate that can be used (\(TLSFailure.reason())); it is a "
          + "PEM file with the program's certificate first, then those that lead to its authority")
    }
    // OpenSSL compares the two as it takes the key.
    guard SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
      guard !TLSFailure.isMismatch() else {
        throw TransportError(
          .tls, "the key in \(key) is not that of the certificate in \(certificate)")
      }
      throw TransportError(
        .tls,
        "\(key) holds no key that can be used (\(TLSFailure.reason())); it is a PEM file without "
          + "a pass phrase")
    }
    guard SSL_CTX_check_private_key(pointer) == 1 else {
      throw TransportError(
        .tls, "the key in \(key) is not that of the certificate in \(certificate)")
    }
  }

  private func trust(_ authorities: String) throws(TransportError) {
    try OpenSSLContext.checkReadable(authorities, "the file of authorities")
    guard SSL_CTX_load_verify_file(pointer, authorities) == 1 else {
      throw TransportError(
        .tls, "\(authorities) holds no authority's certificate in PEM (\(TLSFailure.reason()))")
    }
  }

  /// OpenSSL tells the system's errors badly.
  private static func checkReadable(_ path: String, _ what: String) throws(TransportError) {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else {
      let error = errno
      throw TransportError(
        .tls, "\(what) \(path) cannot be read: \(systemMessage(error))", systemError: error)
    }
    close(file)
  }
}
