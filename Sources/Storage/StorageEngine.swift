/// An ordered map of byte strings that commits batches atomically. Every method may be called from
/// any thread; every method may block on the disk.
public protocol StorageEngine: StorageReader, AnyObject {
  /// Applies `batch` as a whole and makes it durable before it returns, as the engine's
  /// ``Durability`` says. An empty batch does nothing.
  ///
  /// After `ioError` or `noSpace` the outcome is open until a later commit or a reopening
  /// succeeds: then the batch is there as a whole, or not at all. Commits that returned are safe.
  ///
  /// - Throws: `invalidArgument`, `tooLarge`, `noSpace`, `ioError`, `corruption`, `closed`.
  func commit(_ batch: WriteBatch) throws(StorageError)

  /// The data as it is now; later commits do not change what the snapshot shows.
  ///
  /// - Throws: `closed`, `ioError`.
  func makeSnapshot() throws(StorageError) -> any StorageSnapshot

  /// About how many bytes the data takes, in memory or on the disk. Cheap, not exact.
  var approximateByteCount: UInt64 { get }

  /// Ends the engine and frees its files; a second call does nothing. Later calls, and those on
  /// snapshots, throw `closed`.
  func close()
}

/// A consistent view of the data. It holds resources until it is released.
///
/// Its methods also throw `snapshotLost` when the engine had to reopen its database.
public protocol StorageSnapshot: StorageReader, AnyObject {}

public protocol StorageReader: Sendable {
  /// The value of `key`, or nil.
  ///
  /// - Throws: `ioError`, `corruption`, `closed`.
  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]?

  /// One page of the keys in `from ..< upTo` (nil: to the last key), in ``ByteOrder``. Read the
  /// next page from ``ScanPage/next``. O(log n + page).
  ///
  /// - Throws: `ioError`, `corruption`, `closed`.
  func scan(from: [UInt8], upTo: [UInt8]?, limit: ScanLimit) throws(StorageError) -> ScanPage
}

/// How much one page of a scan may hold. A page takes at least one entry, however large, so that
/// every scan advances.
public struct ScanLimit: Sendable, Hashable {
  /// Entries, at least 1.
  public let count: Int
  /// Bytes of keys and values; the entry that would go beyond starts the next page.
  public let bytes: Int

  public init(count: Int = 1_000, bytes: Int = 1 << 20) {
    self.count = max(1, count)
    self.bytes = max(1, bytes)
  }
}

public struct ScanEntry: Sendable, Hashable {
  public let key: [UInt8]
  public let value: [UInt8]

  public init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }
}

public struct ScanPage: Sendable, Hashable {
  public var entries: [ScanEntry]
  /// The key to scan from for the next page; nil when this page was the last.
  public var next: [UInt8]?

  public init(entries: [ScanEntry] = [], next: [UInt8]? = nil) {
    self.entries = entries
    self.next = next
  }
}
