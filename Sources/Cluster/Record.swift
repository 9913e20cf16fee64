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

extension Record {
  /// Version 1: a marker byte, flags, the version and the expiry big-endian, then the value.
  private static let format: UInt8 = 1
  private static let tombstoneFlag: UInt8 = 1
  private static let headerSize = 18

  /// The bytes that the store keeps under the key.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Record.headerSize + (value?.count ?? 0))
    bytes.append(Record.format)
    bytes.append(value == nil ? Record.tombstoneFlag : 0)
    bytes.appendBigEndian(version.rawValue)
    bytes.appendBigEndian(expiresAt ?? 0)
    if let value { bytes.append(contentsOf: value) }
    return bytes
  }

  /// Reads a stored record.
  /// - Throws: `ClusterError` with code `.corruption` when the bytes are not a record of a known
  ///   format.
  package init(encoded bytes: [UInt8]) throws(ClusterError) {
    guard bytes.count >= Record.headerSize, bytes[0] == Record.format,
      bytes[1] & ~Record.tombstoneFlag == 0
    else {
      throw ClusterError(
        .corruption, "a stored record of \(bytes.count) bytes has an unknown format")
    }
    let expiry = bytes.bigEndian(at: 10)
    version = Version(bytes.bigEndian(at: 2))
    expiresAt = expiry == 0 ? nil : expiry
    value = bytes[1] == Record.tombstoneFlag ? nil : Array(bytes[Record.headerSize...])
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
