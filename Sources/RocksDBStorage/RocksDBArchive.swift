internal import CRocksDB
package import Storage

/// A database that is only read, as the files of a checkpoint hold it. Nothing is written to it but
/// RocksDB's own text log, which lies beside the files.
package final class RocksDBArchive: StorageReader, Sendable {
  private let database: Database
  private let readOptions = ReadOptionsHandle()

  /// Opens the files at `path`. Every block that is read is checked against its checksum.
  ///
  /// - Throws: `corruption` for damaged or missing files and for those of another program,
  ///   `unsupportedFormat` for data of a newer program, `ioError`.
  package init(path: String) throws(StorageError) {
    database = try Database(readingOnly: path, options: RocksDBOptions())
    try FormatMarker.require(database)
  }

  package func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    guard !key.isEmpty else { return nil }
    return try database.get(key, readOptions)
  }

  package func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try database.scan(from: from, upTo: upTo, limit: limit, snapshot: nil)
  }
}
