import Foundation
import Glibc
import HTTPTransport
import Logging
import ScaledStorage

/// What the services have in common: a loop on the main thread, signals, an orderly end.
package final class ServiceProcess {
  let loop: EventLoop
  let logger: Logger
  /// What the service manager is told.
  let notifier: ServiceNotifier
  private var signalCount = 0
  /// Read again when its files change.
  private var tls: TLSContext?
  private var access: ServiceAccess?
  private let label: String
  private(set) var exitStatus: Int32 = 0

  /// Ctrl-C, SIGTERM, and the end of the terminal call what `onStop` names once; a second one calls
  /// `hurry`, a third one ends the process at once.
  init(label: String, level: Logger.Level, format: LogFormat) throws {
    var logger = Logger(label: label) { LineLogHandler(label: $0, format: format) }
    logger.logLevel = level
    self.logger = logger
    self.label = label
    loop = try EventLoop()
    notifier = ServiceNotifier(loop: loop, logger: logger)
    // A log that nobody reads any more is no reason to end.
    signal(SIGPIPE, SIG_IGN)
    ServiceProcess.raiseDescriptorLimit()
    logger.debug("the program is \(ProgramFile.path)")
  }

  /// A server with many connections needs more descriptors than the usual soft limit of 1,024.
  package static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Runs until `finish` is called. Signals are taken before any other thread starts.
  ///
  /// SIGHUP is the end of the terminal where there is one; without one it asks for certificates,
  /// credentials and the access file to be read again, as service managers do.
  func onStop(_ stop: @escaping () -> Void, hurry: @escaping () -> Void = { exit(1) }) throws {
    let hasTerminal = ServiceProcess.hasTerminal
    try loop.onSignals([SIGINT, SIGTERM, SIGHUP]) { [self] signal in
      if signal == SIGHUP, !hasTerminal {
        return notifier.reloading {
          tls?.reload(report)
          access?.reload()
        }
      }
      signalCount += 1
      switch signalCount {
      case 1:
        notifier.stops()
        stop()
      case 2: hurry()
      default: exit(1)
      }
    }
  }

  private static var hasTerminal: Bool {
    let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
    if terminal >= 0 { close(terminal) }
    return terminal >= 0
  }

  /// The certificates that the settings name, kept as fresh as their files; nil for plain text.
  /// - Throws: `ConfigurationError` when they cannot be used.
  func secure(_ settings: TLSSettings?) throws -> TLSContext? {
    guard let context = try settings?.context() else { return nil }
    context.reloadOnChange(on: loop) { [unowned self] result in report(result) }
    tls = context
    return context
  }

  /// Who may do what, kept as fresh as the files that the settings name.
  /// - Throws: `ConfigurationError` when they cannot be used, `ServiceFailure` when the credential
  ///   cannot be made.
  func access(_ settings: ServiceSettings) throws -> AccessControl {
    let access = try ServiceAccess(settings, program: label, logger: logger)
    access.watch(on: loop)
    self.access = access
    return access.control
  }

  private func report(_ reloaded: Result<Void, TransportError>) {
    switch reloaded {
    case .success:
      logger.notice("the certificates were read again; new connections use them")
    case .failure(let error):
      logger.error("the certificates of before stay in force: \(error.message)")
    }
  }

  func finish(_ status: Int32 = 0) {
    exitStatus = status
    loop.stop()
  }

  /// Bounds of a server whose values have at most this many bytes.
  static func limits(maxValueBytes: Int) -> ServerLimits {
    var limits = ServerLimits()
    // Room for a value in Candid text, where each byte may take four, and for a module's chunk.
    limits.maxBodyBytes = max(4 * maxValueBytes, 2 << 20) + (64 << 10)
    return limits
  }
}
