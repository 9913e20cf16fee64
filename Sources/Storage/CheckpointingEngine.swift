/// An engine that can set its data aside as files, while it goes on.
package protocol CheckpointingEngine: StorageEngine {
  /// Makes the directory `path`, which must not exist yet, hold the data as it is at one moment
  /// during the call: every commit that returned before the call is in it, and each of the others
  /// as a whole or not at all. It shares the disk with the engine's own files, as far as they stay.
  ///
  /// - Throws: `noSpace`, `ioError`, `closed`.
  func makeCheckpoint(at path: String) throws(StorageError)
}
