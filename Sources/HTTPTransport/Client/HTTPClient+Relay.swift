extension HTTPClient {
  /// Looks a peer up for ``forward(_:to:)``.
  package func reference(to address: SocketAddress) -> PeerReference {
    PeerReference(peer(at: address))
  }

  /// Sends a relay's request, until its owner's `relay.until`. The owner is told of the outcome
  /// once, on the loop, never inside this call, unless the relay's exchange ends before.
  package func forward(_ relay: Relay, to reference: PeerReference) {
    guard !isShutDown, let exchange = table.take() else {
      return fail(relay, isShutDown ? Self.shutDownError : full)
    }
    let peer = reference.peer
    exchange.relay = relay
    exchange.deadline = relay.until.nanoseconds
    exchange.peer = peer
    relay.client = self
    relay.request = exchange.id
    guard peer.takes(exchange) else {
      return finish(exchange, .failure(queueFull(of: peer)))
    }
    armDeadline(at: wheel.insert(exchange, table: table))
    do throws(TransportError) {
      guard try !peer.submitNow(exchange) else { return }
      peer.enqueue(exchange)
      markDirty(peer)
    } catch {
      finish(exchange, .failure(error))
    }
  }

  /// Forgets a relay's request. What is on its way is left to its answer, which is dropped.
  func withdraw(_ relay: Relay) {
    guard let id = relay.request else { return }
    relay.request = nil
    relay.client = nil
    guard let exchange = table.find(id), exchange.relay === relay else { return }
    exchange.relay = nil
    guard exchange.state != .finished else { return }
    let connection = exchange.connection
    let stream = exchange.streamID
    let wasSent = exchange.headersSent
    let isWhole = exchange.requestSent
    recycle(exchange)
    guard let connection else { return }
    if wasSent, isWhole {
      connection.linger(stream: stream)
    } else {
      // What was not sent yet never will be; the peer waits for the rest of a body in vain.
      connection.reset(stream: stream, wasSent: wasSent)
    }
  }

  private func fail(_ relay: Relay, _ error: TransportError) {
    let generation = relay.generation
    loop.schedule(after: .zero) {
      guard relay.generation == generation, relay.exchange != nil else { return }
      relay.failed(error)
    }
  }
}
