internal import Storage

/// Keeps its database object, and through it knows when the engine was closed.
final class RocksDBSnapshot: StorageSnapshot, @unchecked Sendable {
  // Unchecked because of the C pointer, which is only read.
  private let database: Database
  private let snapshot: OpaquePointer
  private let options: ReadOptionsHandle

  init(database: Database, snapshot: OpaquePointer) {
    self.database = database
    self.snapshot = snapshot
    options = ReadOptionsHandle(snapshot: snapshot)
  }

  deinit { database.release(snapshot) }

  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    guard !key.isEmpty else { return nil }
    return try database.get(key, options)
  }

  func scan(from: [UInt8], upTo: [UInt8]?, limit: ScanLimit) throws(StorageError) -> ScanPage {
    try database.scan(from: from, upTo: upTo, limit: limit, snapshot: snapshot)
  }
}
