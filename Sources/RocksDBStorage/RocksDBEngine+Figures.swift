package import Storage

extension RocksDBEngine: MeasuredEngine {
  package func figures() -> [StorageFigure] {
    let disk = FileSystem.byteCounts(path)
    let ofDatabase = try? current.use { (database) throws(StorageError) in database.figures }
    return (ofDatabase ?? []) + [
      StorageFigure("disk_free_bytes", "Bytes that the file system has left.", disk.free),
      StorageFigure("disk_size_bytes", "Bytes of the file system.", disk.total),
      StorageFigure(
        "disk_reserved_bytes", "Bytes of the disk that writes must leave free.",
        min(options.reservedByteCount, disk.total / 8)),
    ]
  }
}

extension Database {
  /// What RocksDB tells of itself; each name is a property's of `rocksdb/db.h`.
  fileprivate var figures: [StorageFigure] {
    Database.properties.compactMap { entry in
      property("rocksdb." + entry.property).map { StorageFigure(entry.name, entry.help, $0) }
    }
  }

  private static let properties: [(property: String, name: String, help: String)] = [
    ("cur-size-all-mem-tables", "memtable_bytes", "Bytes of the memtables."),
    (
      "num-immutable-mem-table", "immutable_memtables",
      "Memtables that wait to be written to a table file."
    ),
    ("mem-table-flush-pending", "flush_pending", "1 while a flush waits to begin."),
    ("num-running-flushes", "flushes_running", "Flushes that run."),
    ("compaction-pending", "compaction_pending", "1 while a compaction waits to begin."),
    ("num-running-compactions", "compactions_running", "Compactions that run."),
    (
      "estimate-pending-compaction-bytes", "pending_compaction_bytes",
      "About how many bytes compactions have to rewrite."
    ),
    ("total-sst-files-size", "table_bytes", "Bytes of all table files."),
    ("live-sst-files-size", "live_table_bytes", "Bytes of the table files in force."),
    ("estimate-live-data-size", "live_data_bytes", "About how many bytes are not outdated."),
    ("estimate-num-keys", "estimated_keys", "About how many keys there are, internal ones too."),
    (
      "estimate-table-readers-mem", "table_reader_bytes",
      "Bytes of indexes and filters outside of the block cache."
    ),
    ("block-cache-usage", "block_cache_bytes", "Bytes of the block cache that are used."),
    ("block-cache-capacity", "block_cache_limit_bytes", "Bytes that the block cache may take."),
    (
      "block-cache-pinned-usage", "block_cache_pinned_bytes",
      "Bytes of the block cache that are in use now."
    ),
    ("num-snapshots", "snapshots", "Snapshots that are held."),
    ("background-errors", "background_errors_total", "Errors of flushes and compactions."),
    ("is-write-stopped", "write_stopped", "1 while writes are stopped."),
    (
      "actual-delayed-write-rate", "write_delayed_bytes_per_second",
      "The rate to which writes are slowed; 0 for full speed."
    ),
  ]
}
