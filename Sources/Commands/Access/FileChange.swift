import ScaledStorageService

/// Changes of the files that say who may do what.
enum FileChange {
  /// Does `work`, from its reading of the file to its writing, while no other command does.
  static func alone(at path: String, _ work: () throws -> Void) throws {
    let waiting = { StandardStreams.note("waiting for another command that changes \(path)") }
    try FileLock.holding(path, waiting: waiting, work)
  }
}
