import Foundation
import HTTPTransport
import Logging
import ScaledStorage

/// What the services have in common: a loop on the main thread, signals, an orderly end.
final class ServiceProcess {
  let loop: EventLoop
  let logger: Logger
  private var signalCount = 0
  private(set) var exitStatus: Int32 = 0

  /// Ctrl-C, SIGTERM, and the end of the terminal call what `onStop` names once; a second one calls
  /// `hurry`, a third one ends the process at once.
  init(label: String, level: Logger.Level) throws {
    var logger = Logger(label: label, factory: StreamLogHandler.standardError(label:))
    logger.logLevel = level
    self.logger = logger
    loop = try EventLoop()
    ServiceProcess.raiseDescriptorLimit()
  }

  /// A server with many connections needs more descriptors than the usual soft limit of 1,024.
  static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Runs until `finish` is called. Signals are taken before any other thread starts.
  func onStop(_ stop: @escaping () -> Void, hurry: @escaping () -> Void = { exit(1) }) throws {
    try loop.onSignals([SIGINT, SIGTERM, SIGHUP]) { [self] _ in
      signalCount += 1
      switch signalCount {
      case 1: stop()
      case 2: hurry()
      default: exit(1)
      }
    }
  }

  func finish(_ status: Int32 = 0) {
    exitStatus = status
    loop.stop()
  }

  /// An address to listen on in plain text.
  /// - Throws: `ConfigurationError` when other machines could reach it and that was not allowed.
  static func plainTextAddress(_ text: String, allowed: Bool) throws -> SocketAddress {
    let address: SocketAddress
    do throws(TransportError) {
      address = try SocketAddress(resolving: text)
    } catch {
      throw ConfigurationError(message: error.message)
    }
    guard address.isLoopback || allowed else {
      throw ConfigurationError(
        message: "\(text) is reached from other machines, in plain text; listen on a loopback "
          + "address, or say --allow-plaintext")
    }
    return address
  }

  /// Bounds of a server whose values have at most this many bytes.
  static func limits(maxValueBytes: Int) -> ServerLimits {
    var limits = ServerLimits()
    // Room for a value in Candid text, where each byte may take four, and for a module's chunk.
    limits.maxBodyBytes = max(4 * maxValueBytes, 2 << 20) + (64 << 10)
    return limits
  }
}
