import Testing

@testable import Cluster

@Suite("What a node keeps in memory")
struct RecordCacheTests {
  /// Small hashes, so that keys collide and probe sequences are long.
  private func hashed<Result>(_ key: [UInt8], _ body: (HashedKey) -> Result) -> Result {
    let sum = key.reduce(UInt64(0)) { $0 &+ UInt64($1) }
    return key.withUnsafeBytes { body(HashedKey($0, hash: sum % 23 | (sum % 5) << 40)) }
  }

  @Test(
    "A cache finds what was put last or nothing, whatever is put, replaced, removed and evicted",
    arguments: [0, 64, 1_600, 16_384, 1 << 20], [1, 2, 3])
  func model(limit: Int, seed: UInt64) {
    var random = Random(seed: seed)
    var cache = RecordCache(limit: limit)
    var model: [[UInt8]: [UInt8]] = [:]
    var hits = 0
    for _ in 0..<20_000 {
      let key = Array("k\(random.below(150))".utf8)
      switch random.below(10) {
      case 0..<4:
        let size = random.below(8) == 0 ? random.below(400) : 20 + random.below(4)
        let record = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        record.withUnsafeBytes { record in hashed(key) { cache.put($0, record) } }
        model[key] = record
      case 4:
        hashed(key) { cache.remove($0) }
        model[key] = nil
      case 5 where random.below(500) == 0:
        cache.removeAll()
      default:
        let found = hashed(key) { cache.find($0) { Array($0) } }
        guard let found else { continue }
        hits += 1
        #expect(found == model[key])
      }
    }
    #expect(limit < 1_000 || hits > 1_000)
  }

  @Test("A cache with room for everything forgets nothing")
  func keepsAll() {
    var cache = RecordCache(limit: 1 << 22)
    for number in 0..<10_000 {
      let key = Array("key \(number)".utf8)
      key.withUnsafeBytes { cache.put(HashedKey($0, hash: UInt64(number) &* 0x9e37_79b9), $0) }
    }
    for number in 0..<10_000 {
      let key = Array("key \(number)".utf8)
      let found = key.withUnsafeBytes {
        cache.find(HashedKey($0, hash: UInt64(number) &* 0x9e37_79b9)) { Array($0) }
      }
      #expect(found == key)
    }
  }

  @Test("What is read again and again outlives what is written once")
  func keepsHot() {
    var cache = RecordCache(limit: 1 << 16)
    let record = [UInt8](repeating: 7, count: 100)
    func put(_ name: String) {
      let key = Array(name.utf8)
      let hash = key.reduce(UInt64(17)) { $0 &* 0x100_0000_01b3 ^ UInt64($1) }
      key.withUnsafeBytes { key in
        record.withUnsafeBytes { cache.put(HashedKey(key, hash: hash), $0) }
      }
    }
    func isThere(_ name: String) -> Bool {
      let key = Array(name.utf8)
      let hash = key.reduce(UInt64(17)) { $0 &* 0x100_0000_01b3 ^ UInt64($1) }
      return key.withUnsafeBytes { cache.find(HashedKey($0, hash: hash)) { _ in true } } ?? false
    }
    put("hot")
    put("cold")
    for number in 0..<5_000 {
      put("other \(number)")
      if number % 10 == 0 { #expect(isThere("hot")) }
    }
    #expect(!isThere("cold"))
  }

  @Test("Pending writes are those of a dictionary", arguments: [1, 2, 3])
  func pending(seed: UInt64) {
    var random = Random(seed: seed)
    var table = PendingWrites()
    var model: [Int: PendingWrites.Write] = [:]
    var sequence: UInt64 = 0
    for _ in 0..<20_000 {
      let key = random.below(100)
      // The key's place stands for its bytes.
      let isKey = { (write: PendingWrites.Write) in write.key.count == key }
      let hash = UInt64(key % 13)
      let found = table.find(hash, isKey)
      #expect(found?.sequence == model[key]?.sequence)
      if random.below(3) > 0 {
        sequence += 1
        let start = Int(sequence) * 200
        let write = PendingWrites.Write(
          hash: hash, sequence: sequence, key: start..<start + key, record: 0..<0)
        if let found { table.replace(found, with: write) } else { table.insert(write) }
        model[key] = write
      } else if let found {
        table.remove(found)
        model[key] = nil
      }
      #expect(table.count == model.count)
    }
  }
}

/// SplitMix64, so that a failure can be repeated.
private struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
