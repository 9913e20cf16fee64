import Cluster
import Glibc
import HTTPTransport
import WireProtocol

/// The files of checkpoints, in their folder. For threads that may wait for the disk.
enum CheckpointFiles {
  /// More files are too many for one answer.
  private static let mostFiles = 50_000

  /// Removes what earlier backups left in `folder`, and the folder with it unless it holds more.
  static func removeAll(in folder: String) {
    for name in names(in: folder) {
      let path = folder + "/" + name
      for file in names(in: path) { unlink(path + "/" + file) }
      rmdir(path)
    }
    rmdir(folder)
  }

  /// The files of the checkpoint at `path`.
  /// - Throws: `Problem` 500 for files that cannot be read.
  static func list(_ path: String) throws(Problem) -> [BackupFile] {
    let names = names(in: path).sorted()
    guard names.count <= mostFiles else {
      throw failure("has more than \(mostFiles) files")
    }
    var files: [BackupFile] = []
    for name in names {
      let file = try open(path + "/" + name)
      var status = stat()
      guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw failure("holds \(name), which is no file")
      }
      let size = UInt64(max(0, status.st_size))
      let count = min(size, UInt64(BackupFile.tailByteCount))
      let tail = try read(file, at: size - count, count: Int(count))
      files.append(BackupFile(name: name, size: size, tail: SHA256.digest(tail)))
    }
    return files
  }

  /// - Throws: `Problem` 500 when the bytes are not there.
  static func read(_ path: String, at offset: UInt64, count: Int) throws(Problem) -> BackupPart {
    let data = try read(open(path), at: offset, count: count)
    return BackupPart(data: data, sha256: SHA256.digest(data))
  }

  private static func open(_ path: String) throws(Problem) -> Descriptor {
    let raw = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard raw >= 0 else { throw failure("cannot be opened: \(String(cString: strerror(errno)))") }
    return Descriptor(owning: raw)
  }

  private static func read(
    _ file: borrowing Descriptor, at offset: UInt64, count: Int
  ) throws(Problem) -> [UInt8] {
    let raw = file.rawValue
    var done = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while done < count {
        let start = buffer.baseAddress.map { $0 + done }
        let read = pread(raw, start, count - done, off_t(clamping: offset) + off_t(done))
        if read < 0, errno == EINTR { continue }
        guard read > 0 else { break }
        done += read
      }
      filled = done
    }
    guard done == count else { throw failure("ends before byte \(offset + UInt64(count))") }
    return bytes
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  private static func failure(_ what: String) -> Problem {
    Problem(500, "storage_failed", "what was set aside for the backup \(what)")
  }
}
