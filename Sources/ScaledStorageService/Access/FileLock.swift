import Foundation
import Glibc

/// Has programs that read a file, change its text and put it back take turns: of two at once one
/// would undo the other's change.
package enum FileLock {
  /// Does `work` while no other program has the lock of the file at `path`: of `PATH.lock` beside
  /// it, which stays, since the file itself is replaced.
  ///
  /// - Parameter waiting: called once before it waits for another program.
  /// - Throws: `ServiceFailure` when there can be no lock, and what `work` throws.
  package static func holding<Value>(
    _ path: String, waiting: () -> Void, _ work: () throws -> Value
  ) throws -> Value {
    let file = try open(path)
    defer { close(file) }
    if flock(file, LOCK_EX | LOCK_NB) != 0 {
      waiting()
      while flock(file, LOCK_EX) != 0 {
        guard errno == EINTR else {
          throw ServiceFailure("\(path).lock cannot be had: \(String(cString: strerror(errno)))")
        }
      }
    }
    return try work()
  }

  private static func open(_ path: String) throws(ServiceFailure) -> Int32 {
    // Where links lead, so that there is one lock by whatever name the file is called.
    let path =
      realpath(path, nil).map { real in
        defer { free(real) }
        return String(cString: real)
      } ?? path
    let flags = O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let file = Glibc.open(path + ".lock", flags, 0o600)
    guard file >= 0 else {
      throw ServiceFailure("\(path).lock cannot be made: \(String(cString: strerror(errno)))")
    }
    // Root leaves to the file's owner what it makes.
    var status = stat()
    if geteuid() == 0, stat(path, &status) == 0 { fchown(file, status.st_uid, status.st_gid) }
    return file
  }
}
