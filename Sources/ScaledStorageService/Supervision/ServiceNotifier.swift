import Glibc
import HTTPTransport
import Logging

/// Tells the service manager that started the program, as systemd, how it fares: that it serves, in
/// a line how, that it ends, and that its loop turns (sd_notify(3)). Without one it does nothing.
///
/// It sends without waiting, what is not taken again a little later.
final class ServiceNotifier {
  /// The variables by which a service manager tells a program, and no other one, what it wants to
  /// know.
  static let variables: Set = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]

  private enum Phase: Hashable {
    case starting
    case serving
    /// It reads files again, or begins anew in this process: it will serve again.
    case reloading
    case stopping
  }

  private let socket: NotifySocket?
  private let loop: EventLoop
  private let logger: Logger
  /// Within this time the manager wants to hear that the loop turns; nil when it does not.
  private let watchdog: Duration?
  private var phase = Phase.starting
  private var status = ""
  private var toldPhase = Phase.starting
  private var toldStatus = ""
  private var isRetryScheduled = false
  private var hasFailed = false

  private static let retryInterval = Duration.milliseconds(200)
  private static let statusInterval = Duration.seconds(1)
  /// Even a manager that is content with less hears once an hour.
  private static let longestSilence = Duration.seconds(3_600)
  /// A message of the manager's has at most 4,096 bytes.
  private static let longestStatus = 400

  /// - Parameter variable: gets the environment's variable of a name.
  init(
    loop: EventLoop, logger: Logger,
    variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
  ) {
    self.loop = loop
    self.logger = logger
    guard let name = variable("NOTIFY_SOCKET"), !name.isEmpty else {
      (socket, watchdog) = (nil, nil)
      return
    }
    do throws(ServiceFailure) {
      socket = try NotifySocket(name)
    } catch {
      logger.warning("the service manager is told nothing, as of NOTIFY_SOCKET: \(error)")
      (socket, watchdog) = (nil, nil)
      return
    }
    let isMeant = variable("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
    let limit = variable("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
    watchdog = isMeant && limit > 0 ? .microseconds(limit) : nil
  }

  /// What takes its time before the program serves.
  func starts(_ status: String) {
    guard phase == .starting else { return }
    self.status = ServiceNotifier.line(status)
    tell()
  }

  /// The program has its address and answers. From now on `status` is asked every second, for a
  /// line that tells how it fares.
  func serves(_ status: @escaping () -> String) {
    guard socket != nil, phase == .starting else { return }
    phase = .serving
    follow(status)
    if let watchdog { ping(every: min(watchdog / 3, ServiceNotifier.longestSilence)) }
  }

  /// Runs `body`, which reads the program's files again.
  func reloading(_ body: () -> Void) {
    guard phase == .serving else { return body() }
    phase = .reloading
    tell()
    body()
    phase = .serving
    tell()
  }

  /// The program will begin anew in this process. It does not end, which is what the manager would
  /// make of it.
  func beginsAnew() {
    guard phase == .serving else { return }
    phase = .reloading
    status = "starts again: answers what has come"
    tell()
  }

  /// The loop turns no more, and the next program in this process opens its store before its own
  /// does, for as long as that takes: until then there is nothing to watch.
  func suspendsWatchdog() {
    guard watchdog != nil else { return }
    _ = socket?.send("WATCHDOG_USEC=0")
  }

  func stops() {
    phase = .stopping
    status = "ends: answers what has come"
    tell()
  }

  // MARK: - Messages

  private func follow(_ status: @escaping () -> String) {
    guard phase == .serving else { return }
    self.status = ServiceNotifier.line(status())
    tell()
    loop.schedule(after: ServiceNotifier.statusInterval) { [weak self] in self?.follow(status) }
  }

  private static func line(_ status: String) -> String {
    TextLine.escaped(String(String.UnicodeScalarView(status.unicodeScalars.prefix(longestStatus))))
  }

  /// A timer of the loop: it stands still with it.
  private func ping(every interval: Duration) {
    _ = socket?.send("WATCHDOG=1")
    loop.schedule(after: interval) { [weak self] in self?.ping(every: interval) }
  }

  /// Tells what the manager does not know yet.
  private func tell() {
    guard socket != nil else { return }
    var lines: [String] = []
    if phase != toldPhase { lines += phaseLines }
    if status != toldStatus { lines.append("STATUS=\(status)") }
    guard !lines.isEmpty else { return }
    if let reason = socket?.send(lines.joined(separator: "\n")) { return failed(reason) }
    hasFailed = false
    (toldPhase, toldStatus) = (phase, status)
  }

  private var phaseLines: [String] {
    switch phase {
    case .starting: []
    case .serving: ["READY=1"] + watchdogLines
    case .reloading:
      ["RELOADING=1", "MONOTONIC_USEC=\(MonotonicTime.current().nanoseconds / 1_000)"]
    case .stopping: ["STOPPING=1"]
    }
  }

  /// The program before in this process may have suspended it.
  private var watchdogLines: [String] {
    guard let watchdog else { return [] }
    let (seconds, attoseconds) = watchdog.components
    return ["WATCHDOG_USEC=\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)"]
  }

  private func failed(_ reason: String) {
    if !hasFailed { logger.debug("the service manager does not take what it is told: \(reason)") }
    hasFailed = true
    guard !isRetryScheduled else { return }
    isRetryScheduled = true
    loop.schedule(after: ServiceNotifier.retryInterval) { [weak self] in
      self?.isRetryScheduled = false
      self?.tell()
    }
  }
}
