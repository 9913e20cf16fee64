internal import CRocksDB
internal import Glibc
public import Storage

/// The durable engine: RocksDB 7.8 in one directory, held by one process at a time.
public final class RocksDBEngine: StorageEngine {
  /// The version of the stored format. An engine opens this version and those before it.
  public static let formatVersion: UInt32 = 1

  private let database: Database
  private let readOptions = ReadOptionsHandle()
  private let writeOptions: WriteOptionsHandle
  public let options: RocksDBOptions
  /// The directory of the database.
  public let path: String

  /// Opens the database at `path`, or creates it there; a new directory gets mode 0700.
  ///
  /// - Throws: `locked` while another engine holds the directory, `unsupportedFormat` for data of
  ///   a newer program, `corruption`, `noSpace`, `ioError`.
  public init(path: String, options: RocksDBOptions = RocksDBOptions()) throws(StorageError) {
    try Directory.create(path)
    self.path = path
    self.options = options
    writeOptions = WriteOptionsHandle(durability: options.durability)
    database = try Database(path: path, options: options)
    try FormatMarker.check(database)
  }

  deinit { close() }

  public func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    guard !key.isEmpty else { return nil }
    return try database.get(key, readOptions)
  }

  public func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try database.scan(from: from, upTo: upTo, limit: limit, snapshot: nil)
  }

  public func commit(_ batch: WriteBatch) throws(StorageError) {
    try batch.validate()
    guard !batch.isEmpty else { return }
    try database.write(BatchHandle(batch), writeOptions)
  }

  public func makeSnapshot() throws(StorageError) -> any StorageSnapshot {
    RocksDBSnapshot(database: database, snapshot: try database.takeSnapshot())
  }

  /// Bytes of the table files and of the memtables.
  public var approximateByteCount: UInt64 {
    let (tables, overflow) = database.property("rocksdb.total-sst-files-size")
      .addingReportingOverflow(database.property("rocksdb.cur-size-all-mem-tables"))
    return overflow ? .max : tables
  }

  public func close() {
    database.close()
  }
}
