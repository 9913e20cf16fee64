internal import Glibc
internal import Storage
internal import Synchronization

/// The database that an engine uses now, and its replacement after a full disk.
///
/// RocksDB takes a log record that it could not append for fatal, and its C interface cannot clear
/// that state: only closing and opening does. Acknowledged writes are in the log, from where the
/// opening reads them; the record that failed is a torn tail, which it drops.
final class CurrentDatabase: Sendable {
  private struct State {
    /// nil after a close, and while an opening fails.
    var database: Database?
    var isClosed = false
    /// What the commit failed with that found the disk full, until the database is reopened.
    var fullDisk: StorageError?
  }

  private let options: RocksDBOptions
  private let path: String
  private let state: Mutex<State>

  init(_ database: Database, options: RocksDBOptions) {
    self.options = options
    path = database.path
    state = Mutex(State(database: database))
  }

  /// Calls `body` with the database; once more with the new one when it was replaced meanwhile.
  func use<R>(_ body: (Database) throws(StorageError) -> R) throws(StorageError) -> R {
    let database = try get()
    do throws(StorageError) {
      return try body(database)
    } catch {
      guard error.code == .snapshotLost else { throw error }
    }
    return try body(get())
  }

  func noteFullDisk(_ error: StorageError) {
    state.withLock { $0.fullDisk = error }
  }

  /// Closes and opens a database that found the disk full, if there is room for the memtables that
  /// the opening flushes.
  ///
  /// - Throws: what the commit failed with, while there is none; what the opening throws. Then each
  ///   later call tries the opening again.
  func reopenIfFull(needing bytes: UInt64) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      guard let error = state.fullDisk, !state.isClosed, let database = state.database else {
        return
      }
      // Memtables are flushed beside the log that holds the same data; and some for the manifest.
      let needed = database.memtableByteCount &+ bytes &+ FileSystem.openingByteCount
      guard FileSystem.freeByteCount(path) >= needed else { throw error }
      database.close(toReopen: true)
      state.database = nil
      state.database = try Database(path: path, options: options)
      state.fullDisk = nil
    }
  }

  func close() {
    let database = state.withLock { state in
      defer { state.database = nil }
      state.isClosed = true
      return state.database
    }
    database?.close()
  }

  private func get() throws(StorageError) -> Database {
    try state.withLock { (state) throws(StorageError) -> Database in
      if let database = state.database { return database }
      guard !state.isClosed else {
        throw StorageError(.closed, "the engine was closed", path: path)
      }
      try FileSystem.checkRoom(toOpen: path)
      let database = try Database(path: path, options: options)
      state.database = database
      state.fullDisk = nil
      return database
    }
  }
}
