import Foundation
import Glibc

/// A file that few may read, replaced as a whole: who reads it finds the lines of before or those
/// of after.
package enum SecretFile {
  /// The text of a file; nil when there is none.
  /// - Throws: `ServiceFailure` when there is one that cannot be read, or that has more than
  ///   `limit` bytes.
  package static func text(at path: String, limit: Int) throws(ServiceFailure) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw ServiceFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    guard let data = try? handle.read(upToCount: limit + 1) ?? Data() else {
      throw ServiceFailure("\(path) cannot be read")
    }
    guard data.count <= limit else {
      throw ServiceFailure("\(path) has more than \(limit) bytes")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// Makes a file, readable by its owner only, with all of its text at once.
  /// - Throws: `ServiceFailure` when that is not possible, or there is one already.
  package static func make(_ path: String, _ text: String) throws(ServiceFailure) {
    let temporary = temporaryName(for: path)
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw ServiceFailure("\(path) cannot be made: \(String(cString: strerror(errno)))")
    }
    defer { unlink(temporary) }
    try write(text, to: file, named: temporary)
    // Never over a file that is there: who knows what it holds would be locked out.
    guard link(temporary, path) == 0 else {
      throw ServiceFailure("\(path) cannot be made: \(String(cString: strerror(errno)))")
    }
    sync(directoryOf: path)
  }

  /// Puts another text in a file's place, for the same readers; makes it when it is missing.
  /// - Throws: `ServiceFailure`; what was there stays then.
  package static func replace(_ path: String, with text: String) throws(ServiceFailure) {
    // Where a link leads, so that the link stays one.
    let path =
      realpath(path, nil).map { real in
        defer { free(real) }
        return String(cString: real)
      } ?? path
    var status = stat()
    guard stat(path, &status) == 0 else { return try make(path, text) }
    let temporary = temporaryName(for: path)
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw ServiceFailure("\(temporary) cannot be made: \(String(cString: strerror(errno)))")
    }
    if status.st_uid != geteuid() || status.st_gid != getegid() {
      guard fchown(file, status.st_uid, status.st_gid) == 0 else {
        close(file)
        unlink(temporary)
        throw ServiceFailure(
          "\(path) belongs to another user, so that it cannot be replaced; run this as that user")
      }
    }
    // Never for more readers than before, and without what makes no sense for a secret.
    fchmod(file, status.st_mode & 0o640)
    try write(text, to: file, named: temporary)
    guard rename(temporary, path) == 0 else {
      let reason = String(cString: strerror(errno))
      unlink(temporary)
      throw ServiceFailure("\(path) cannot be replaced: \(reason)")
    }
    sync(directoryOf: path)
  }

  /// One that no program uses, also not one of another container.
  private static func temporaryName(for path: String) -> String {
    "\(path).\(String(UInt64.random(in: 0 ... .max), radix: 36)).new"
  }

  private static func sync(directoryOf path: String) {
    let above = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let directory = open(above, O_RDONLY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  /// Writes all of it to the disk and closes the file; removes the file when that fails.
  private static func write(
    _ text: String, to file: Int32, named path: String
  ) throws(ServiceFailure) {
    do {
      let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
      try handle.write(contentsOf: Data(text.utf8))
      try handle.synchronize()
    } catch {
      unlink(path)
      throw ServiceFailure("\(path) cannot be written")
    }
  }
}
