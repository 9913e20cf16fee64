import Glibc

/// Accepts connections for a server.
final class Listener: ReadinessHandler {
  /// Connections accepted in one turn, so that a burst cannot starve those that are open.
  private static let acceptsPerTurn = 64
  /// How long to wait when the process has no descriptors left.
  private static let exhaustionPause = Duration.milliseconds(50)

  private let server: ServerCore
  private let socket: Descriptor
  private var registration: WatchID?
  private var retry: TimerID?
  let address: SocketAddress

  /// - Parameter socket: one that listens.
  init(server: ServerCore, socket: consuming Descriptor) throws(TransportError) {
    self.server = server
    address = try Socket.localAddress(socket.rawValue)
    self.socket = socket
    registration = try server.loop.watch(self.socket.rawValue, for: .readable, self)
  }

  /// Another descriptor of the socket: what comes waits there when this one accepts no more.
  func copy() throws(TransportError) -> Descriptor { try Socket.copy(socket.rawValue) }

  func close() {
    if let retry { server.loop.cancel(retry) }
    retry = nil
    guard let registration else { return }
    self.registration = nil
    server.loop.unwatch(registration, descriptor: socket.rawValue)
  }

  func ready(_ readiness: Readiness) {
    for _ in 0..<Listener.acceptsPerTurn {
      guard registration != nil else { return }
      let accepted = Socket.accept(socket.rawValue)
      guard accepted >= 0 else {
        switch -accepted {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
          pause()
          return
        case EAGAIN:
          return
        default:
          // The connection died in the queue; the next may be well.
          continue
        }
      }
      server.admit(Descriptor(owning: accepted))
    }
  }

  /// The listener stays ready while descriptors are lacking; without a pause the loop would spin.
  private func pause() {
    guard let registration else { return }
    server.loop.update(registration, descriptor: socket.rawValue, for: [])
    retry = server.loop.schedule(after: Listener.exhaustionPause) { [unowned self] in
      guard let registration = self.registration else { return }
      self.retry = nil
      self.server.loop.update(
        registration, descriptor: self.socket.rawValue, for: .readable)
    }
  }
}
