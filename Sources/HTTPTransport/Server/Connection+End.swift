import Glibc

extension Connection {
  func linger() {
    if let tls { farewell(tls) }
    if inputEnded {
      close()
      return
    }
    phase = .lingering(server.loop.now + server.limits.lingerTimeout)
    releaseExchanges()
    _ = shutdown(descriptor.rawValue, Int32(SHUT_WR))
    guard let registration, interest != .readable else { return }
    interest = .readable
    server.loop.update(registration, descriptor: descriptor.rawValue, for: .readable)
  }

  /// Ends the connection at once; inside protocol code, as soon as that has returned.
  func close() {
    guard phase != .closed else { return }
    if isBusy {
      closesWhenIdle = true
      return
    }
    if phase == .open, let tls { farewell(tls) }
    phase = .closed
    if let registration {
      server.loop.unwatch(registration, descriptor: descriptor.rawValue)
      self.registration = nil
    }
    releaseExchanges()
    driver = .undetermined([])
    _ = shutdown(descriptor.rawValue, Int32(SHUT_RDWR))
    server.remove(self)
  }

  private func releaseExchanges() {
    if case .http2(let driver) = driver { driver.abandon() }
    while let exchange = exchanges.first {
      detach(exchange)
      server.give(exchange)
    }
  }

  /// Stops taking requests, and ends when those that came are answered. Answers that go on end now.
  ///
  /// - Parameter recent: what was active so lately may have a request on its way, which nothing but
  ///   waiting can tell: where the protocol cannot say which was taken, it is left alone.
  func drain(sparing recent: Duration = .zero) {
    guard phase == .open else { return }
    exchanges.forEach { $0.outflow?.end() }
    let isSpared = MonotonicTime.current() - lastActivity < recent
    switch driver {
    case .undetermined: if !isSpared { close() }
    case .http1(let driver): if !isSpared { driver.drain() }
    case .http2(let driver): driver.drain()
    }
    markDirty()
  }

  // MARK: Time

  /// Enforces the time limits; called a few times in the shortest of them.
  func sweep(now: MonotonicTime) {
    switch phase {
    case .closed: return
    case .lingering(let deadline):
      if now >= deadline { close() }
      return
    case .open: break
    }
    let limits = server.limits
    if !unsent.isEmpty || pendingResponseBytes > 0, now - lastProgress > limits.sendTimeout {
      close()
      return
    }
    switch driver {
    case .undetermined(let early):
      guard now - lastActivity > limits.headerTimeout else { return }
      if early.isEmpty {
        close()
      } else {
        guardingClose { takeHTTP1(early).fail(.slowHeader) }
      }
    case .http1(let driver):
      driver.sweep(now: now)
    case .http2(let driver):
      driver.sweep(now: now)
    }
  }

  /// Answers a connection that is not served, in plain text, and ends it.
  func refuse(_ rejection: Rejection) {
    let driver = HTTP1Driver(self)
    self.driver = .http1(driver)
    driver.fail(rejection)
    markDirty()
  }
}
