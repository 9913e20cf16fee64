/// TLS between the socket and the protocol.
extension Connection {
  /// How a connection that speaks TLS begins: the type of a handshake's record (RFC 8446 section
  /// 5.1), which no request can begin with.
  static let handshakeRecord: UInt8 = 22

  /// Decrypts what came, and hands it to the protocol.
  func receive(_ wire: UnsafeRawBufferPointer, through tls: TLSSession) {
    if !tls.hasStarted, let first = wire.first, isLetter(first) {
      self.tls = nil
      refuse(.notEncrypted)
      return
    }
    tls.offer(wire)
    defer { tls.offer(UnsafeRawBufferPointer(start: nil, count: 0)) }
    // What is decrypted goes at once to where plain text would have gone: nothing stays behind in
    // OpenSSL but the beginning of a record.
    while phase == .open, !closesWhenIdle {
      let isComplete = tls.isEstablished
      let step = isComplete ? tls.read() : tls.handshake()
      if !tls.output.isEmpty {
        unsent.append(tls.output)
        markDirty()
      }
      switch step {
      case .bytes(let plain):
        if isComplete { receive(plain) } else { handshakeCompleted(tls) }
      case .wantsInput:
        return
      case .ended:
        endInput()
        return
      case .failed:
        fail()
        return
      }
    }
  }

  /// Upper-case, as the methods of HTTP are.
  private func isLetter(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }

  private func handshakeCompleted(_ tls: TLSSession) {
    lastActivity = now
    switch tls.applicationProtocol {
    case .http2:
      guard takeHTTP2() != nil else { return }
      markDirty()
    case .http1: _ = takeHTTP1([])
    case nil: break
    }
  }

  /// Ends a connection whose session is over; the alert that tells why goes ahead.
  private func fail() {
    sendUnsent()
    linger()
  }

  /// Encrypts output; nil when that fails, which ends the connection.
  func seal(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let sealed = tls?.seal(bytes) else {
      closesWhenIdle = true
      return nil
    }
    return sealed
  }

  /// Sends close_notify, as far as the socket takes it: the peer could not tell the end from one
  /// that an attacker made.
  func farewell(_ tls: TLSSession) {
    let alert = tls.farewell()
    guard !alert.isEmpty else { return }
    unsent.append(alert)
    sendUnsent()
  }

  private func sendUnsent() {
    guard !unsent.isEmpty else { return }
    _ = Socket.send(descriptor.rawValue, unsent.bytes)
    unsent.reset()
  }

  func refuseBeyondLimit() {
    if tls == nil { refuse(.tooManyConnections) } else { close() }
  }
}
