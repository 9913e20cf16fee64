internal import CRocksDB
internal import Storage

/// One owner for each kind of C handle; its `deinit` gives the handle back.

struct OptionsHandle: ~Copyable {
  let raw: OpaquePointer?

  init(_ options: RocksDBOptions) {
    raw = rocksdb_options_create()
    setTables(options)
    setLog(options)
    rocksdb_options_set_create_if_missing(raw, 1)
    rocksdb_options_set_paranoid_checks(raw, 1)
    // 64 nodes may share two cores: one flush, one compaction, no reader of files at open.
    rocksdb_options_set_max_background_jobs(raw, 2)
    rocksdb_options_set_max_file_opening_threads(raw, 1)
    rocksdb_options_set_skip_stats_update_on_db_open(raw, 1)
    rocksdb_options_set_max_open_files(raw, CInt(clamping: options.maximumOpenFiles))
    rocksdb_options_set_write_buffer_size(raw, options.writeBufferByteCount)
    rocksdb_options_set_max_write_buffer_number(raw, 2)
    rocksdb_options_set_target_file_size_base(raw, UInt64(options.writeBufferByteCount))
    rocksdb_options_set_max_bytes_for_level_base(raw, UInt64(options.writeBufferByteCount) * 4)
    rocksdb_options_set_level_compaction_dynamic_level_bytes(raw, 1)
    rocksdb_options_set_compression(raw, CInt(rocksdb_lz4_compression))
    rocksdb_options_set_bytes_per_sync(raw, 1 << 20)
  }

  deinit { rocksdb_options_destroy(raw) }

  private func setTables(_ options: RocksDBOptions) {
    let tables = rocksdb_block_based_options_create()
    let cache = rocksdb_cache_create_lru(options.blockCacheByteCount)
    rocksdb_block_based_options_set_block_cache(tables, cache)
    // Indexes and filters stay outside of the cache, in the table files' readers: about 2% of the
    // data, bounded by the number of open files. In a cache this small they would push each other
    // out, and a get would read 100 KiB to find one key.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 0)
    rocksdb_block_based_options_set_filter_policy(
      tables, rocksdb_filterpolicy_create_bloom_full(10))
    rocksdb_options_set_block_based_table_factory(raw, tables)
    // The options hold references of their own to both.
    rocksdb_cache_destroy(cache)
    rocksdb_block_based_options_destroy(tables)
  }

  private func setLog(_ options: RocksDBOptions) {
    // A crash may leave the last record of the write-ahead log in part: it was never acknowledged,
    // and is dropped. Any other damage is an error: point-in-time recovery would end the replay
    // there and silently drop the acknowledged records behind it.
    rocksdb_options_set_wal_recovery_mode(
      raw, CInt(rocksdb_tolerate_corrupted_tail_records_recovery))
    rocksdb_options_set_max_total_wal_size(raw, UInt64(options.writeBufferByteCount) * 2)
    rocksdb_options_set_max_manifest_file_size(raw, 4 << 20)
    rocksdb_options_set_manifest_preallocation_size(raw, 64 << 10)
    // RocksDB's own text log: warnings, two files of 1 MiB.
    rocksdb_options_set_info_log_level(raw, 2)
    rocksdb_options_set_max_log_file_size(raw, 1 << 20)
    rocksdb_options_set_keep_log_file_num(raw, 2)
    rocksdb_options_set_stats_dump_period_sec(raw, 0)
    rocksdb_options_set_stats_persist_period_sec(raw, 0)
  }
}

struct WriteOptionsHandle: ~Copyable, @unchecked Sendable {
  // Sendable: never changed after `init`.
  let raw: OpaquePointer?

  init(durability: Durability) {
    raw = rocksdb_writeoptions_create()
    rocksdb_writeoptions_set_sync(raw, durability == .fsync ? 1 : 0)
  }

  deinit { rocksdb_writeoptions_destroy(raw) }
}

struct ReadOptionsHandle: ~Copyable, @unchecked Sendable {
  // Sendable: never changed once it is shared.
  let raw: OpaquePointer?

  init(snapshot: OpaquePointer? = nil) {
    raw = rocksdb_readoptions_create()
    if let snapshot { rocksdb_readoptions_set_snapshot(raw, snapshot) }
  }

  deinit { rocksdb_readoptions_destroy(raw) }
}

struct BatchHandle: ~Copyable {
  let raw: OpaquePointer?

  init(_ batch: borrowing WriteBatch) {
    raw = rocksdb_writebatch_create()
    let raw = raw
    batch.forEach { operation in
      switch operation {
      case .put(let key, let value):
        rocksdb_writebatch_put(
          raw, key.characters, key.count, value.characters, value.count)
      case .delete(let key):
        rocksdb_writebatch_delete(raw, key.characters, key.count)
      case .deleteRange(let from, let upTo):
        Keys.first(atOrAfter: Array(from)).withCharacters { from, fromCount in
          rocksdb_writebatch_delete_range(raw, from, fromCount, upTo.characters, upTo.count)
        }
      }
    }
  }

  deinit { rocksdb_writebatch_destroy(raw) }
}

struct IteratorHandle: ~Copyable {
  let raw: OpaquePointer?

  /// The options, and the bound in them, must outlive the iterator.
  init(database: OpaquePointer, options: borrowing ReadOptionsHandle) {
    raw = rocksdb_create_iterator(database, options.raw)
  }

  deinit { rocksdb_iter_destroy(raw) }

  var isValid: Bool { rocksdb_iter_valid(raw) != 0 }

  var key: UnsafeRawBufferPointer {
    var count = 0
    let start = rocksdb_iter_key(raw, &count)
    return UnsafeRawBufferPointer(start: start, count: count)
  }

  var value: UnsafeRawBufferPointer {
    var count = 0
    let start = rocksdb_iter_value(raw, &count)
    return UnsafeRawBufferPointer(start: start, count: count)
  }
}

enum Keys {
  /// The empty key holds the format marker; callers' keys have at least one byte.
  static let marker: [UInt8] = []

  /// Keeps scans and range deletions off the marker: [0] is the smallest key but the empty one.
  static func first(atOrAfter key: [UInt8]) -> [UInt8] {
    key.isEmpty ? [0] : key
  }
}

extension [UInt8] {
  func withCharacters<R>(_ body: (UnsafePointer<CChar>?, Int) -> R) -> R {
    withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
  }
}

extension UnsafeRawBufferPointer {
  var characters: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}
