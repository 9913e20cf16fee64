import Glibc

/// Files that are there as a whole or not at all, whatever ends the program or the machine.
enum DurableFile {
  /// Writes a file and makes it durable, with its name.
  static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    let part = path + ".part"
    do {
      let file = try OutputDescriptor(creating: part)
      try file.write(bytes)
      try file.sync()
    }
    try rename(part, to: path)
    try syncFolder(of: path)
  }

  static func rename(_ path: String, to target: String) throws(CommandFailure) {
    guard Glibc.rename(path, target) == 0 else { throw failure("renamed to \(target)", path) }
  }

  static func syncFolder(of path: String) throws(CommandFailure) {
    guard let slash = path.lastIndex(of: "/") else { return try syncFolder(".") }
    try syncFolder(slash == path.startIndex ? "/" : String(path[..<slash]))
  }

  static func syncFolder(_ path: String) throws(CommandFailure) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("opened", path) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw failure("made durable", path) }
  }

  /// - Returns: whether it was not there before.
  @discardableResult
  static func makeFolder(_ path: String) throws(CommandFailure) -> Bool {
    if mkdir(path, 0o700) == 0 { return true }
    guard errno == EEXIST else { throw failure("made", path) }
    return false
  }

  /// All names in the folder: what cannot be read as a whole must not look like less.
  static func names(in folder: String) throws(CommandFailure) -> [String] {
    guard let directory = opendir(folder) else { throw failure("opened", folder) }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      // The end and a failure are told apart by this alone.
      errno = 0
      guard let entry = readdir(directory) else {
        guard errno == 0 else { throw failure("read", folder) }
        break
      }
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether there is a file; what cannot be looked at is not taken for missing.
  static func exists(_ path: String) throws(CommandFailure) -> Bool {
    var status = stat()
    if stat(path, &status) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else { throw failure("looked at", path) }
    return false
  }

  /// Bytes of the file; nil when there is none.
  static func size(_ path: String) -> UInt64? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return UInt64(max(0, status.st_size))
  }

  static func failure(_ what: String, _ path: String) -> CommandFailure {
    CommandFailure("\(path) cannot be \(what): \(String(cString: strerror(errno)))")
  }
}

/// A new file that is being written.
final class OutputDescriptor {
  private let path: String
  private let raw: Int32

  init(creating path: String) throws(CommandFailure) {
    self.path = path
    raw = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard raw >= 0 else { throw DurableFile.failure("made", path) }
  }

  deinit { close(raw) }

  func write(_ bytes: [UInt8]) throws(CommandFailure) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.write(raw, bytes.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw DurableFile.failure("written", path) }
      done += count
    }
  }

  func sync() throws(CommandFailure) {
    guard fsync(raw) == 0 else { throw DurableFile.failure("made durable", path) }
  }

  /// The last bytes that were written.
  func tail(_ count: Int, of size: UInt64) throws(CommandFailure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let read = pread(raw, &bytes, count, off_t(clamping: size) - off_t(count))
    guard read == count else { throw DurableFile.failure("read", path) }
    return bytes
  }
}
