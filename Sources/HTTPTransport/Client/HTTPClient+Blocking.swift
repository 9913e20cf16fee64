extension HTTPClient {
  /// Sends a request and runs the loop on the calling thread until it completes: for commands that
  /// have nothing else to do. Not for code that the loop calls.
  ///
  /// - Throws: what the completion would be given; `.cancelled` when something else stopped the
  ///   loop before that.
  public func sendAndWait(
    _ request: ClientRequest, to address: SocketAddress, deadline: Duration
  ) throws(TransportError) -> ClientResponse {
    guard !isBusy else {
      throw TransportError(
        .invalidRequest, "a completion cannot wait for another request; use send instead")
    }
    let outcome = Outcome()
    let id = send(request, to: address, deadline: deadline) { [loop] result in
      outcome.result = result
      loop.stop()
    }
    loop.run()
    guard let result = outcome.result else {
      cancel(id)
      throw TransportError(.cancelled, "the loop was stopped before the request completed")
    }
    return try result.get()
  }

  private final class Outcome {
    var result: Result<ClientResponse, TransportError>?
  }
}
