internal import CRocksDB
internal import Storage

/// Runs a C call that reports through an error string, frees the string, and throws what it says.
func checked<R>(
  path: String, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) throws(StorageError) -> R {
  var text: UnsafeMutablePointer<CChar>?
  let result = body(&text)
  guard let text else { return result }
  defer { rocksdb_free(text) }
  throw StorageError(status: String(cString: text), path: path)
}

extension StorageError {
  /// Translates a status as RocksDB prints it: "Kind: detail". The C interface has no codes.
  init(status: String, path: String) {
    if status.contains("lock hold by current process") || status.contains("While lock file") {
      self.init(.locked, "another process holds the directory; stop it first", path: path)
    } else if status.contains("No space left on device") || status.contains("quota exceeded") {
      self.init(.noSpace, "the disk is full; free some space: \(status)", path: path)
    } else if status.hasPrefix("Corruption") {
      self.init(
        .corruption, "the data is damaged; restore it from a copy: \(status)", path: path)
    } else if status.hasPrefix("Invalid argument") || status.hasPrefix("Not implemented") {
      self.init(.invalidArgument, status, path: path)
    } else if status.hasPrefix("Shutdown in progress") {
      self.init(.closed, "the engine was closed", path: path)
    } else {
      self.init(.ioError, status, path: path)
    }
  }
}
