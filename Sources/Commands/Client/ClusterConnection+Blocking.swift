import HTTPTransport

extension ClusterConnection {
  /// Sends a request and runs the loop until it is answered. Not for code that the loop calls.
  /// - Throws: `CommandFailure` when there is no answer; an answer that tells of a failure is one.
  func perform(
    _ request: ClusterRequest, at node: SocketAddress? = nil
  ) throws(CommandFailure) -> ClusterReply {
    var outcome: Result<ClusterReply, CommandFailure>?
    send(request, to: node) { [loop] result in
      outcome = result
      loop.stop()
    }
    loop.run()
    guard let outcome else { throw CommandFailure("interrupted") }
    return try outcome.get()
  }

  /// Runs the loop for as long as `duration`.
  func pause(_ duration: Duration) {
    loop.schedule(after: duration) { [loop] in loop.stop() }
    loop.run()
  }

  /// Runs `pump` until all it started is finished.
  func run(_ pump: Pump) {
    pump.onEnd = { [loop] in loop.stop() }
    pump.fill()
    if !pump.hasEnded { loop.run() }
  }
}
