import COpenSSL

/// The `BIO` between OpenSSL and a ``TLSSession``: it never blocks on output, and never raises
/// SIGPIPE, which OpenSSL's own sockets do.
enum TLSBridge {
  private nonisolated(unsafe) static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "session") else {
      return nil
    }
    BIO_meth_set_write_ex(method) { bridge, bytes, count, written in
      guard let session = TLSBridge.session(of: bridge), let bytes else { return 0 }
      session._withUnsafeGuaranteedRef {
        $0.put(UnsafeRawBufferPointer(start: bytes, count: count))
      }
      written?.pointee = count
      return 1
    }
    BIO_meth_set_read_ex(method) { bridge, buffer, count, taken in
      guard let session = TLSBridge.session(of: bridge), let buffer else { return 0 }
      let amount = session._withUnsafeGuaranteedRef {
        $0.take(into: UnsafeMutableRawBufferPointer(start: buffer, count: count))
      }
      taken?.pointee = amount
      if amount == 0 { scaled_bio_retry_read(bridge) }
      return amount > 0 ? 1 : 0
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in
      command == BIO_CTRL_FLUSH ? 1 : 0
    }
    return method
  }()

  /// Nil when memory is lacking.
  static func make() -> OpaquePointer? {
    method.flatMap { BIO_new($0) }
  }

  /// The session owns the connection that owns the bridge, and so outlives it.
  static func attach(_ bridge: OpaquePointer, to session: TLSSession) {
    BIO_set_data(bridge, Unmanaged.passUnretained(session).toOpaque())
    BIO_set_init(bridge, 1)
  }

  private static func session(of bridge: OpaquePointer?) -> Unmanaged<TLSSession>? {
    BIO_get_data(bridge).map { Unmanaged<TLSSession>.fromOpaque($0) }
  }
}
