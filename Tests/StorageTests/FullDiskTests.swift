import Foundation
import Testing

@testable import RocksDBStorage
@testable import Storage

@Suite(.serialized) struct FullDiskTests {
  @Test(.timeLimit(.minutes(1)))
  func `after a full disk the engine recovers once there is room, and lost nothing`() throws {
    guard let disk = try SmallFileSystem(megabytes: 48) else {
      print("skipped: mounting a tmpfs is not permitted here")
      return
    }
    // A memtable that is never flushed here: when a flush meets a disk without any room, RocksDB
    // ends the process if it was built with assertions, as Debian's was. The reserve that engines
    // keep otherwise is what prevents that.
    let options = RocksDBOptions(writeBufferByteCount: 64 << 20, reservedByteCount: 0)
    let ballast = disk.path + "/ballast"
    try Data(count: 30 << 20).write(to: URL(fileURLWithPath: ballast))
    let engine = try RocksDBEngine(path: disk.path + "/db", options: options)
    var generator = SystemRandomNumberGenerator()
    let value = (0..<50_000).map { _ in UInt8.random(in: 0...255, using: &generator) }

    // Fill the disk until a commit is refused.
    var acknowledged = 0
    let failure = #expect(throws: StorageError.self) {
      while acknowledged < 2_000 {
        try engine.commit(batch { $0.put(key(acknowledged), value) })
        acknowledged += 1
      }
    }
    #expect(failure?.code == .noSpace)
    #expect(failure?.isRetryable == true)
    let snapshot = try engine.makeSnapshot()
    // Still full, for what the database frees meanwhile is taken: refused again, and reads go on.
    for number in 5_000..<5_020 {
      disk.fill()
      #expect(throws: StorageError.self) {
        try engine.commit(batch { $0.put(key(number), value) })
      }
    }
    #expect(try engine.get(key(0)) == value)
    #expect(try snapshot.get(key(0)) == value)

    disk.removeFiller()
    try FileManager.default.removeItem(atPath: ballast)
    try engine.commit(batch { $0.put([9], [9]) })
    for number in 0..<acknowledged { #expect(try engine.get(key(number)) == value) }
    #expect(try engine.get([9]) == [9])
    // The database was reopened under the snapshot: it says so instead of showing newer data.
    let lost = #expect(throws: StorageError.self) { try snapshot.get(key(0)) }
    #expect(lost?.code == .snapshotLost)
    engine.close()
    let reopened = try RocksDBEngine(path: disk.path + "/db", options: options)
    for number in 0..<acknowledged { #expect(try reopened.get(key(number)) == value) }
    #expect(try reopened.get([9]) == [9])
    reopened.close()
  }

  @Test(.timeLimit(.minutes(1)))
  func `commits leave a reserve, so that a database opens and is read on a full disk`() throws {
    guard let disk = try SmallFileSystem(megabytes: 48) else {
      print("skipped: mounting a tmpfs is not permitted here")
      return
    }
    let options = RocksDBOptions(writeBufferByteCount: 256 << 10)
    let engine = try RocksDBEngine(path: disk.path + "/db", options: options)
    var generator = SystemRandomNumberGenerator()
    let value = (0..<50_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var acknowledged = 0
    let failure = #expect(throws: StorageError.self) {
      while acknowledged < 2_000 {
        try engine.commit(batch { $0.put(key(acknowledged), value) })
        acknowledged += 1
      }
    }
    #expect(failure?.code == .noSpace)
    #expect(FileSystem.freeByteCount(disk.path) > 2 << 20)
    engine.close()
    // Others take a part of the reserve as well.
    let ballast = FileSystem.freeByteCount(disk.path) - (2 << 20)
    try Data(count: Int(ballast)).write(to: URL(fileURLWithPath: disk.path + "/ballast"))
    let reopened = try RocksDBEngine(path: disk.path + "/db", options: options)
    for number in 0..<acknowledged { #expect(try reopened.get(key(number)) == value) }
    #expect(throws: StorageError.self) { try reopened.commit(batch { $0.put([9], [9]) }) }
    reopened.close()
  }

  @Test(.timeLimit(.minutes(1)))
  func `a database is not opened on a disk without any room, and is once there is some`() throws {
    guard let disk = try SmallFileSystem(megabytes: 48) else {
      print("skipped: mounting a tmpfs is not permitted here")
      return
    }
    let path = disk.path + "/db"
    let engine = try RocksDBEngine(path: path)
    let value = [UInt8](repeating: 7, count: 500_000)
    for number in 0..<8 { try engine.commit(batch { $0.put(key(number), value) }) }
    engine.close()
    let ballast = disk.path + "/ballast"
    let size = FileSystem.freeByteCount(disk.path) - (2 << 20)
    try Data(count: Int(size)).write(to: URL(fileURLWithPath: ballast))
    // There is more than the manifest takes, but less than the log holds.
    let failure = #expect(throws: StorageError.self) { try RocksDBEngine(path: path) }
    #expect(failure?.code == .noSpace)
    try FileManager.default.removeItem(atPath: ballast)
    let reopened = try RocksDBEngine(path: path)
    for number in 0..<8 { #expect(try reopened.get(key(number)) == value) }
    reopened.close()
  }
}
