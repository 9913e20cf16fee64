import Glibc
import HTTPTransport
import ScaledStorageClient

/// The main line of a run: straight code that waits while the loop serves the clients.
///
/// Not for code that the loop calls.
final class MainLine {
  let loop: EventLoop
  private(set) var isInterrupted = false

  private static let look = Duration.milliseconds(10)

  init(loop: EventLoop) {
    self.loop = loop
  }

  /// Ends every wait but those of `rest`.
  func interrupt() {
    isInterrupted = true
    loop.stop()
  }

  /// Runs the loop until `isDone`, at most as long as `limit`. Returns whether it was done.
  @discardableResult
  func rest(atMost limit: Duration, until isDone: () -> Bool = { false }) -> Bool {
    let end = MonotonicTime.current() + limit
    while !isDone() {
      let left = end - .current()
      guard left > .zero else { return false }
      let timer = loop.schedule(after: min(left, MainLine.look)) { [loop] in loop.stop() }
      loop.run()
      loop.cancel(timer)
    }
    return true
  }

  /// - Throws: `CommandFailure` when the run is interrupted.
  func pause(_ duration: Duration) throws(CommandFailure) {
    _ = try wait(atMost: duration) { false }
  }

  /// - Throws: `CommandFailure` when the run is interrupted.
  func wait(atMost limit: Duration, until isDone: () -> Bool) throws(CommandFailure) -> Bool {
    var done = false
    rest(atMost: limit) {
      done = isDone()
      return done || isInterrupted
    }
    if isInterrupted { throw CommandFailure("interrupted") }
    return done
  }

  /// Sends a request and waits for its answer.
  /// - Throws: `CommandFailure` when there is none, or the run is interrupted.
  func ask(
    _ connection: ClusterEngine, _ request: ClusterRequest, at node: SocketAddress? = nil
  ) throws(CommandFailure) -> ClusterReply {
    var outcome: Result<ClusterReply, ClientError>?
    connection.send(request, to: node) { outcome = $0 }
    while outcome == nil { try pause(MainLine.look) }
    guard let outcome else { throw CommandFailure("interrupted") }
    return try outcome.mapError(CommandFailure.init).get()
  }
}
