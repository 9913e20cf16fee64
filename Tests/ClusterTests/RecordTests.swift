import Testing

@testable import Cluster

@Suite struct RecordTests {
  static let records = [
    Record(version: Version(1), value: []),
    Record(version: Version(.max), expiresAt: 1, value: [1, 2, 3]),
    Record(version: Version(1 << 40), expiresAt: .max, value: Array(repeating: 0xff, count: 300)),
    Record(version: Version(7), value: nil),
    Record(version: Version(8), expiresAt: 9, value: nil),
  ]

  @Test("A record is read back as it was written", arguments: records)
  func roundTrip(record: Record) throws {
    #expect(try Record(encoded: record.encoded) == record)
  }

  @Test("A record cut short, of another format, or with unknown flags is refused")
  func malformedRecords() {
    let bytes = Record(version: Version(5), value: []).encoded
    for count in 0..<bytes.count { refuses(Array(bytes[..<count])) }
    for (index, byte) in [(0, 0), (0, 2), (1, 2), (1, 0x80)] as [(Int, UInt8)] {
      var changed = bytes
      changed[index] = byte
      refuses(changed)
    }
  }

  private func refuses(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
    #expect(sourceLocation: location) {
      _ = try Record(encoded: bytes)
    } throws: {
      ($0 as? ClusterError)?.code == .corruption
    }
  }

  @Test("A record lives until the millisecond at which it expires, and a tombstone never")
  func liveness() {
    let record = Record(version: Version(1), expiresAt: 100, value: [])
    #expect(record.isLive(at: 99))
    #expect(!record.isLive(at: 100))
    #expect(Record(version: Version(1), value: []).isLive(at: .max))
    #expect(!Record(version: Version(1), value: nil).isLive(at: 0))
  }

  @Test("A transfer chunk is read back as it was written")
  func chunkRoundTrip() throws {
    var chunk = TransferChunk.start()
    #expect(try TransferChunk.records(in: chunk).isEmpty)
    for (index, record) in Self.records.enumerated() {
      TransferChunk.append(
        key: Array(repeating: UInt8(index), count: 1 + 500 * index), record: record, to: &chunk)
    }
    let entries = try TransferChunk.records(in: chunk)
    #expect(entries.map(\.record) == Self.records)
    #expect(entries.map(\.key.count) == [1, 501, 1_001, 1_501, 2_001])
  }

  @Test("A transfer chunk cut short anywhere but between records is refused")
  func truncatedChunks() throws {
    var chunk = TransferChunk.start()
    var ends = [chunk.count]
    for record in Self.records.prefix(2) {
      TransferChunk.append(key: [0x6b], record: record, to: &chunk)
      ends.append(chunk.count)
    }
    for count in 0..<chunk.count where !ends.contains(count) {
      #expect(throws: ClusterError.self) {
        _ = try TransferChunk.records(in: Array(chunk[..<count]))
      }
    }
  }

  @Test(
    "A transfer chunk of another format, with an empty key or lengths beyond its end is refused",
    arguments: [
      [2], [1, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x6b],
      [1, 0xff, 0xff, 0, 0, 0, 18, 0x6b], [1, 0, 1, 0, 0, 0, 3, 0x6b, 1, 0, 0],
    ] as [[UInt8]])
  func malformedChunks(bytes: [UInt8]) {
    #expect(throws: ClusterError.self) { _ = try TransferChunk.records(in: bytes) }
  }
}
