extension ServerCore {
  // MARK: Peers

  func isCrowded(by peer: SocketAddress) -> Bool {
    !peer.isLoopback && peerCounts[peer.network, default: 0] >= limits.maxConnectionsPerAddress
  }

  func remember(_ peer: SocketAddress) {
    if !peer.isLoopback { peerCounts[peer.network, default: 0] += 1 }
  }

  func forget(_ peer: SocketAddress) {
    guard !peer.isLoopback, let count = peerCounts[peer.network] else { return }
    peerCounts[peer.network] = count > 1 ? count - 1 : nil
  }

  // MARK: Load

  /// Whether a new request is refused so that those before it are answered in time.
  @inline(__always)
  func sheds(_ exchange: Exchange) -> Bool {
    if shedder.turn != loop.turnCount {
      shedder.begin(turn: loop.turnCount, wait: loop.inputWait, now: loop.now)
    }
    guard shedder.isShedding || waitingCount >= limits.maxWaiting else { return false }
    return shedsNow(exchange)
  }

  @inline(never)
  private func shedsNow(_ exchange: Exchange) -> Bool {
    guard handler.isSheddable(exchange) else { return false }
    return waitingCount >= limits.maxWaiting
      || shedder.refuses(wait: MonotonicTime.current() - loop.inputSince)
  }
}
