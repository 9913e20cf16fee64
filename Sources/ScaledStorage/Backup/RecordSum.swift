package import Cluster
import HTTPTransport

/// A checksum of records that depends neither on their order nor on where they lie: the sum, in
/// four lanes of 64 bits that wrap, of the SHA-256 of each key with its value and expiry. Versions
/// are left out: a restore gives new ones.
package struct RecordSum: Hashable, Sendable {
  private var lanes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  package private(set) var keys: UInt64 = 0
  /// Of keys and values.
  package private(set) var bytes: UInt64 = 0

  package init() {}

  /// Adds a record, unless it is a tombstone or expires at `horizon` or before (milliseconds since
  /// 1970).
  package mutating func add(key: [UInt8], _ record: Record, horizon: UInt64) {
    guard let value = record.value, record.isLive(at: horizon) else { return }
    var input: [UInt8] = []
    input.reserveCapacity(10 + key.count + value.count)
    input.appendBigEndian(UInt16(truncatingIfNeeded: key.count))
    input.append(contentsOf: key)
    input.appendBigEndian(record.expiresAt ?? 0)
    input.append(contentsOf: value)
    add(SHA256.digest(input))
    keys &+= 1
    bytes &+= UInt64(key.count + value.count)
  }

  /// Adds what another node summed up; false when it is no sum.
  package mutating func add(_ page: SumPage) -> Bool {
    guard page.sum.count == SHA256.byteCount else { return false }
    add(page.sum)
    keys &+= page.keys
    bytes &+= page.bytes
    return true
  }

  package mutating func add(_ other: RecordSum) {
    add(other.encoded)
    keys &+= other.keys
    bytes &+= other.bytes
  }

  private mutating func add(_ digest: [UInt8]) {
    lanes.0 &+= digest.bigEndian(at: 0)
    lanes.1 &+= digest.bigEndian(at: 8)
    lanes.2 &+= digest.bigEndian(at: 16)
    lanes.3 &+= digest.bigEndian(at: 24)
  }

  /// 32 bytes.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for lane in [lanes.0, lanes.1, lanes.2, lanes.3] { bytes.appendBigEndian(lane) }
    return bytes
  }

  package var text: String { SHA256.hexadecimal(encoded) }

  package static func == (left: RecordSum, right: RecordSum) -> Bool {
    left.encoded == right.encoded && left.keys == right.keys && left.bytes == right.bytes
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(encoded)
    hasher.combine(keys)
    hasher.combine(bytes)
  }
}
