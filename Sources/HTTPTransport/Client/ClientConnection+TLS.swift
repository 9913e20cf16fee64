/// TLS between the socket and the session of HTTP/2.
extension ClientConnection {
  /// Bytes that a server may provoke while it takes none.
  private static let maxPending = 1_048_576

  private static var nothing: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Begins the handshake.
  func secure() {
    guard let context = client.tls else { return }
    do throws(TransportError) {
      let tls = try TLSSession(
        connecting: context, to: peer.name ?? address.host, scratch: loop.tlsScratch)
      self.tls = tls
      state = .securing
      receive(Self.nothing, through: tls)
    } catch {
      close(error)
    }
  }

  /// Decrypts what came, and hands it to the session of HTTP/2.
  func receive(_ wire: UnsafeRawBufferPointer, through tls: TLSSession) {
    if state == .securing, wire.starts(with: "HTTP/".utf8) {
      close(tlsFailure("it speaks plain HTTP on this port; use http:// for its URL"))
      return
    }
    tls.offer(wire)
    defer { tls.offer(Self.nothing) }
    while state != .closed {
      let isComplete = tls.isEstablished
      let step = isComplete ? tls.read() : tls.handshake()
      if !tls.output.isEmpty { emit(tls.output) }
      guard state != .closed else { return }
      switch step {
      case .bytes(let plain):
        if isComplete { receive(plain) } else { handshakeCompleted(tls) }
      case .wantsInput:
        return
      case .ended:
        close(ending)
      case .failed(let reason):
        close(tlsFailure(reason))
      }
    }
  }

  private func handshakeCompleted(_ tls: TLSSession) {
    guard case .http2 = tls.applicationProtocol else {
      close(tlsFailure("it does not speak HTTP/2, which this client asked for by ALPN"))
      return
    }
    greet()
  }

  private func tlsFailure(_ reason: String) -> TransportError {
    let expected = client.tls?.peerName ?? peer.name
    let name = expected.flatMap { $0 == address.host ? nil : " as \($0)" } ?? ""
    return TransportError(.tls, "no TLS connection to \(address)\(name): \(reason)")
  }

  /// Encrypts and writes; what ``write(_:then:)`` promises.
  func write(
    _ bytes: UnsafeRawBufferPointer, then rest: UnsafeRawBufferPointer, through tls: TLSSession
  ) -> Bool {
    guard !bytes.isEmpty else { return true }
    guard let sealed = tls.seal(bytes) else {
      close(ending)
      return false
    }
    if transmit(sealed, then: Self.nothing) { return true }
    guard state != .closed, !rest.isEmpty else { return false }
    guard let sealedRest = tls.seal(rest) else {
      close(ending)
      return false
    }
    pending.append(contentsOf: sealedRest)
    return false
  }

  /// Sends what OpenSSL says by itself, after what waits.
  private func emit(_ bytes: UnsafeRawBufferPointer) {
    guard isBlocked else {
      _ = transmit(bytes, then: Self.nothing)
      return
    }
    pending.append(contentsOf: bytes)
    if pending.count > Self.maxPending {
      noteViolation("it makes the client answer more than it takes")
      close(ending)
    }
  }

  /// Sends close_notify as far as the socket takes it.
  func farewell() {
    guard let tls, pending.isEmpty else { return }
    let alert = tls.farewell()
    if !alert.isEmpty { _ = Socket.send(descriptor, alert) }
  }
}
