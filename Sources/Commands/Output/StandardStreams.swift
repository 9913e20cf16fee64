import Glibc

/// Whole writes to the process's standard streams.
enum StandardStreams {
  /// Writes all of `bytes` to standard output.
  /// - Throws: `CommandFailure` when the reader is gone or the disk is full.
  static func write(_ bytes: [UInt8]) throws(CommandFailure) {
    try write(bytes, to: STDOUT_FILENO)
  }

  static func write(_ text: String) throws(CommandFailure) {
    try write(Array(text.utf8), to: STDOUT_FILENO)
  }

  /// A line on standard error. A failure to tell is not one of the command.
  static func note(_ line: String) {
    try? write(Array((line + "\n").utf8), to: STDERR_FILENO)
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { rest in
        Glibc.write(descriptor, rest.baseAddress, rest.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw CommandFailure("the output cannot be written: \(String(cString: strerror(errno)))")
      }
      offset += count
    }
  }
}
