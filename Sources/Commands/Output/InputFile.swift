import Glibc

/// Whole files, and standard input, in memory.
enum InputFile {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Reads all of a file.
  /// - Throws: `CommandFailure` when it cannot be read or has more than `limit` bytes.
  static func read(_ path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure("\(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    return try read(descriptor, named: path, limit: limit)
  }

  static func readStandardInput(limit: Int) throws(CommandFailure) -> [UInt8] {
    try read(STDIN_FILENO, named: "standard input", limit: limit)
  }

  private static func read(
    _ descriptor: Int32, named name: String, limit: Int
  ) throws(CommandFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw CommandFailure("\(name) cannot be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else {
        throw CommandFailure("\(name) has more than \(limit) bytes, which is too much here")
      }
      bytes.append(contentsOf: buffer[..<count])
    }
  }
}
