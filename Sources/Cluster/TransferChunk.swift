/// Records on their way to a new owner.
///
/// Version 1: a marker byte, then for each record the length of the key (2 bytes), the length of
/// the stored record (4 bytes), both big-endian, the key and the record.
package enum TransferChunk {
  private static let format: UInt8 = 1

  package static func start() -> [UInt8] { [format] }

  package static func append(key: [UInt8], record: Record, to data: inout [UInt8]) {
    let encoded = record.encoded
    data.appendBigEndian(UInt16(truncatingIfNeeded: key.count))
    data.appendBigEndian(UInt32(truncatingIfNeeded: encoded.count))
    data.append(contentsOf: key)
    data.append(contentsOf: encoded)
  }

  package static func records(in data: [UInt8]) throws(ClusterError) -> [(
    key: [UInt8], record: Record
  )] {
    guard data.first == format else {
      throw ClusterError(.malformed, "the migrated data is not a transfer chunk of version 1")
    }
    var entries: [(key: [UInt8], record: Record)] = []
    var offset = 1
    while offset < data.count {
      guard data.count - offset >= 6 else { throw truncated(offset) }
      let keyCount = Int(data[offset]) << 8 | Int(data[offset + 1])
      let recordCount = data[offset + 2..<offset + 6].reduce(0) { $0 << 8 | Int($1) }
      offset += 6
      guard keyCount > 0, data.count - offset >= keyCount + recordCount else {
        throw truncated(offset)
      }
      let key = Array(data[offset..<offset + keyCount])
      offset += keyCount
      let record = try Record(encoded: Array(data[offset..<offset + recordCount]))
      offset += recordCount
      entries.append((key, record))
    }
    return entries
  }

  private static func truncated(_ offset: Int) -> ClusterError {
    ClusterError(.malformed, "the transfer chunk ends in the middle of a record, at byte \(offset)")
  }
}
