internal import CRocksDB
package import Storage

extension RocksDBEngine: CheckpointingEngine {
  package func makeCheckpoint(at path: String) throws(StorageError) {
    try current.use { (database) throws(StorageError) in
      try keepRoom(toFlush: database)
      try database.makeCheckpoint(at: path)
    }
  }

  /// A flush that finds the disk full ends the database's life: it is refused before.
  private func keepRoom(toFlush database: Database) throws(StorageError) {
    let disk = FileSystem.byteCounts(self.path)
    let needed =
      database.memtableByteCount &+ FileSystem.openingByteCount
      &+ min(options.reservedByteCount, disk.total / 8)
    guard disk.total == 0 || disk.free >= needed else {
      throw StorageError(
        .noSpace, "the disk has \(disk.free) bytes left, and a checkpoint takes \(needed)",
        path: self.path)
    }
  }
}

extension Database {
  /// Links the table files, which never change, and copies the rest. The memtable is written to a
  /// table first: what is in a log only would be copied again by each backup.
  fileprivate func makeCheckpoint(at target: String) throws(StorageError) {
    try use { (raw) throws(StorageError) in
      let checkpoint = try checked(path: path) { rocksdb_checkpoint_object_create(raw, $0) }
      defer { rocksdb_checkpoint_object_destroy(checkpoint) }
      try checked(path: target) { rocksdb_checkpoint_create(checkpoint, target, 0, $0) }
    }
  }
}
