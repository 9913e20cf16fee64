public import Storage

/// The footprint and the promises of a ``RocksDBEngine``. The defaults suit many nodes on one
/// small machine.
public struct RocksDBOptions: Sendable, Hashable {
  /// When a commit returns.
  public var durability: Durability
  /// Bytes of one memtable, at least 64 KiB; two may exist at once, and the log files that back
  /// them take about as much again.
  public var writeBufferByteCount: Int
  /// Bytes of the cache of uncompressed blocks, at least 64 KiB.
  public var blockCacheByteCount: Int
  /// Table files that are held open, at least 16; each keeps its index and filter in memory, about
  /// 2% of its size.
  public var maximumOpenFiles: Int
  /// Bytes of the disk that commits leave free, but at most an eighth of it: a database is opened
  /// by writing what its log holds into tables, and so cannot be opened on a disk without any room.
  public var reservedByteCount: UInt64

  public init(
    durability: Durability = .fsync, writeBufferByteCount: Int = 16 << 20,
    blockCacheByteCount: Int = 16 << 20, maximumOpenFiles: Int = 128,
    reservedByteCount: UInt64? = nil
  ) {
    self.durability = durability
    self.writeBufferByteCount = max(64 << 10, writeBufferByteCount)
    self.blockCacheByteCount = max(64 << 10, blockCacheByteCount)
    self.maximumOpenFiles = max(16, maximumOpenFiles)
    self.reservedByteCount =
      reservedByteCount ?? 2 * UInt64(self.writeBufferByteCount) + (4 << 20)
  }
}
