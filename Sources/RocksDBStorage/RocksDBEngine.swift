public import Storage

/// The durable engine: RocksDB 7.8 in one directory, held by one process at a time.
///
/// A full disk fails commits with `noSpace` and leaves reads alone. Once there is room for what is
/// in memory, the next commit reopens the database and goes through; snapshots from before then
/// throw `snapshotLost`. After an `ioError` of the log it refuses commits until it is opened anew:
/// a kernel that failed to write a page may show it as written.
public final class RocksDBEngine: StorageEngine {
  /// The version of the stored format. An engine opens this version and those before it.
  public static let formatVersion: UInt32 = 1

  public let options: RocksDBOptions
  /// The directory of the database.
  public let path: String

  let current: CurrentDatabase
  private let readOptions = ReadOptionsHandle()
  private let writeOptions: WriteOptionsHandle

  /// Opens the database at `path`, or creates it there; a new directory gets mode 0700.
  ///
  /// - Throws: `locked` while another engine holds the directory, `unsupportedFormat` for data of
  ///   a newer program, `corruption`, `noSpace`, `ioError`.
  public init(path: String, options: RocksDBOptions = RocksDBOptions()) throws(StorageError) {
    try FileSystem.createDirectory(path)
    try FileSystem.checkRoom(toOpen: path)
    self.path = path
    self.options = options
    writeOptions = WriteOptionsHandle(durability: options.durability)
    current = CurrentDatabase(try Database(path: path, options: options), options: options)
    try current.use { (database) throws(StorageError) in try FormatMarker.check(database) }
  }

  deinit { close() }

  public func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    guard !key.isEmpty else { return nil }
    return try current.use { (database) throws(StorageError) in
      try database.get(key, readOptions)
    }
  }

  public func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try current.use { (database) throws(StorageError) in
      try database.scan(from: from, upTo: upTo, limit: limit, snapshot: nil)
    }
  }

  public func commit(_ batch: WriteBatch) throws(StorageError) {
    try batch.validate()
    guard !batch.isEmpty else { return }
    try keepReserve()
    let handle = BatchHandle(batch)
    // The first refusal is the owner's to learn of; later commits may end the state, and leave a
    // log that failed alone: RocksDB, where it was built with assertions, ends a process that
    // writes to one.
    try current.reopenIfFull(needing: UInt64(batch.byteCount))
    do throws(StorageError) {
      try write(handle)
    } catch {
      if error.code == .noSpace { current.noteFullDisk(error) }
      throw error
    }
  }

  /// Refuses a commit, before anything of it is written, that would take the last room.
  private func keepReserve() throws(StorageError) {
    let disk = FileSystem.byteCounts(path)
    guard disk.free < min(options.reservedByteCount, disk.total / 8) else { return }
    throw StorageError(
      .noSpace, "the disk has \(disk.free) bytes left, which are needed to start again; make room",
      path: path)
  }

  public func makeSnapshot() throws(StorageError) -> any StorageSnapshot {
    try current.use { (database) throws(StorageError) in
      RocksDBSnapshot(database: database, snapshot: try database.takeSnapshot())
    }
  }

  /// Bytes of the table files and of the memtables.
  public var approximateByteCount: UInt64 {
    let bytes = try? current.use { (database) throws(StorageError) in
      database.tableByteCount &+ database.memtableByteCount
    }
    return bytes ?? 0
  }

  public func close() {
    current.close()
  }

  private func write(_ batch: borrowing BatchHandle) throws(StorageError) {
    let raw = batch.raw
    try current.use { (database) throws(StorageError) in
      try database.write(raw, writeOptions)
    }
  }
}
