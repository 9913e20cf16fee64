/// An HTTP/2 and HTTP/1.1 server on one loop.
///
/// The server keeps its handler; a handler that needs the server refers to it weakly or without
/// owning. Dropping the server closes everything at once.
public final class HTTPServer {
  let core: ServerCore

  /// - Parameter tls: what connections are encrypted with, which has a certificate; nil serves
  ///   plain text.
  public init(
    loop: EventLoop, limits: ServerLimits = ServerLimits(), tls: TLSContext? = nil,
    handler: any RequestHandler
  ) {
    core = ServerCore(loop: loop, limits: limits, tls: tls, handler: handler)
  }

  deinit { core.closeAll() }

  public var loop: EventLoop { core.loop }

  /// The limits in force, within the ranges that the protocols allow.
  public var limits: ServerLimits { core.limits }

  /// Bytes of bodies held for all connections.
  public var bufferedBytes: Int { core.bufferedBytes }

  /// Open connections, those that are being refused or end included.
  public var connectionCount: Int { core.connectionCount }

  /// How long answers take, measured from the first use on.
  package var answerTimes: AnswerTimes {
    if let times = core.answerTimes { return times }
    let times = AnswerTimes(loop: core.loop)
    core.answerTimes = times
    return times
  }

  /// Starts to accept connections; may be called for several addresses. Returns the bound address,
  /// in which port 0 has become the one the system chose.
  /// - Throws: `.system` when the address cannot be had.
  @discardableResult
  public func listen(on address: SocketAddress) throws(TransportError) -> SocketAddress {
    try core.listen(on: address)
  }

  /// Starts to accept connections by a socket that listens already. Returns its address.
  /// - Throws: `.system` when that cannot be.
  @discardableResult
  package func listen(
    by socket: consuming ListeningSocket
  ) throws(TransportError) -> SocketAddress {
    try core.listen(by: socket.descriptor)
  }

  /// The socket that the server listens by, to be kept when the server ends: what connects
  /// meanwhile waits for whoever listens by it next. Nil when it listens nowhere.
  /// - Throws: `.system` without a descriptor that is free.
  package func listeningSocket() throws(TransportError) -> ListeningSocket? {
    guard let listener = core.listeners.first else { return nil }
    return ListeningSocket(try listener.copy())
  }

  /// The exchange that waits for its answer, nil when the stream or the connection is gone or the
  /// answer was given.
  public func exchange(_ token: ExchangeToken) -> Exchange? { core.exchange(token) }

  /// Ends the server with grace: stops accepting, tells every peer (GOAWAY in two steps, RFC 9113
  /// section 6.8; `connection: close` on HTTP/1.1), answers what is in flight, and calls `done`
  /// once when the last connection is closed. What is not done within `bound` is cut off.
  public func shutdown(within bound: Duration, _ done: @escaping () -> Void) {
    core.shutdown(within: bound, done)
  }
}
