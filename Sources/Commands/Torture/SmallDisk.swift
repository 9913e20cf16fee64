import Glibc

/// A file system in memory that can be filled to the last byte.
struct SmallDisk {
  let path: String
  private var filler: String { path + "/filler" }

  /// Mounts it; only in a mount namespace of one's own.
  /// - Throws: `CommandFailure` when that is not allowed.
  init(at path: String, megabytes: Int) throws(CommandFailure) {
    self.path = path
    guard mkdir(path, 0o700) == 0 || errno == EEXIST,
      SystemTool.run(
        "mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0700", "torture", path])
    else {
      throw CommandFailure("a small disk could not be mounted at \(path)")
    }
  }

  func fill() {
    let file = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    var end = lseek(file, 0, SEEK_END)
    var piece: off_t = 16 << 20
    while piece >= 4_096 {
      if posix_fallocate(file, end, piece) == 0 {
        end += piece
      } else {
        piece /= 2
      }
    }
  }

  func free() {
    unlink(filler)
  }

  func unmount() {
    _ = SystemTool.run("umount", [path])
  }
}
