import Glibc
package import HTTPTransport
package import Logging
package import WireProtocol

/// Who changed what in the cluster, or tried to: a line for each action, in the log and in a file.
package final class AuditLog {
  /// Who asked for an action.
  package struct Origin {
    package var name: String
    package var role: Role
    package var peer: String?
    package var requestID: String?

    package init(_ caller: Caller, _ exchange: Exchange) {
      name = caller.name
      role = caller.role
      peer = exchange.peer.description
      requestID = exchange.header("x-request-id").map { String($0.prefix(128)) }
    }

    /// A change of a file that a program has read again.
    package static var file: Origin { Origin(name: "file", role: .cluster) }

    private init(name: String, role: Role) {
      self.name = name
      self.role = role
    }
  }

  private let logger: Logger?
  private let program: String
  private let path: String?
  /// When the next refused try is written: whoever is refused must not fill the disk.
  private var refusedUntil: UInt64 = 0
  private var unwritten = 0
  private static let refusalsASecond: UInt64 = 10

  /// - Parameters:
  ///   - program: which of the cluster's programs this is.
  ///   - path: a file to append JSON lines to, opened for each: it may be moved away.
  package init(logger: Logger? = nil, program: String = "", path: String? = nil) {
    self.logger = logger
    self.program = program
    self.path = path
  }

  /// Opens the file, and makes it for its owner's eyes only when it is missing.
  /// - Returns: why that cannot be done; nil when it can.
  package func check() -> String? {
    guard let path else { return nil }
    switch AuditLog.open(path) {
    case .file(let file):
      close(file)
      return nil
    case .failed(let reason): return reason
    }
  }

  /// Notes what was done, or why it was not.
  package func note(
    _ action: String, by origin: Origin, _ detail: String, outcome: String = "done"
  ) {
    var line = "{\"time\":\(AuditLog.quoted(AuditLog.time()))"
    line += ",\"program\":\(AuditLog.quoted(program))"
    line += ",\"caller\":\(AuditLog.quoted(origin.name))"
    line += ",\"role\":\(AuditLog.quoted(origin.role.rawValue))"
    if let peer = origin.peer { line += ",\"peer\":\(AuditLog.quoted(peer))" }
    if let id = origin.requestID { line += ",\"request_id\":\(AuditLog.quoted(id))" }
    line += ",\"action\":\(AuditLog.quoted(action))"
    line += ",\"detail\":\(AuditLog.quoted(detail)),\"outcome\":\(AuditLog.quoted(outcome))}"
    let place = origin.peer.map { " from \($0)" } ?? ""
    let what = detail.isEmpty ? "" : detail + "; "
    logger?.notice(
      "\(action) by \(origin.name) (\(origin.role.rawValue))\(place): \(what)\(outcome)")
    append(line + "\n")
  }

  /// Notes a try that was refused, unless there are too many of them.
  package func noteRefusal(_ action: String, by origin: Origin, _ problem: Problem) {
    let now = MonotonicTime.current().nanoseconds
    let second: UInt64 = 1_000_000_000
    let start = max(refusedUntil, now)
    guard start - now < second else {
      unwritten += 1
      return
    }
    refusedUntil = start + second / AuditLog.refusalsASecond
    var outcome = "refused: \(problem.code)"
    if unwritten > 0 { outcome += "; \(unwritten) more were refused and not written" }
    unwritten = 0
    note(action, by: origin, "", outcome: outcome)
  }

  private func append(_ line: String) {
    guard let path else { return }
    let file: Int32
    switch AuditLog.open(path) {
    case .file(let opened): file = opened
    case .failed(let reason):
      logger?.error("the audit log \(path) cannot be opened: \(reason)")
      return
    }
    defer { close(file) }
    var bytes = Array(line.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        logger?.error(
          "the audit log \(path) cannot be written: \(String(cString: strerror(errno)))")
        return
      }
      bytes.removeFirst(count)
    }
  }

  private enum Opening {
    case file(Int32)
    case failed(String)
  }

  /// A pipe would hold the program up, now or when its reader is slow: only a file will do.
  private static func open(_ path: String) -> Opening {
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    let file = Glibc.open(path, flags, 0o600)
    // A pipe that nobody reads.
    if file < 0, errno == ENXIO { return .failed("it is no regular file") }
    guard file >= 0 else { return .failed(String(cString: strerror(errno))) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      return .failed("it is no regular file")
    }
    return .file(file)
  }

  /// Now, as RFC 3339 writes it, to the millisecond.
  private static func time() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    let two = { (number: Int32) in (number < 10 ? "0" : "") + String(number) }
    let milliseconds = String(now.tv_nsec / 1_000_000 + 1_000).dropFirst()
    return "\(parts.tm_year + 1_900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
  }

  /// A JSON string (RFC 8259 section 7) in ASCII and on one line.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        quoted += "\\"
        quoted.unicodeScalars.append(scalar)
      case " "..."~": quoted.unicodeScalars.append(scalar)
      default:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      }
    }
    return quoted + "\""
  }
}
