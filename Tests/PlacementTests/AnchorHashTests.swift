import Testing

@testable import Placement

struct AnchorHashTests {
  @Test(arguments: [0, -1, AnchorHash.maximumCapacity + 1])
  func `a capacity out of range is refused`(capacity: Int) {
    let error = #expect(throws: PlacementError.self) {
      try AnchorHash(capacity: capacity, variant: .production)
    }
    #expect(error?.code == .invalidCapacity)
  }

  @Test func `adding ends at the capacity and removing at the members`() throws {
    var anchor = try AnchorHash(capacity: 3, variant: .production)
    #expect(anchor.lookup(1) == nil)
    #expect(anchor.isWorking(0) == false)
    let added = (0..<4).map { _ in anchor.add() }
    #expect(added == [0, 1, 2, nil])
    let removed = [1, 1, 3, -1, .max].map { anchor.remove($0) }
    #expect(removed == [true, false, false, false, false])
    #expect(anchor.count == 2)
    anchor.remove(0)
    anchor.remove(2)
    #expect(anchor.lookup(1) == nil)
    let again = anchor.add()
    #expect(again == 2)
    #expect(anchor.lookup(1) == 2)
  }

  @Test
  func `Defect 6 of the original: at ten nodes and a million keys none exceeds 1.01 of the mean`()
    throws
  {
    var anchor = try AnchorHash(capacity: 1_000, variant: .production)
    for _ in 0..<10 { _ = anchor.add() }
    #expect(try spread(anchor, key: HashKey(1, 2, 3, 4)) <= 1.01)
    // After departures too: buckets that were removed in turn share out their keys evenly.
    for _ in 10..<20 { _ = anchor.add() }
    for bucket in stride(from: 0, to: 20, by: 2) { anchor.remove(bucket) }
    #expect(try spread(anchor, key: HashKey(1, 2, 3, 4)) <= 1.01)
  }

  /// The largest load over the mean.
  private func spread(_ anchor: AnchorHash, key: HashKey) throws -> Double {
    var loads = [Int](repeating: 0, count: anchor.capacity)
    let count = 1_000_000
    for number in 0..<count {
      let hash = withUnsafeBytes(of: UInt64(number).littleEndian) {
        HighwayHash.hash($0, key: key)
      }
      loads[try #require(anchor.lookup(hash))] += 1
    }
    return Double(loads.max() ?? 0) * Double(anchor.count) / Double(count)
  }

  @Test(arguments: [AnchorHash.Variant.production, .reference], [2, 17, 64])
  func `no key moves between two buckets that both stay`(
    variant: AnchorHash.Variant, capacity: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(capacity))
    var anchor = try AnchorHash(capacity: capacity, variant: variant)
    let keys = (0..<500).map { _ in generator.next() as UInt64 }
    var owners = keys.map { anchor.lookup($0) }
    var working: [Int] = []
    for _ in 0..<300 {
      let grows = Bool.random(using: &generator)
      var added: Int?
      var removed: Int?
      if grows, let bucket = anchor.add() {
        added = bucket
        working.append(bucket)
      } else if let index = working.indices.randomElement(using: &generator) {
        removed = working.remove(at: index)
        anchor.remove(removed ?? -1)
      }
      #expect(anchor.count == working.count)
      #expect(Set(working) == Set((0..<capacity).filter(anchor.isWorking)))
      let moved = keys.map { anchor.lookup($0) }
      for (before, after) in zip(owners, moved) where before != after {
        #expect(before == removed || after == added)
      }
      let isEmpty = working.isEmpty
      #expect(moved.allSatisfy { $0.map(anchor.isWorking) ?? isEmpty })
      owners = moved
    }
  }

  @Test func `every key finds its bucket when one of the largest capacity is left`() throws {
    var anchor = try AnchorHash(capacity: AnchorHash.maximumCapacity, variant: .production)
    while anchor.add() != nil {}
    for bucket in 1..<AnchorHash.maximumCapacity { anchor.remove(bucket) }
    for key: UInt64 in [0, 1, .max, 0x8000_0000_0000_0000, 12_345] {
      #expect(anchor.lookup(key) == 0)
    }
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
