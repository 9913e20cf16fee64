import Glibc

/// Files that commands write.
enum OutputFile {
  /// Replaces what the file holds.
  /// - Throws: `CommandFailure` when it cannot be written.
  static func write(_ text: String, to path: String) throws(CommandFailure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    try StandardStreams.write(Array(text.utf8), to: descriptor)
  }
}
