internal import Glibc
internal import Storage

enum FileSystem {
  /// Bytes that an unprivileged writer may still take on the file system of `path`; 0 when it
  /// does not say.
  static func freeByteCount(_ path: String) -> UInt64 { byteCounts(path).free }

  /// The free bytes of the file system of `path`, and all of its bytes.
  static func byteCounts(_ path: String) -> (free: UInt64, total: UInt64) {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return (0, 0) }
    return (
      product(UInt64(status.f_bavail), UInt64(status.f_frsize)),
      product(UInt64(status.f_blocks), UInt64(status.f_frsize))
    )
  }

  private static func product(_ blocks: UInt64, _ size: UInt64) -> UInt64 {
    let (bytes, overflow) = blocks.multipliedReportingOverflow(by: size)
    return overflow ? .max : bytes
  }

  /// Refuses a directory whose database could not be opened for want of room: opening writes what
  /// the logs hold into tables, and RocksDB, where it was built with assertions, ends the process
  /// when that fails.
  static func checkRoom(toOpen path: String) throws(StorageError) {
    let disk = byteCounts(path)
    let needed = logByteCount(path) + openingByteCount
    guard disk.total > 0, disk.free < needed else { return }
    throw StorageError(
      .noSpace,
      "the disk has \(disk.free) bytes left, and opening takes \(needed); make room", path: path)
  }

  /// For the manifest and its like.
  static let openingByteCount: UInt64 = 1 << 20

  /// Bytes of the log files of the database in `path`.
  private static func logByteCount(_ path: String) -> UInt64 {
    guard let directory = opendir(path) else { return 0 }
    defer { closedir(directory) }
    var bytes: UInt64 = 0
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      var status = stat()
      guard name.hasSuffix(".log"), stat(path + "/" + name, &status) == 0 else { continue }
      bytes += UInt64(max(0, status.st_size))
    }
    return bytes
  }

  /// Creates `path` and its missing parents with mode 0700 and makes the entries durable.
  static func createDirectory(_ path: String) throws(StorageError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw StorageError(.invalidArgument, "the directory's path is empty or has a zero byte")
    }
    var parent = path.hasPrefix("/") ? "/" : "."
    for component in path.split(separator: "/") {
      let child = parent + "/" + component
      if mkdir(child, 0o700) == 0 {
        try sync(parent)
      } else if errno != EEXIST {
        throw failure("mkdir", child)
      }
      parent = child
    }
  }

  private static func sync(_ path: String) throws(StorageError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", path) }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
  }

  private static func failure(_ call: String, _ path: String) -> StorageError {
    let code = errno
    return StorageError(
      code == ENOSPC || code == EDQUOT ? .noSpace : .ioError,
      "\(call) failed: \(String(cString: strerror(code)))", path: path)
  }
}
