import COpenSSL

/// TLS on one connection: turns what the socket brings into what the peer said, and the other way.
///
/// It touches no socket: the connection hands it what was received and sends what comes out, so
/// that one read and one write of the system serve many records. After each operation ``output``
/// has the bytes to be sent, in the order of the operations, until the next operation of any
/// session of the same loop.
final class TLSSession {
  enum Step {
    /// Decrypted bytes, or none when a handshake is complete. They hold until the next operation.
    case bytes(UnsafeRawBufferPointer)
    /// All that was offered is taken, and the session wants more.
    case wantsInput
    /// The peer said that nothing follows (close_notify).
    case ended
    /// The session is over; ``TLSSession/output`` may hold an alert for the peer.
    case failed(String)
  }

  private let connection: OpaquePointer
  private let scratch: TLSScratch
  /// What was received and OpenSSL has not taken yet. Empty outside of an operation's caller.
  private var input = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var hasStarted = false
  private(set) var isEstablished = false
  private var isBroken = false
  private let asksForCertificate: Bool

  /// The server's end of a connection.
  /// - Throws: `.tls` when there is no certificate or no memory.
  convenience init(accepting context: TLSContext, scratch: TLSScratch) throws(TransportError) {
    guard let acceptor = context.acceptor else {
      throw TransportError(.tls, "a server needs a certificate and its key")
    }
    try self.init(acceptor, scratch, asksForCertificate: context.files.authorities != nil)
    SSL_set_accept_state(connection)
  }

  /// The client's end of a connection to a server whose certificate must be for `name`, a host
  /// name or a numeric address, unless the context names another for all.
  /// - Throws: `.tls` when the name is none, or memory is lacking.
  convenience init(
    connecting context: TLSContext, to name: String, scratch: TLSScratch
  ) throws(TransportError) {
    try self.init(context.connector, scratch, asksForCertificate: true)
    SSL_set_connect_state(connection)
    let name = context.peerName ?? name
    let isNumeric = name != "localhost" && SocketAddress(host: name, port: 0) != nil
    // Server names are for host names only (RFC 6066 section 3).
    let isSet =
      isNumeric
      ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), name) == 1
      : SSL_set1_host(connection, name) == 1 && scaled_tls_indicate_name(connection, name) == 1
    guard isSet else {
      throw TransportError(.tls, "'\(name)' is no name that a certificate can have")
    }
  }

  private init(
    _ context: OpenSSLContext, _ scratch: TLSScratch, asksForCertificate: Bool
  ) throws(TransportError) {
    ERR_clear_error()
    guard let connection = SSL_new(context.pointer) else {
      throw TransportError(.tls, "OpenSSL has no memory for a connection: \(TLSFailure.reason())")
    }
    guard let bridge = TLSBridge.make() else {
      SSL_free(connection)
      throw TransportError(.tls, "OpenSSL has no memory for a connection: \(TLSFailure.reason())")
    }
    self.connection = connection
    self.scratch = scratch
    self.asksForCertificate = asksForCertificate
    // One bridge for both directions; the connection owns it from here on.
    SSL_set_bio(connection, bridge, bridge)
    TLSBridge.attach(bridge, to: self)
  }

  deinit { SSL_free(connection) }

  // MARK: What OpenSSL reads and writes

  /// Hands received bytes over. They must stay in place until the operations after this have
  /// taken them, which they have when one answers `.wantsInput`.
  func offer(_ bytes: UnsafeRawBufferPointer) {
    input = bytes
    if !bytes.isEmpty { hasStarted = true }
  }

  func take(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, input.count)
    guard count > 0 else { return 0 }
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
    input = UnsafeRawBufferPointer(rebasing: input[count...])
    return count
  }

  func put(_ bytes: UnsafeRawBufferPointer) { scratch.sealed.append(bytes) }

  /// What the last operation has for the peer.
  var output: UnsafeRawBufferPointer { scratch.sealed.bytes }

  // MARK: Operations

  /// Goes on with the handshake; `.bytes` when it is complete.
  func handshake() -> Step {
    begin()
    let status = SSL_do_handshake(connection)
    if status == 1 {
      isEstablished = true
      return .bytes(UnsafeRawBufferPointer(start: nil, count: 0))
    }
    return step(after: status)
  }

  /// Decrypts the next record or a part of it.
  func read() -> Step {
    begin()
    var count = 0
    let plain = scratch.plain
    let status = SSL_read_ex(connection, plain.baseAddress, plain.count, &count)
    if status == 1 { return .bytes(UnsafeRawBufferPointer(rebasing: plain[..<count])) }
    return step(after: status)
  }

  /// Encrypts all of `bytes`, which are not empty; nil when the session is over.
  func seal(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    begin()
    guard isEstablished, !isBroken else { return nil }
    var count = 0
    // The bridge takes whatever it is given, so that nothing is left over.
    guard SSL_write_ex(connection, bytes.baseAddress, bytes.count, &count) == 1,
      count == bytes.count
    else {
      isBroken = true
      ERR_clear_error()
      return nil
    }
    return output
  }

  /// Tells the peer that nothing follows (close_notify, RFC 8446 section 6.1), unless the session
  /// is over anyway. Returns what to send.
  func farewell() -> UnsafeRawBufferPointer {
    begin()
    guard isEstablished, !isBroken else { return output }
    isBroken = true
    SSL_shutdown(connection)
    ERR_clear_error()
    return output
  }

  private func begin() {
    scratch.sealed.reset(keeping: TLSScratch.keptBytes)
    ERR_clear_error()
  }

  private func step(after status: Int32) -> Step {
    switch SSL_get_error(connection, status) {
    case SSL_ERROR_WANT_READ:
      return .wantsInput
    case SSL_ERROR_ZERO_RETURN:
      return .ended
    default:
      isBroken = true
      return .failed(reason())
    }
  }

  private func reason() -> String {
    let text = TLSFailure.reason()
    let verification = SSL_get_verify_result(connection)
    guard verification != X509_V_OK, let detail = X509_verify_cert_error_string(verification) else {
      return text
    }
    return "the certificate is refused: \(String(cString: detail))"
  }

  // MARK: What was agreed on

  var applicationProtocol: ApplicationProtocol? { ApplicationProtocol(of: connection) }

  /// Whether the peer showed a certificate, which was then verified.
  var hasPeerCertificate: Bool { SSL_get0_peer_certificate(connection) != nil }

  /// The SHA-256 of the peer's certificate (DER); nil when it showed none. Computed once.
  private(set) lazy var peerCertificateDigest: SHA256.Digest? = {
    guard let certificate = SSL_get0_peer_certificate(connection) else { return nil }
    var encoded: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(certificate, &encoded)
    guard count > 0, let encoded else { return nil }
    defer { scaled_openssl_free(encoded) }
    return SHA256.Digest(of: UnsafeRawBufferPointer(start: encoded, count: Int(count)))
  }()

  /// Whether the peer could have shown a certificate and did not.
  var lacksPeerCertificate: Bool { asksForCertificate && !hasPeerCertificate }
}

/// Buffers that all sessions of a loop share, each for the length of one operation.
final class TLSScratch {
  /// A record has at most 2^14 bytes (RFC 8446 section 5.1).
  let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
  let sealed = ByteArena()
  /// What one write of a connection becomes, with the records' heads and tags.
  static let keptBytes = 2 * EventLoop.bufferSize

  deinit { plain.deallocate() }
}
