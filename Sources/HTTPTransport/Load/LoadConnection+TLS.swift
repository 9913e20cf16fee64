/// TLS between the socket and the session of HTTP/2.
extension LoadConnection {
  private static var nothing: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Begins the handshake.
  func secure() {
    guard let security else { return }
    do throws(TransportError) {
      let tls = try TLSSession(
        connecting: security.context, to: security.name, scratch: loop.tlsScratch)
      self.tls = tls
      state = .securing
      receive(Self.nothing, through: tls)
    } catch {
      close(error)
    }
  }

  /// Decrypts what came, and hands it to the session of HTTP/2.
  func receive(_ wire: UnsafeRawBufferPointer, through tls: TLSSession) {
    tls.offer(wire)
    defer { tls.offer(Self.nothing) }
    while state != .closed {
      let isComplete = tls.isEstablished
      let step = isComplete ? tls.read() : tls.handshake()
      if !tls.output.isEmpty, !transmit(tls.output) { return }
      switch step {
      case .bytes(let plain):
        if isComplete { receive(plain) } else { handshakeCompleted(tls) }
      case .wantsInput:
        return
      case .ended:
        close(ending)
      case .failed(let reason):
        close(TransportError(.tls, "no TLS connection to \(address): \(reason)"))
      }
    }
  }

  private func handshakeCompleted(_ tls: TLSSession) {
    guard case .http2 = tls.applicationProtocol else {
      close(TransportError(.tls, "\(address) does not speak HTTP/2 over TLS"))
      return
    }
    greet()
  }
}
