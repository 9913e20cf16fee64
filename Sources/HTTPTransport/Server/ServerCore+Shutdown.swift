extension ServerCore {
  /// How long after it was active a connection of HTTP/1.1 may be about to ask something.
  private static let recent = Duration.seconds(1)
  /// How long such a connection is left open for that.
  private static let spareTime = Duration.milliseconds(250)

  /// Ends the server with grace: stops accepting, tells every peer (GOAWAY in two steps, RFC 9113
  /// section 6.8; `connection: close` on HTTP/1.1), answers what is in flight, and calls `done`
  /// once when the last connection is closed. What is not done within `bound` is cut off.
  func shutdown(within bound: Duration, _ done: @escaping () -> Void) {
    let earlier = onDrained
    onDrained = {
      earlier?()
      done()
    }
    guard !isDraining else { return }
    isDraining = true
    for listener in listeners { listener.close() }
    listeners = []
    for index in slots.indices { slots[index].connection?.drain(sparing: ServerCore.recent) }
    guard connectionCount > 0 else {
      finishDraining()
      return
    }
    drainTimer = loop.schedule(after: bound) { [unowned self] in
      self.drainTimer = nil
      self.closeAll()
    }
    spareTimer = loop.schedule(after: min(bound, ServerCore.spareTime)) { [unowned self] in
      self.spareTimer = nil
      for index in self.slots.indices {
        // What has come by now is taken, also when this turn is late.
        self.slots[index].connection?.ready(.readable)
        self.slots[index].connection?.drain()
      }
    }
  }

  func finishDraining() {
    guard let done = onDrained else { return }
    onDrained = nil
    closeAll()
    // Outside the connection that was closed last: `done` may drop the server.
    loop.atEndOfTurn(done)
  }
}
