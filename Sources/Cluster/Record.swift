/// A version of a value: it only grows, per key, for as long as the cluster lives.
///
/// The high 24 bits are the epoch in which the value was written, the low 40 bits a counter of the
/// node that wrote it, so that the versions of a new owner exceed those of the owner before.
public struct Version: Hashable, Comparable, Sendable {
  public let rawValue: UInt64

  static let counterBits: UInt64 = 40

  public init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The lowest version that belongs to `epoch`.
  static func first(of epoch: UInt64) -> Version {
    Version((epoch & 0xff_ffff) << counterBits)
  }

  /// The version that follows. Wraps never in practice: 2^64 writes.
  var next: Version { Version(rawValue &+ 1) }

  public static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
}

/// What is stored under a key: a value or the tombstone of one.
public struct Record: Hashable, Sendable {
  public var version: Version
  /// Milliseconds since 1970 at which the record stops to exist; nil keeps it for ever.
  public var expiresAt: UInt64?
  /// nil marks a tombstone: the key was deleted at `version`.
  public var value: [UInt8]?

  public init(version: Version, expiresAt: UInt64? = nil, value: [UInt8]?) {
    self.version = version
    self.expiresAt = expiresAt
    self.value = value
  }

  /// Whether a reader at `now` (milliseconds since 1970) sees a value.
  public func isLive(at now: UInt64) -> Bool {
    guard value != nil else { return false }
    guard let expiresAt else { return true }
    return now < expiresAt
  }
}

// MARK: - Stored form

/// What is stored of a record ahead of its value.
package struct RecordHeader {
  package var version: Version
  /// Milliseconds since 1970; 0 keeps the record for ever.
  var expiry: UInt64 = 0
  /// nil marks a tombstone.
  var valueCount: Int?

  package var expiresAt: UInt64? { expiry == 0 ? nil : expiry }

  /// Whether a reader at `now` (milliseconds since 1970) sees a value.
  func isLive(at now: UInt64) -> Bool {
    valueCount != nil && (expiry == 0 || now < expiry)
  }

  /// Version 1: a marker byte, flags, the version and the expiry big-endian, then the value.
  private static let format: UInt8 = 1
  private static let tombstoneFlag: UInt8 = 1
  static let byteCount = 18

  /// Calls `body` with the stored form.
  func withEncoded<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    return withUnsafeMutableBytes(of: &words) { bytes in
      bytes[0] = RecordHeader.format
      bytes[1] = valueCount == nil ? RecordHeader.tombstoneFlag : 0
      bytes.storeBytes(of: version.rawValue.bigEndian, toByteOffset: 2, as: UInt64.self)
      bytes.storeBytes(of: expiry.bigEndian, toByteOffset: 10, as: UInt64.self)
      return body(UnsafeRawBufferPointer(rebasing: bytes[..<RecordHeader.byteCount]))
    }
  }

  init(version: Version, expiresAt: UInt64? = nil, valueCount: Int?) {
    self.version = version
    expiry = expiresAt ?? 0
    self.valueCount = valueCount
  }

  /// Reads the header of a stored record; nil when the bytes are not a record of a known format.
  init?(_ record: UnsafeRawBufferPointer) {
    guard record.count >= RecordHeader.byteCount, record[0] == RecordHeader.format,
      record[1] & ~RecordHeader.tombstoneFlag == 0
    else { return nil }
    version = Version(UInt64(bigEndian: record.loadUnaligned(fromByteOffset: 2, as: UInt64.self)))
    expiry = UInt64(bigEndian: record.loadUnaligned(fromByteOffset: 10, as: UInt64.self))
    let isTombstone = record[1] == RecordHeader.tombstoneFlag
    valueCount = isTombstone ? nil : record.count - RecordHeader.byteCount
  }

  /// The value behind the header.
  static func value(of record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: record[byteCount...])
  }

  static func unknownFormat(_ byteCount: Int) -> ClusterError {
    ClusterError(.corruption, "a stored record of \(byteCount) bytes has an unknown format")
  }
}

extension Record {
  var header: RecordHeader {
    RecordHeader(version: version, expiresAt: expiresAt, valueCount: value?.count)
  }

  /// The bytes that the store keeps under the key.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(RecordHeader.byteCount + (value?.count ?? 0))
    header.withEncoded { bytes.append(contentsOf: $0) }
    if let value { bytes.append(contentsOf: value) }
    return bytes
  }

  /// Reads a stored record.
  /// - Throws: `ClusterError` with code `.corruption` when the bytes are not a record of a known
  ///   format.
  package init(encoded bytes: [UInt8]) throws(ClusterError) {
    let record = bytes.withUnsafeBytes { Record(stored: $0) }
    guard let record else { throw RecordHeader.unknownFormat(bytes.count) }
    self = record
  }

  /// nil when the bytes are not a record of a known format.
  init?(stored bytes: UnsafeRawBufferPointer) {
    guard let header = RecordHeader(bytes) else { return nil }
    version = header.version
    expiresAt = header.expiresAt
    value = header.valueCount == nil ? nil : Array(RecordHeader.value(of: bytes))
  }
}

extension [UInt8] {
  package mutating func appendBigEndian<Value: FixedWidthInteger>(_ value: Value) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  /// The eight bytes at `offset`, which the caller has checked to exist.
  package func bigEndian(at offset: Int) -> UInt64 {
    var value: UInt64 = 0
    for byte in self[offset..<offset + 8] { value = value << 8 | UInt64(byte) }
    return value
  }
}
