import CLinux
import Glibc

/// How a process ended.
public enum ProcessExit: Hashable, Sendable {
  /// It returned or called `exit` with this status.
  case exited(Int32)
  /// This signal ended it.
  case signalled(Int32)
  /// It ended; the system tells how only to its parent.
  case unknown
}

/// Holds on to one process, a child or not, through a pidfd: its number cannot be reused meanwhile.
public final class ProcessWatcher: ReadinessHandler {
  public let processID: Int32
  private let descriptor: Descriptor
  private unowned let loop: EventLoop
  private var registration: WatchID?
  private var onExit: ((ProcessExit) -> Void)?

  init(
    _ processID: Int32, loop: EventLoop, _ onExit: @escaping (ProcessExit) -> Void
  ) throws(TransportError) {
    let descriptor = scaled_pidfd_open(processID)
    guard descriptor >= 0 else {
      let error = errno
      throw TransportError(
        .system, "cannot watch process \(processID): \(systemMessage(error))", systemError: error)
    }
    self.processID = processID
    self.loop = loop
    self.descriptor = Descriptor(owning: descriptor)
    self.onExit = onExit
    // The system makes pidfds close-on-exec.
    registration = try loop.watch(descriptor, for: .readable, self)
  }

  /// Sends `signal` to exactly this process.
  /// - Throws: `.system` when it has ended already or may not be signalled.
  public func send(signal: Int32) throws(TransportError) {
    guard scaled_pidfd_send_signal(descriptor.rawValue, signal) == 0 else {
      let error = errno
      throw TransportError(
        .system, "cannot signal process \(processID): \(systemMessage(error))", systemError: error)
    }
  }

  /// Stops watching; the process goes on, and a child is not reaped.
  public func cancel() {
    onExit = nil
    guard let registration else { return }
    self.registration = nil
    loop.unwatch(registration, descriptor: descriptor.rawValue)
  }

  func ready(_ readiness: Readiness) {
    let body = onExit
    let exit = reap()
    cancel()
    body?(exit)
  }

  private func reap() -> ProcessExit {
    var status: Int32 = 0
    guard waitpid(processID, &status, WNOHANG) == processID else { return .unknown }
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }
}

extension EventLoop {
  /// Calls `body` once when the process has ended. A child is reaped, and its status told.
  ///
  /// The loop keeps the watcher until then, so the result may be ignored.
  /// - Throws: `.system` when there is no such process.
  @discardableResult
  public func watchExit(
    of processID: Int32, _ body: @escaping (ProcessExit) -> Void
  ) throws(TransportError) -> ProcessWatcher {
    try ProcessWatcher(processID, loop: self, body)
  }
}
