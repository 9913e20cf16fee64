import Foundation
import Testing

@testable import RocksDBStorage
@testable import Storage

@Suite struct CheckpointTests {
  private func engine(_ folder: TemporaryDirectory) throws -> RocksDBEngine {
    try RocksDBEngine(path: folder.path + "/store")
  }

  @Test("A checkpoint has what was committed before, and nothing of what comes after")
  func moment() throws {
    let folder = try TemporaryDirectory()
    let engine = try engine(folder)
    for number in 0..<1_000 { try engine.commit(batch { $0.put(key(number), [1, 2, 3]) }) }
    let path = folder.path + "/aside"
    try engine.makeCheckpoint(at: path)
    try engine.commit(
      batch {
        $0.deleteRange(from: key(0), upTo: key(500))
        $0.put(key(5_000), [9])
      })
    let archive = try RocksDBArchive(path: path)
    #expect(try archive.all().map(\.key) == (0..<1_000).map(key))
    #expect(try archive.get(key(3)) == [1, 2, 3])
    #expect(try archive.get(key(5_000)) == nil)
    engine.close()
    #expect(try archive.all().count == 1_000, "it needs the engine no more")
  }

  @Test("A checkpoint under writers is a moment of all of them: of two keys that are always equal")
  func underWriters() throws {
    let folder = try TemporaryDirectory()
    let engine = try engine(folder)
    let done = Monitor(false)
    let writer = Thread {
      var number: UInt8 = 0
      while !done.withLock({ $0 }) {
        number &+= 1
        try? engine.commit(
          batch {
            $0.put([1], [number])
            $0.put([2], [number])
          })
      }
    }
    writer.start()
    for number in 0..<5 {
      let path = folder.path + "/aside-\(number)"
      try engine.makeCheckpoint(at: path)
      let archive = try RocksDBArchive(path: path)
      #expect(try archive.get([1]) == archive.get([2]))
    }
    done.withLock { $0 = true }
    while !writer.isFinished { usleep(1_000) }
  }

  @Test("Table files of a checkpoint are those of the next one, as long as nothing merged them")
  func sharedTables() throws {
    let folder = try TemporaryDirectory()
    let engine = try engine(folder)
    try engine.commit(batch { $0.put(key(1), [1]) })
    try engine.makeCheckpoint(at: folder.path + "/first")
    try engine.commit(batch { $0.put(key(2), [2]) })
    try engine.makeCheckpoint(at: folder.path + "/second")
    let tables = try ["first", "second"].map { name in
      try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + name)
        .filter { $0.hasSuffix(".sst") }
    }
    #expect(Set(tables[0]).isSubset(of: tables[1]))
    #expect(tables[1].count == tables[0].count + 1)
  }

  @Test("No data is set aside on a disk that is full, and the engine goes on reading")
  func fullDisk() throws {
    guard let disk = try SmallFileSystem(megabytes: 32) else { return }
    let engine = try RocksDBEngine(
      path: disk.path + "/store", options: RocksDBOptions(writeBufferByteCount: 1 << 20))
    try engine.commit(batch { $0.put(key(1), [1]) })
    disk.fill()
    #expect(throws: StorageError.self) { try engine.makeCheckpoint(at: disk.path + "/aside") }
    #expect(try engine.get(key(1)) == [1])
    disk.removeFiller()
    try engine.commit(batch { $0.put(key(2), [2]) })
    try engine.makeCheckpoint(at: disk.path + "/aside")
    #expect(try RocksDBArchive(path: disk.path + "/aside").get(key(2)) == [2])
  }

  @Test("What is no database, or is one of another program, is refused")
  func strangers() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: StorageError.self) { try RocksDBArchive(path: folder.path) }
    let engine = try engine(folder)
    try engine.commit(batch { $0.put(key(1), [1]) })
    let path = folder.path + "/aside"
    try engine.makeCheckpoint(at: path)
    for name in try FileManager.default.contentsOfDirectory(atPath: path)
    where name.hasSuffix(".sst") {
      try Data("no table".utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }
    #expect(throws: StorageError.self) { try RocksDBArchive(path: path).all() }
  }
}
