/// Mutations that an engine applies together, in order, or not at all.
public struct WriteBatch: Sendable {
  public enum Operation: Sendable {
    case put(key: [UInt8], value: [UInt8])
    case delete(key: [UInt8])
    /// Deletes the keys from `from` on that come before `upTo`.
    case deleteRange(from: [UInt8], upTo: [UInt8])
  }

  /// The mutations in the order of their calls; a later one wins over an earlier one.
  public private(set) var operations: [Operation] = []
  /// Bytes of keys and values, and 16 for each operation.
  public private(set) var byteCount = 0

  // Kept while building, so that a commit is validated in O(1).
  private var largestKey = 0
  private var largestValue = 0
  private var hasEmptyKey = false

  public init() {}

  public var isEmpty: Bool { operations.isEmpty }

  /// Sets `key` to `value`, which may be empty.
  public mutating func put(_ key: [UInt8], _ value: [UInt8]) {
    note(key: key)
    largestValue = max(largestValue, value.count)
    byteCount += key.count + value.count + Self.overhead
    operations.append(.put(key: key, value: value))
  }

  /// Removes `key`; a key that is absent stays absent.
  public mutating func delete(_ key: [UInt8]) {
    note(key: key)
    byteCount += key.count + Self.overhead
    operations.append(.delete(key: key))
  }

  /// Removes every key in `from ..< upTo`; nothing when the range is empty.
  public mutating func deleteRange(from: [UInt8], upTo: [UInt8]) {
    guard ByteOrder.precedes(from, upTo) else { return }
    largestKey = max(largestKey, from.count, upTo.count)
    byteCount += from.count + upTo.count + Self.overhead
    operations.append(.deleteRange(from: from, upTo: upTo))
  }

  /// Adds the mutations of `other` after those here. Bytes are shared, not copied.
  public mutating func append(_ other: WriteBatch) {
    operations.append(contentsOf: other.operations)
    byteCount += other.byteCount
    largestKey = max(largestKey, other.largestKey)
    largestValue = max(largestValue, other.largestValue)
    hasEmptyKey = hasEmptyKey || other.hasEmptyKey
  }

  /// Empties the batch, keeping its capacity.
  public mutating func removeAll() {
    operations.removeAll(keepingCapacity: true)
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

  private mutating func note(key: [UInt8]) {
    largestKey = max(largestKey, key.count)
    hasEmptyKey = hasEmptyKey || key.isEmpty
  }

  private static let overhead = 16
}
