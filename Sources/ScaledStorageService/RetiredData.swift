import Foundation

/// What a node that has left its cluster leaves behind in its data directory.
///
/// A mark is made durable before anybody is told that the node is forgotten; the store is removed
/// after that, by this process or by the next one that starts here.
struct RetiredData {
  private let directory: String
  private var mark: String { directory + "/retired" }
  private var store: String { directory + "/" + RetiredData.storeName }

  static let storeName = "store"
  /// Where data is set aside for backups.
  var backups: String { directory + "/backup" }

  init(directory: String) {
    self.directory = directory
  }

  /// Keeps others off the directory for as long as this process runs this program: the store's own
  /// lock goes with the store.
  /// - Throws: `ServiceFailure` when another node has it.
  func lock() throws {
    let path = directory + "/lock"
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw ServiceFailure("\(path) cannot be made: \(String(cString: strerror(errno)))")
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      close(file)
      throw ServiceFailure(
        "another node runs on \(directory); give this one a directory of its own")
    }
    // The descriptor stays open until the process ends.
  }

  /// Whether what is stored here is to be forgotten.
  var isMarked: Bool { access(mark, F_OK) == 0 }

  /// Makes certain that the store will not be found again.
  /// - Throws: `ServiceFailure` with the system's reason.
  func setMark() throws {
    let file = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("made") }
    defer { close(file) }
    guard fsync(file) == 0 else { throw failure("made durable") }
    try sync()
  }

  /// Removes the store of a node that was marked, and then the mark.
  /// - Throws: `ServiceFailure` with the system's reason; the mark stays then.
  func remove() throws {
    do {
      for path in [store, backups] where access(path, F_OK) == 0 {
        try FileManager.default.removeItem(atPath: path)
      }
    } catch {
      throw ServiceFailure("the store \(store) of a node that has left cannot be removed: \(error)")
    }
    try sync()
    guard unlink(mark) == 0 || errno == ENOENT else { throw failure("removed") }
    try sync()
  }

  private func sync() throws {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("made durable") }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw failure("made durable") }
  }

  private func failure(_ what: String) -> ServiceFailure {
    ServiceFailure("the mark \(mark) cannot be \(what): \(String(cString: strerror(errno)))")
  }
}
