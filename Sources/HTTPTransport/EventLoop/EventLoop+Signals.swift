import CLinux
import Glibc

extension EventLoop {
  /// Delivers `signals` to the loop instead of interrupting the program. The loop keeps `body`,
  /// which refers to the loop without owning it.
  ///
  /// Blocks them on the calling thread, so it is called before other threads are started: those
  /// inherit the mask. A process that `ProcessWatcher.spawn`
  /// starts does not inherit it.
  /// - Throws: `.system` when a signal number is not valid or no descriptors are left.
  public func onSignals(
    _ signals: [Int32], _ body: @escaping (Int32) -> Void
  ) throws(TransportError) {
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in signals {
      guard sigaddset(&mask, signal) == 0 else { throw .system("sigaddset", errno) }
    }
    let blocked = pthread_sigmask(SIG_BLOCK, &mask, nil)
    guard blocked == 0 else { throw .system("pthread_sigmask", blocked) }
    let descriptor = signalfd(-1, &mask, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard descriptor >= 0 else { throw .system("signalfd", errno) }
    let watcher = SignalWatcher(owning: descriptor, body)
    _ = try watch(descriptor, for: .readable, watcher)
    keep(watcher)
  }
}

/// Reads one signalfd for as long as its loop lives.
final class SignalWatcher: ReadinessHandler {
  private let descriptor: Descriptor
  private let body: (Int32) -> Void

  init(owning descriptor: Int32, _ body: @escaping (Int32) -> Void) {
    self.descriptor = Descriptor(owning: descriptor)
    self.body = body
  }

  func ready(_ readiness: Readiness) {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    while read(descriptor.rawValue, &information, size) == size {
      body(Int32(truncatingIfNeeded: information.ssi_signo))
    }
  }
}
