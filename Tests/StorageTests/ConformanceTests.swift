import Foundation
import Testing

@testable import RocksDBStorage
@testable import Storage

/// What every engine must do; each test runs on each engine.
enum EngineKind: CaseIterable, Sendable {
  case memory, rocksDB

  func make(in directory: TemporaryDirectory) throws -> any StorageEngine {
    switch self {
    case .memory: MemoryEngine()
    // A small memtable, so that the larger tests reach table files.
    case .rocksDB:
      try RocksDBEngine(
        path: directory.path + "/db",
        options: RocksDBOptions(durability: .os, writeBufferByteCount: 256 << 10))
    }
  }
}

@Suite struct ConformanceTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func code(_ body: () throws -> Void) -> StorageError.Code? {
    #expect(throws: StorageError.self, performing: body)?.code
  }

  @Test(arguments: EngineKind.allCases)
  func `what was put is got, replaced and deleted`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    #expect(try engine.get([1]) == nil)
    try engine.commit(batch { $0.put([1], [10]) })
    #expect(try engine.get([1]) == [10])
    try engine.commit(batch { $0.put([1], []) })
    #expect(try engine.get([1]) == [])
    try engine.commit(
      batch {
        $0.delete([1])
        $0.delete([2])
      })
    #expect(try engine.get([1]) == nil)
    #expect(try engine.get([]) == nil)
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a later mutation of a batch wins over an earlier one`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    try engine.commit(
      batch {
        $0.put([1], [1])
        $0.put([2], [2])
        $0.deleteRange(from: [1], upTo: [2])
        $0.put([3], [3])
        $0.delete([3])
        $0.put([3], [4])
      })
    #expect(try engine.all().map(\.key) == [[2], [3]])
    #expect(try engine.get([3]) == [4])
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a refused batch changes nothing`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    try engine.commit(batch { $0.put([1], [1]) })
    #expect(
      code {
        try engine.commit(
          batch {
            $0.put([1], [2])
            $0.put([], [3])
          })
      } == .invalidArgument)
    #expect(try engine.all() == [ScanEntry(key: [1], value: [1])])
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a scan is ordered bytewise, whatever the order of insertion`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    let keys: [[UInt8]] = [[0], [0, 0], [0, 255], [1], [127, 1], [128], [255], [255, 255, 0]]
    for key in keys.reversed() { try engine.commit(batch { $0.put(key, key) }) }
    #expect(try engine.all().map(\.key) == keys)
    #expect(try engine.all(from: [0, 1]).map(\.key) == Array(keys[2...]))
    #expect(try engine.all(from: [0, 0], upTo: [128]).map(\.key) == Array(keys[1..<5]))
    #expect(try engine.all(upTo: [0]).isEmpty)
    #expect(try engine.all(upTo: []).isEmpty)
    #expect(try engine.all(from: [2], upTo: [1]).isEmpty)
    #expect(try engine.all(from: [255, 255, 1]).isEmpty)
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `pages keep to their limits and miss nothing`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    let count = 3_000
    for start in stride(from: 0, to: count, by: 500) {
      try engine.commit(
        batch { for number in start..<(start + 500) { $0.put(key(number), key(number)) } })
    }
    for limit in [
      ScanLimit(count: 1), ScanLimit(count: 999), ScanLimit(count: 3_000),
      ScanLimit(count: 5_000, bytes: 100), ScanLimit(count: 5_000, bytes: 1),
    ] {
      let first = try engine.scan(from: [], upTo: nil, limit: limit)
      let expected = min(limit.count, max(1, limit.bytes / 8), count)
      #expect(first.entries.count == expected)
      #expect(first.next == (expected < count ? key(expected) : nil))
      let all = try engine.all(limit: limit)
      #expect(all.map(\.key) == (0..<count).map(key))
    }
    // A page that ends with the range has no next page.
    let page = try engine.scan(from: [], upTo: key(10), limit: ScanLimit(count: 10))
    #expect(page.entries.count == 10 && page.next == nil)
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a deleted range is gone up to its end, and nothing else`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    let count = 4_000
    try engine.commit(batch { for number in 0..<count { $0.put(key(number), [1]) } })
    try engine.commit(batch { $0.deleteRange(from: key(100), upTo: key(3_900)) })
    #expect(try engine.all().map(\.key) == (Array(0..<100) + Array(3_900..<count)).map(key))
    try engine.commit(batch { $0.deleteRange(from: key(50), upTo: key(60)) })
    #expect(try engine.get(key(50)) == nil)
    #expect(try engine.get(key(60)) == [1])
    try engine.commit(batch { $0.deleteRange(from: [], upTo: [255]) })
    #expect(try engine.all().isEmpty)
    try engine.commit(batch { $0.put(key(5), [2]) })
    #expect(try engine.all().map(\.key) == [key(5)])
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a value of 1 MiB and a key of the longest length survive`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    let value = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let longest = [UInt8](repeating: 7, count: StorageLimits.maximumKeyByteCount)
    try engine.commit(
      batch {
        $0.put([1], value)
        $0.put(longest, value)
      })
    #expect(try engine.get([1]) == value)
    #expect(try engine.get(longest) == value)
    #expect(engine.approximateByteCount > 1 << 20)
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `random mutations leave what a dictionary would hold`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    var generator = SeededGenerator(seed: 42)
    var model: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<300 {
      var writes = WriteBatch()
      for _ in 0..<40 {
        let number = Int.random(in: 0..<2_000, using: &generator)
        switch Int.random(in: 0..<20, using: &generator) {
        case 0:
          let end = number + Int.random(in: 0..<80, using: &generator)
          writes.deleteRange(from: key(number), upTo: key(end))
          for number in number..<end { model[key(number)] = nil }
        case 1...5:
          writes.delete(key(number))
          model[key(number)] = nil
        default:
          let value = key(Int.random(in: 0..<1_000_000, using: &generator))
          writes.put(key(number), value)
          model[key(number)] = value
        }
      }
      try engine.commit(writes)
    }
    let expected = model.map { ScanEntry(key: $0, value: $1) }
      .sorted { ByteOrder.precedes($0.key, $1.key) }
    #expect(try engine.all(limit: ScanLimit(count: 100)) == expected)
    for number in 0..<2_000 { #expect(try engine.get(key(number)) == model[key(number)]) }
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `a snapshot shows one instant while commits go on`(kind: EngineKind) async throws {
    let engine = try kind.make(in: directory)
    let count = 500
    func fill(_ round: Int) throws {
      try engine.commit(batch { for number in 0..<count { $0.put(key(number), key(round)) } })
    }
    try fill(0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { for round in 1...150 { try fill(round) } }
      group.addTask {
        for _ in 0..<100 {
          let snapshot = try engine.makeSnapshot()
          let entries = try snapshot.all(limit: ScanLimit(count: 37))
          #expect(entries.count == count)
          // Each commit writes every key, so a mixture would be a torn view.
          #expect(Set(entries.map(\.value)).count == 1)
          #expect(try snapshot.get(key(count - 1)) == entries[0].value)
        }
      }
      try await group.waitForAll()
    }
    let old = try engine.makeSnapshot()
    try engine.commit(batch { $0.deleteRange(from: [0], upTo: [255]) })
    #expect(try old.all(limit: ScanLimit()).count == count)
    #expect(try engine.all().isEmpty)
    engine.close()
  }

  @Test(arguments: EngineKind.allCases)
  func `after a close every call says closed`(kind: EngineKind) throws {
    let engine = try kind.make(in: directory)
    try engine.commit(batch { $0.put([1], [1]) })
    let snapshot = try engine.makeSnapshot()
    engine.close()
    engine.close()
    #expect(code { _ = try engine.get([1]) } == .closed)
    #expect(code { try engine.commit(batch { $0.put([1], [1]) }) } == .closed)
    #expect(code { _ = try engine.scan(from: [], upTo: nil, limit: ScanLimit()) } == .closed)
    #expect(code { _ = try engine.makeSnapshot() } == .closed)
    #expect(code { _ = try snapshot.get([1]) } == .closed)
    #expect(code { _ = try snapshot.scan(from: [], upTo: nil, limit: ScanLimit()) } == .closed)
    #expect(engine.approximateByteCount == 0)
  }
}

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
