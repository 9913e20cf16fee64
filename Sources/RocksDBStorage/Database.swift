internal import CRocksDB
internal import Storage
internal import Synchronization

/// Owns one open `rocksdb_t` and the snapshots taken from it. Every use of the C handle happens in
/// ``use(_:)``, which a close waits for.
final class Database: @unchecked Sendable {
  // Unchecked because of the C pointers: RocksDB's handles are thread-safe, `raw` changes only
  // under the write lock.
  private let lock = ReadWriteLock()
  private var raw: OpaquePointer?
  private var isReplaced = false
  private let snapshots = Mutex<Set<UInt>>([])
  let path: String

  init(path: String, options: RocksDBOptions) throws(StorageError) {
    self.path = path
    let handle = OptionsHandle(options)
    raw = try checked(path: path) { rocksdb_open(handle.raw, path, $0) }
  }

  /// Opens what is there, and leaves it as it is; what a log holds is read into memory.
  init(readingOnly path: String, options: RocksDBOptions) throws(StorageError) {
    self.path = path
    let handle = OptionsHandle(options)
    rocksdb_options_set_create_if_missing(handle.raw, 0)
    raw = try checked(path: path) { rocksdb_open_for_read_only(handle.raw, path, 0, $0) }
  }

  deinit { close() }

  /// Calls `body` with the open database. `body` must not call `use` again.
  ///
  /// - Throws: `closed`, `snapshotLost` after ``close(toReopen:)``, and what `body` throws.
  func use<R>(_ body: (OpaquePointer) throws(StorageError) -> R) throws(StorageError) -> R {
    try lock.read { () throws(StorageError) -> R in
      if let raw { return try body(raw) }
      guard isReplaced else { throw StorageError(.closed, "the engine was closed", path: path) }
      throw StorageError(
        .snapshotLost, "the database was reopened after a full disk; take a new snapshot",
        path: path)
    }
  }

  /// Waits for the calls that run, ends every snapshot, and frees the directory.
  func close(toReopen: Bool = false) {
    lock.write {
      isReplaced = toReopen
      guard let raw else { return }
      snapshots.withLock { snapshots in
        for snapshot in snapshots {
          rocksdb_release_snapshot(raw, OpaquePointer(bitPattern: snapshot))
        }
        snapshots.removeAll()
      }
      rocksdb_cancel_all_background_work(raw, 1)
      rocksdb_close(raw)
      self.raw = nil
    }
  }

  /// The caller gives it back with ``release(_:)``; a close ends it before.
  func takeSnapshot() throws(StorageError) -> OpaquePointer {
    try use { (raw) throws(StorageError) -> OpaquePointer in
      guard let snapshot = rocksdb_create_snapshot(raw) else {
        throw StorageError(.ioError, "the database gave no snapshot", path: path)
      }
      _ = snapshots.withLock { $0.insert(UInt(bitPattern: snapshot)) }
      return snapshot
    }
  }

  func release(_ snapshot: OpaquePointer) {
    lock.read {
      guard let raw else { return }
      guard snapshots.withLock({ $0.remove(UInt(bitPattern: snapshot)) }) != nil else { return }
      rocksdb_release_snapshot(raw, snapshot)
    }
  }
}

extension Database {
  func get(
    _ key: [UInt8], _ options: borrowing ReadOptionsHandle
  ) throws(StorageError) -> [UInt8]? {
    let options = options.raw
    return try use { (raw) throws(StorageError) -> [UInt8]? in
      // Pinned: the bytes are copied once, from the block cache or the memtable.
      let slice = try checked(path: path) { error in
        key.withCharacters { rocksdb_get_pinned(raw, options, $0, $1, error) }
      }
      guard let slice else { return nil }
      defer { rocksdb_pinnableslice_destroy(slice) }
      var count = 0
      let start = rocksdb_pinnableslice_value(slice, &count)
      return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
  }

  /// Writes the batch of a ``BatchHandle`` that outlives the call.
  func write(
    _ batch: OpaquePointer?, _ options: borrowing WriteOptionsHandle
  ) throws(StorageError) {
    let options = options.raw
    try use { (raw) throws(StorageError) in
      try checked(path: path) { rocksdb_write(raw, options, batch, $0) }
    }
  }

  func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit, snapshot: OpaquePointer?
  ) throws(StorageError) -> ScanPage {
    try use { (raw) throws(StorageError) -> ScanPage in
      let options = ReadOptionsHandle(snapshot: snapshot)
      // A scan reads what is seldom read again: it leaves the cache to the gets.
      rocksdb_readoptions_set_fill_cache(options.raw, 0)
      guard let upTo else { return try page(raw, options, from, limit) }
      guard ByteOrder.precedes(from, upTo) else { return ScanPage() }
      // The options keep the address of the bound, not a copy of it.
      let bound = UnsafeMutableRawBufferPointer.allocate(byteCount: upTo.count, alignment: 1)
      defer { bound.deallocate() }
      bound.copyBytes(from: upTo)
      rocksdb_readoptions_set_iterate_upper_bound(
        options.raw, bound.baseAddress?.assumingMemoryBound(to: CChar.self), upTo.count)
      return try page(raw, options, from, limit)
    }
  }

  private func page(
    _ raw: OpaquePointer, _ options: borrowing ReadOptionsHandle, _ from: [UInt8],
    _ limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    let iterator = IteratorHandle(database: raw, options: options)
    Keys.first(atOrAfter: from).withCharacters { rocksdb_iter_seek(iterator.raw, $0, $1) }
    var page = ScanPage()
    var bytes = 0
    while iterator.isValid {
      let (key, value) = (iterator.key, iterator.value)
      let size = key.count + value.count
      let isFull = page.entries.count >= limit.count || size > limit.bytes - bytes
      if isFull && !page.entries.isEmpty {
        page.next = [UInt8](key)
        break
      }
      bytes += size
      page.entries.append(ScanEntry(key: [UInt8](key), value: [UInt8](value)))
      rocksdb_iter_next(iterator.raw)
    }
    try checked(path: path) { rocksdb_iter_get_error(iterator.raw, $0) }
    return page
  }

  var tableByteCount: UInt64 { property("rocksdb.total-sst-files-size") ?? 0 }
  var memtableByteCount: UInt64 { property("rocksdb.cur-size-all-mem-tables") ?? 0 }

  /// A number that RocksDB tells; nil when it knows none of this name, or is closed.
  func property(_ name: String) -> UInt64? {
    let value = try? use { (raw) throws(StorageError) -> UInt64? in
      var value: UInt64 = 0
      return rocksdb_property_int(raw, name, &value) == 0 ? value : nil
    }
    return value ?? nil
  }
}
