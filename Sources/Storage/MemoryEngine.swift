import Synchronization

/// An engine that keeps everything in memory: for tests, simulations and caches. Nothing survives
/// the process.
public final class MemoryEngine: StorageEngine {
  private let table = Mutex<OrderedTable?>(OrderedTable())

  public init() {}

  public func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    // Under the lock: a copy of the table would make the next commit copy its list of chunks.
    let found = table.withLock { table in table.map { $0.get(key) } }
    guard let found else { throw Self.closedError }
    return found
  }

  public func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try current().scan(from: from, upTo: upTo, limit: limit)
  }

  public func commit(_ batch: WriteBatch) throws(StorageError) {
    try batch.validate()
    let isOpen = table.withLock { table in
      guard table != nil else { return false }
      batch.forEach { operation in
        switch operation {
        case .put(let key, let value): table?.put(Array(key), Array(value))
        case .delete(let key): table?.delete(Array(key))
        case .deleteRange(let from, let upTo):
          table?.deleteRange(from: Array(from), upTo: Array(upTo))
        }
      }
      return true
    }
    guard isOpen else { throw Self.closedError }
  }

  public func makeSnapshot() throws(StorageError) -> any StorageSnapshot {
    MemorySnapshot(engine: self, table: try current())
  }

  /// Bytes of keys and values.
  public var approximateByteCount: UInt64 {
    table.withLock { UInt64($0?.byteCount ?? 0) }
  }

  public func close() {
    table.withLock { $0 = nil }
  }

  fileprivate func current() throws(StorageError) -> OrderedTable {
    guard let table = table.withLock({ $0 }) else { throw Self.closedError }
    return table
  }

  private static let closedError = StorageError(.closed, "the engine was closed")
}

private final class MemorySnapshot: StorageSnapshot {
  private let engine: MemoryEngine
  private let table: OrderedTable

  init(engine: MemoryEngine, table: OrderedTable) {
    self.engine = engine
    self.table = table
  }

  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    _ = try engine.current()
    return table.get(key)
  }

  func scan(from: [UInt8], upTo: [UInt8]?, limit: ScanLimit) throws(StorageError) -> ScanPage {
    _ = try engine.current()
    return table.scan(from: from, upTo: upTo, limit: limit)
  }
}
