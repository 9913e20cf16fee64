extension Connection {
  func markDirty() {
    guard !isDirty, phase != .closed else { return }
    isDirty = true
    server.loop.flushAtEndOfTurn(self)
  }

  func flush() {
    // It may have been flushed earlier in the turn.
    guard isDirty else { return }
    isDirty = false
    guard phase == .open else { return }
    now = server.loop.now
    isBusy = true
    let drained = writeOutput()
    isBusy = false
    if closesWhenIdle {
      close()
      return
    }
    refreshInterest()
    if drained { afterDrain() }
  }

  /// Returns whether the protocol has nothing more to send now.
  private func writeOutput() -> Bool {
    var written = 0
    while !closesWhenIdle {
      if !unsent.isEmpty {
        guard let count = write(unsent.bytes) else { return false }
        unsent.removeFirst(count)
        progressed(by: count)
        guard unsent.isEmpty else { return false }
        unsent.reset()
      }
      guard written < Connection.turnBudget else {
        // Level-triggered writability calls the connection again in the next turn.
        yieldsTurn = true
        return false
      }
      var output = OutputCursor(server.loop.writeBuffer)
      switch driver {
      case .undetermined: return true
      case .http1(let driver): driver.produce(&output)
      case .http2(let driver): driver.produce(&output)
      }
      guard output.count > 0 else { return true }
      guard let bytes = tls == nil ? output.bytes : seal(output.bytes),
        let count = write(bytes)
      else { return false }
      written += count
      if count < bytes.count {
        unsent.append(UnsafeRawBufferPointer(rebasing: bytes[count...]))
        progressed(by: count)
        return false
      }
    }
    return false
  }

  /// The peer took `count` bytes of what waits, or they were handed to the output for it. A peer
  /// that takes a byte now and then holds its answers as one does that takes none.
  func progressed(by count: Int) {
    sendGoal -= count
    guard sendGoal <= 0, count > 0 else { return }
    lastProgress = now
    let waiting = pendingResponseBytes + unsent.count
    guard waiting > 0 else { return sendGoal = 0 }
    let least = max(server.limits.minSendProgress, waiting / Connection.progressDivisor)
    sendGoal = min(waiting, least)
  }

  /// The part of what waits that is to be taken within the time for sending.
  private static let progressDivisor = 32

  /// The bytes taken, or nil when the connection failed and is to be closed.
  private func write(_ bytes: UnsafeRawBufferPointer) -> Int? {
    switch Socket.send(descriptor.rawValue, bytes) {
    case .bytes(let count):
      return count
    case .wouldBlock:
      return 0
    case .ended, .failed:
      closesWhenIdle = true
      return nil
    }
  }

  /// A peer that does not read its answers is not read from.
  func refreshInterest() {
    guard phase == .open, let registration else { return }
    var wanted: Readiness = []
    if !unsent.isEmpty {
      wanted = .writable
    } else {
      if yieldsTurn { wanted.insert(.writable) }
      if wantsInput { wanted.insert(.readable) }
    }
    yieldsTurn = false
    guard wanted != interest else { return }
    interest = wanted
    server.loop.update(registration, descriptor: descriptor.rawValue, for: wanted)
  }

  private var wantsInput: Bool {
    guard !inputEnded else { return false }
    return switch driver {
    case .undetermined, .http2: true
    case .http1(let driver): driver.wantsInput
    }
  }

  private func afterDrain() {
    switch driver {
    case .undetermined: break
    case .http1(let driver):
      if driver.isFinished {
        linger()
        return
      }
      guardingClose { driver.resume() }
      refreshInterest()
    case .http2(let driver):
      if driver.isFinished { linger() }
    }
  }
}
