import COpenSSL

/// The protocols that a TLS handshake can agree on (ALPN, RFC 7301).
enum ApplicationProtocol {
  case http2
  case http1

  /// What a server speaks, best first, each with its length before it.
  private static let spoken: StaticString = "\u{2}h2\u{8}http/1.1"
  static let http2Only: StaticString = "\u{2}h2"

  /// Makes a server choose. A client that offers nothing that fits is told so
  /// (no_application_protocol); one that offers nothing goes on without.
  static func select(in context: OpaquePointer) {
    SSL_CTX_set_alpn_select_cb(
      context,
      { _, chosen, chosenLength, offered, offeredLength, _ in
        var name: UnsafeMutablePointer<UInt8>?
        let spoken = ApplicationProtocol.spoken
        let status = SSL_select_next_proto(
          &name, chosenLength, spoken.utf8Start, UInt32(spoken.utf8CodeUnitCount), offered,
          offeredLength)
        guard status == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen?.pointee = name.map { UnsafePointer($0) }
        return SSL_TLSEXT_ERR_OK
      }, nil)
  }

  /// Makes a client offer `protocols`, each with its length before it.
  static func offer(_ protocols: StaticString, in context: OpaquePointer) {
    SSL_CTX_set_alpn_protos(
      context, protocols.utf8Start, UInt32(protocols.utf8CodeUnitCount))
  }

  /// What a finished handshake agreed on; nil when nothing was offered or taken.
  init?(of connection: OpaquePointer) {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    SSL_get0_alpn_selected(connection, &name, &length)
    let bytes = UnsafeRawBufferPointer(start: name, count: Int(length))
    if bytes.equals("h2") {
      self = .http2
    } else if bytes.equals("http/1.1") {
      self = .http1
    } else {
      return nil
    }
  }
}
