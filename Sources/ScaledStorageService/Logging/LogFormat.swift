import Glibc

/// How lines of the log are written.
enum LogFormat: String, CaseIterable {
  /// Text on a terminal, else JSON.
  case auto
  case text
  case json

  /// What is meant for a log that goes to `descriptor`.
  func resolved(for descriptor: Int32) -> LogFormat {
    guard self == .auto else { return self }
    return isatty(descriptor) == 1 ? .text : .json
  }
}

/// Where the lines of the log go: each by one write, so that those of several threads and programs
/// do not mix.
struct LogSink: Sendable {
  let descriptor: Int32
  /// Whether systemd's journal reads the lines: then each begins with its priority (sd-daemon(3)).
  let isJournal: Bool

  static let standardError = LogSink(
    descriptor: 2, isJournal: isJournal(2, environment: getenv("JOURNAL_STREAM")))

  /// `JOURNAL_STREAM` tells the device and the inode of the journal's stream (systemd.exec(5)).
  private static func isJournal(_ descriptor: Int32, environment: UnsafePointer<CChar>?) -> Bool {
    guard let environment else { return false }
    let parts = String(cString: environment).split(separator: ":").compactMap { UInt64($0) }
    var status = stat()
    guard parts.count == 2, fstat(descriptor, &status) == 0 else { return false }
    return parts == [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  func write(_ line: [UInt8]) {
    line.withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        // A log that takes nothing must not hold the program up.
        guard count > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
