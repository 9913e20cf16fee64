internal import Storage

/// The version of the stored format, under the empty key: "SSDB", then the version, 32 bits
/// little-endian.
enum FormatMarker {
  private static let magic: [UInt8] = Array("SSDB".utf8)

  /// Checks the marker; writes it to a database that is new.
  static func check(_ database: Database) throws(StorageError) {
    guard let bytes = try database.get(Keys.marker, ReadOptionsHandle()) else {
      return try create(database)
    }
    try check(bytes, of: database)
  }

  /// Checks the marker of a database that is only read.
  static func require(_ database: Database) throws(StorageError) {
    try check(try database.get(Keys.marker, ReadOptionsHandle()) ?? [], of: database)
  }

  private static func check(_ bytes: [UInt8], of database: Database) throws(StorageError) {
    guard bytes.count == 8, Array(bytes.prefix(4)) == magic else {
      throw StorageError(
        .corruption, "the database has no valid format marker", path: database.path)
    }
    let version = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard version <= RocksDBEngine.formatVersion else {
      throw StorageError(
        .unsupportedFormat,
        "the data has format \(version), this program reads up to "
          + "\(RocksDBEngine.formatVersion); run a newer program", path: database.path)
    }
  }

  private static func create(_ database: Database) throws(StorageError) {
    // A crash between creation and marker leaves an empty database; data without a marker is not
    // ours.
    let first = try database.scan(from: [], upTo: nil, limit: ScanLimit(count: 1), snapshot: nil)
    guard first.entries.isEmpty else {
      throw StorageError(
        .corruption, "the directory holds a database of another program", path: database.path)
    }
    try write(RocksDBEngine.formatVersion, to: database)
  }

  static func write(_ version: UInt32, to database: Database) throws(StorageError) {
    var marker = magic
    for shift: UInt32 in [0, 8, 16, 24] { marker.append(UInt8((version >> shift) & 0xff)) }
    var batch = WriteBatch()
    batch.put(Keys.marker, marker)
    let handle = BatchHandle(batch)
    try database.write(handle.raw, WriteOptionsHandle(durability: .fsync))
  }
}
