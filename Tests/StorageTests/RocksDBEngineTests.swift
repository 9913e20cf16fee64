import Foundation
import Testing

@testable import RocksDBStorage
@testable import Storage

@Suite struct RocksDBEngineTests {
  private let directory: TemporaryDirectory
  private var path: String { directory.path + "/a/b" }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func code(_ body: () throws -> Void) -> StorageError.Code? {
    #expect(throws: StorageError.self, performing: body)?.code
  }

  @Test(arguments: Durability.allCases)
  func `what was committed is there after a reopening`(durability: Durability) throws {
    let options = RocksDBOptions(durability: durability, writeBufferByteCount: 256 << 10)
    let value = [UInt8](repeating: 3, count: 1_000)
    var engine = try RocksDBEngine(path: path, options: options)
    for number in 0..<1_000 { try engine.commit(batch { $0.put(key(number), value) }) }
    try engine.commit(batch { $0.deleteRange(from: key(0), upTo: key(10)) })
    engine.close()
    engine = try RocksDBEngine(path: path, options: options)
    #expect(try engine.all(limit: ScanLimit()).map(\.key) == (10..<1_000).map(key))
    engine.close()
  }

  @Test func `an fsynced commit is in the files before the call returns`() throws {
    let engine = try RocksDBEngine(path: path)
    let copy = directory.path + "/copy"
    for number in 0..<50 { try engine.commit(batch { $0.put(key(number), [1]) }) }
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    try engine.commit(batch { $0.put(key(50), [1]) })
    let copied = try RocksDBEngine(path: copy)
    #expect(try copied.all().map(\.key) == (0..<50).map(key))
    copied.close()
    engine.close()
  }

  @Test func `the figures tell of memory, files and the disk, and of the disk only once closed`()
    throws
  {
    let engine = try RocksDBEngine(path: path)
    for number in 0..<50 { try engine.commit(batch { $0.put(key(number), [1]) }) }
    let figures = engine.figures()
    let values = Dictionary(uniqueKeysWithValues: figures.map { ($0.name, $0.value) })
    // Besides the marker of the format; all properties are known to this RocksDB.
    #expect(values["estimated_keys"] == 51 && figures.count == 22)
    #expect(values["write_stopped"] == 0 && values["background_errors_total"] == 0)
    #expect(try #require(values["memtable_bytes"]) > 0)
    #expect(try #require(values["disk_free_bytes"]) > 0)
    engine.close()
    #expect(engine.figures().map(\.name).allSatisfy { $0.hasPrefix("disk_") })
  }

  @Test func `a directory that is held is refused as locked`() throws {
    let engine = try RocksDBEngine(path: path)
    #expect(code { _ = try RocksDBEngine(path: path) } == .locked)
    try engine.commit(batch { $0.put([1], [1]) })
    engine.close()
    try RocksDBEngine(path: path).close()
  }

  @Test func `a new directory is for its owner only`() throws {
    try RocksDBEngine(path: path).close()
    for path in [path, directory.path + "/a"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.posixPermissions] as? Int == 0o700)
    }
  }

  @Test func `data of a newer format is refused and left alone`() throws {
    let engine = try RocksDBEngine(path: path)
    try engine.commit(batch { $0.put([1], [1]) })
    engine.close()
    let database = try Database(path: path, options: RocksDBOptions())
    try FormatMarker.write(RocksDBEngine.formatVersion + 1, to: database)
    database.close()
    #expect(code { _ = try RocksDBEngine(path: path) } == .unsupportedFormat)
    // The refusal released the directory.
    #expect(code { _ = try RocksDBEngine(path: path) } == .unsupportedFormat)
  }

  @Test func `a database of another program is refused`() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let database = try Database(path: path, options: RocksDBOptions())
    let foreign = BatchHandle(batch { $0.put([1], [1]) })
    try database.write(foreign.raw, WriteOptionsHandle(durability: .fsync))
    database.close()
    #expect(code { _ = try RocksDBEngine(path: path) } == .corruption)
  }

  @Test func `the marker is out of reach of callers`() throws {
    let engine = try RocksDBEngine(path: path)
    #expect(try engine.all().isEmpty)
    try engine.commit(batch { $0.deleteRange(from: [], upTo: [255]) })
    #expect(code { try engine.commit(batch { $0.delete([]) }) } == .invalidArgument)
    engine.close()
    try RocksDBEngine(path: path).close()
  }

  /// The newest write-ahead log of a copy of the open database, with 100 acknowledged commits.
  private func copyWithLog() throws -> (copy: String, log: URL) {
    let engine = try RocksDBEngine(path: path)
    for number in 0..<100 {
      try engine.commit(batch { $0.put(key(number), [UInt8](repeating: 1, count: 100)) })
    }
    let copy = directory.path + "/copy"
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    engine.close()
    let names = try FileManager.default.contentsOfDirectory(atPath: copy)
    let name = try #require(names.filter { $0.hasSuffix(".log") }.max())
    return (copy, URL(fileURLWithPath: copy + "/" + name))
  }

  @Test func `a torn last record is dropped, as it was never acknowledged`() throws {
    let (copy, log) = try copyWithLog()
    var bytes = try Data(contentsOf: log)
    bytes.removeLast(30)
    try bytes.write(to: log)
    let engine = try RocksDBEngine(path: copy)
    #expect(try engine.all().map(\.key) == (0..<99).map(key))
    engine.close()
  }

  @Test func `damage in the middle of the log is an error, not a loss`() throws {
    let (copy, log) = try copyWithLog()
    var bytes = try Data(contentsOf: log)
    bytes[bytes.count / 2] ^= 0xff
    try bytes.write(to: log)
    #expect(code { _ = try RocksDBEngine(path: copy) } == .corruption)
  }

  @Test(arguments: ["", "\0"]) func `a path that names no directory is refused`(path: String) {
    #expect(code { _ = try RocksDBEngine(path: path) } == .invalidArgument)
  }

  @Test func `a path below a file is an error that names it`() throws {
    let file = directory.path + "/file"
    try Data().write(to: URL(fileURLWithPath: file))
    let error = #expect(throws: StorageError.self) { try RocksDBEngine(path: file + "/db") }
    #expect(error?.code == .ioError)
    #expect(error?.path?.contains("file/db") == true)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a close waits for the calls that run and ends their snapshots`() async throws {
    let engine = try RocksDBEngine(path: path, options: RocksDBOptions(durability: .os))
    try engine.commit(batch { for number in 0..<100 { $0.put(key(number), [1]) } })
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          // Ends when a call says closed: anything else fails, and a use after free crashes.
          while true {
            do {
              let snapshot = try engine.makeSnapshot()
              #expect(try snapshot.all(limit: ScanLimit()).count == 100)
              _ = try engine.get(key(5))
            } catch {
              #expect((error as? StorageError)?.code == .closed)
              return
            }
            await Task.yield()
          }
        }
      }
      group.addTask {
        for _ in 0..<200 { await Task.yield() }
        engine.close()
      }
    }
  }
}
