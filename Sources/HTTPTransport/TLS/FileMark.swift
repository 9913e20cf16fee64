import CLinux
import Glibc

/// One state of a file, by which a change is seen without reading it.
package struct FileMark: Hashable {
  private let device: UInt
  private let inode: UInt
  private let size: Int
  private let written: Instant
  /// Another owner or mode may make readable what was not.
  private let changed: Instant

  private struct Instant: Hashable {
    let seconds: Int
    let nanoseconds: Int

    init(_ time: timespec) {
      seconds = time.tv_sec
      nanoseconds = time.tv_nsec
    }
  }

  /// Nil when there is no such file.
  package init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int(status.st_size)
    written = Instant(status.st_mtim)
    changed = Instant(status.st_ctim)
  }
}
