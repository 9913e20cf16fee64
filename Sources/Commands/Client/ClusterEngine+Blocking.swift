import HTTPTransport
import ScaledStorageClient
import WireProtocol

extension ClusterEngine {
  /// Sends a request and runs the loop until it is answered. Not for code that the loop calls.
  /// - Throws: `CommandFailure` when there is no answer; an answer that tells of a failure is one.
  func perform(
    _ request: ClusterRequest, at node: SocketAddress? = nil
  ) throws(CommandFailure) -> ClusterReply {
    var outcome: Result<ClusterReply, ClientError>?
    send(request, to: node) { [loop] result in
      outcome = result
      loop.stop()
    }
    loop.run()
    guard let outcome else { throw CommandFailure("interrupted") }
    return try outcome.mapError(CommandFailure.init).get()
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

extension CommandFailure {
  init(_ error: ClientError) {
    self.init(error.description)
  }
}

extension ClusterReply {
  /// The answer, unless it tells of a failure.
  /// - Throws: `CommandFailure` with the server's sentence.
  func checked() throws(CommandFailure) -> ClusterReply {
    guard isSuccess else { throw CommandFailure(problem.sentence) }
    return self
  }

  /// The answer to what only gateways can do, unless it tells of a failure.
  /// - Throws: `CommandFailure` with the server's sentence, or that it is a node.
  func ofGateway() throws(CommandFailure) -> ClusterReply {
    guard status != 404 || problem.code != "unknown_method" else {
      throw CommandFailure(
        "this is a node, which knows only itself; ask the gateway: --url http://ADDRESS")
    }
    return try checked()
  }
}
