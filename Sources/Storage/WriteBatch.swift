/// Mutations that an engine applies together, in order, or not at all.
///
/// All bytes lie one after the other in one array: adding to a batch with capacity left, or going
/// through it, allocates nothing.
public struct WriteBatch: Sendable {
  /// A mutation whose bytes lie in the batch.
  public enum Operation {
    case put(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
    case delete(key: UnsafeRawBufferPointer)
    /// Deletes the keys from `from` on that come before `upTo`.
    case deleteRange(from: UnsafeRawBufferPointer, upTo: UnsafeRawBufferPointer)
  }

  private enum Kind: UInt8 {
    case put, delete, deleteRange
  }

  /// One mutation: its first byte string starts at `start`, its second follows at once.
  private struct Entry: BitwiseCopyable {
    var kind: Kind
    var start: Int
    var firstCount: Int
    var secondCount: Int
  }

  private var bytes: [UInt8] = []
  private var entries: [Entry] = []
  /// Bytes of keys and values, and 16 for each operation.
  public private(set) var byteCount = 0

  // Kept while building, so that a commit is validated in O(1).
  private var largestKey = 0
  private var largestValue = 0
  private var hasEmptyKey = false

  public init() {}

  public var isEmpty: Bool { entries.isEmpty }

  /// How many mutations there are.
  public var count: Int { entries.count }

  /// Sets `key` to `value`, which may be empty.
  public mutating func put(_ key: [UInt8], _ value: [UInt8]) {
    bytes.append(contentsOf: key)
    bytes.append(contentsOf: value)
    notePut(keyCount: key.count, valueCount: value.count)
  }

  /// Sets the key `kind` and `key` to the value `header` and `value`: keys and values that begin
  /// with bytes of their owner are put together in place.
  ///
  /// - Returns: where the value lies in the batch, for ``withBytes(at:_:)``.
  @discardableResult
  public mutating func put(
    kind: UInt8, key: UnsafeRawBufferPointer, header: UnsafeRawBufferPointer,
    value: UnsafeRawBufferPointer
  ) -> Range<Int> {
    bytes.append(kind)
    bytes.append(contentsOf: key)
    let start = bytes.count
    bytes.append(contentsOf: header)
    bytes.append(contentsOf: value)
    notePut(keyCount: key.count + 1, valueCount: bytes.count - start)
    return start..<bytes.count
  }

  private mutating func notePut(keyCount: Int, valueCount: Int) {
    note(key: keyCount)
    largestValue = max(largestValue, valueCount)
    byteCount += keyCount + valueCount + Self.overhead
    entries.append(
      Entry(
        kind: .put, start: bytes.count - keyCount - valueCount, firstCount: keyCount,
        secondCount: valueCount))
  }

  /// Removes `key`; a key that is absent stays absent.
  public mutating func delete(_ key: [UInt8]) {
    bytes.append(contentsOf: key)
    noteDelete(keyCount: key.count)
  }

  /// Removes the key `kind` and `key`.
  public mutating func delete(kind: UInt8, key: UnsafeRawBufferPointer) {
    bytes.append(kind)
    bytes.append(contentsOf: key)
    noteDelete(keyCount: key.count + 1)
  }

  private mutating func noteDelete(keyCount: Int) {
    note(key: keyCount)
    byteCount += keyCount + Self.overhead
    entries.append(
      Entry(
        kind: .delete, start: bytes.count - keyCount, firstCount: keyCount, secondCount: 0))
  }

  /// Removes every key in `from ..< upTo`; nothing when the range is empty.
  public mutating func deleteRange(from: [UInt8], upTo: [UInt8]) {
    guard ByteOrder.precedes(from, upTo) else { return }
    largestKey = max(largestKey, from.count, upTo.count)
    byteCount += from.count + upTo.count + Self.overhead
    entries.append(
      Entry(
        kind: .deleteRange, start: bytes.count, firstCount: from.count, secondCount: upTo.count))
    bytes.append(contentsOf: from)
    bytes.append(contentsOf: upTo)
  }

  /// Adds the mutations of `other` after those here. O(bytes of `other`).
  public mutating func append(_ other: WriteBatch) {
    guard !isEmpty else {
      self = other
      return
    }
    let shift = bytes.count
    bytes.append(contentsOf: other.bytes)
    for var entry in other.entries {
      entry.start += shift
      entries.append(entry)
    }
    byteCount += other.byteCount
    largestKey = max(largestKey, other.largestKey)
    largestValue = max(largestValue, other.largestValue)
    hasEmptyKey = hasEmptyKey || other.hasEmptyKey
  }

  /// Calls `body` with each mutation, in the order of their calls: a later one wins over an earlier
  /// one. The buffers hold until `body` returns.
  public func forEach(_ body: (Operation) -> Void) {
    bytes.withUnsafeBytes { bytes in
      for entry in entries {
        let middle = entry.start + entry.firstCount
        let first = UnsafeRawBufferPointer(rebasing: bytes[entry.start..<middle])
        let second = UnsafeRawBufferPointer(rebasing: bytes[middle..<middle + entry.secondCount])
        switch entry.kind {
        case .put: body(.put(key: first, value: second))
        case .delete: body(.delete(key: first))
        case .deleteRange: body(.deleteRange(from: first, upTo: second))
        }
      }
    }
  }

  /// Where the next byte that is added will lie.
  public var end: Int { bytes.count }

  /// Hands bytes that were added to `body`.
  public func withBytes(at range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// Empties the batch, keeping capacity of at most `limit` bytes.
  public mutating func removeAll(keeping limit: Int = .max) {
    if bytes.capacity > limit {
      self = WriteBatch()
      return
    }
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    (byteCount, largestKey, largestValue, hasEmptyKey) = (0, 0, 0, false)
  }

  /// Checks ``StorageLimits``; every engine calls it before it commits. O(1).
  ///
  /// - Throws: `invalidArgument` for an empty key, `tooLarge`.
  public func validate() throws(StorageError) {
    guard !hasEmptyKey else {
      throw StorageError(.invalidArgument, "a key must have at least one byte")
    }
    guard largestKey <= StorageLimits.maximumKeyByteCount else {
      throw StorageError(
        .tooLarge,
        "a key of \(largestKey) bytes is over \(StorageLimits.maximumKeyByteCount); shorten it")
    }
    guard largestValue <= StorageLimits.maximumValueByteCount else {
      throw StorageError(
        .tooLarge,
        "a value of \(largestValue) bytes is over \(StorageLimits.maximumValueByteCount); split it")
    }
    guard byteCount <= StorageLimits.maximumBatchByteCount else {
      throw StorageError(
        .tooLarge,
        "a batch of \(byteCount) bytes is over \(StorageLimits.maximumBatchByteCount); split it")
    }
  }

  private mutating func note(key count: Int) {
    largestKey = max(largestKey, count)
    hasEmptyKey = hasEmptyKey || count == 0
  }

  private static let overhead = 16
}
