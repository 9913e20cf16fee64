extension HTTPClient {
  /// Sends a request whose answer is taken as it comes, such as a watch that never ends by itself.
  ///
  /// `deadline` covers everything up to the answer's header section. From then on `idleLimit` is
  /// the longest time without a byte of the body; with nil a silent peer is only found out by
  /// PINGs (see ``ClientLimits/pingInterval``). The limits on a body's size do not apply: nothing
  /// is held but what one reading of the socket brought.
  ///
  /// Both closures run on the loop and never inside this call. `onBytes` gets the next part of the
  /// body, whatever the status says, and may cancel the request; `onEnd` comes last and once, with
  /// a response that has no body, or the error.
  @discardableResult
  package func stream(
    _ request: ClientRequest, to address: SocketAddress, deadline: Duration,
    idleLimit: Duration? = nil, onBytes: @escaping ([UInt8]) -> Void, onEnd: @escaping Completion
  ) -> RequestID {
    let id = send(request, to: address, deadline: deadline, onEnd)
    table.find(id)?.stream = ClientStream(idleLimit: idleLimit, onBytes)
    return id
  }

  /// A stream's answer began, or went on: it has time again.
  func extend(_ exchange: ClientExchange, by idleLimit: Duration?) {
    wheel.remove(exchange, table: table)
    guard let idleLimit else { return }
    exchange.deadline = loop.now.nanoseconds &+ min(idleLimit.clampedNanoseconds, 1 << 62)
    armDeadline(at: wheel.insert(exchange, table: table))
  }

  /// Keeps a part of a stream's body until no call of nghttp2 is on the stack.
  func feed(_ stream: ClientStream, _ bytes: UnsafeBufferPointer<UInt8>) {
    if stream.bytes.isEmpty { fed.append(stream) }
    stream.bytes.append(contentsOf: bytes)
  }

  /// Hands over what came for streams.
  func deliverParts() {
    let parts = fed
    fed.removeAll(keepingCapacity: true)
    for stream in parts {
      let bytes = stream.bytes
      stream.bytes = []
      if !stream.isOver { stream.onBytes(bytes) }
    }
  }
}

/// The reader of an answer that is taken as it comes.
final class ClientStream {
  let idleLimit: Duration?
  let onBytes: ([UInt8]) -> Void
  /// What came in this turn and was not handed over yet.
  var bytes: [UInt8] = []
  /// The reader took the request back.
  var isOver = false

  init(idleLimit: Duration?, _ onBytes: @escaping ([UInt8]) -> Void) {
    self.idleLimit = idleLimit
    self.onBytes = onBytes
  }
}
