import Foundation
import Testing

@testable import Placement

struct HashRingTests {
  private func id(_ name: String) -> MemberID { MemberID(bytes: Array(name.utf8)) }

  private func ring(_ names: String...) throws -> HashRing {
    var ring = try HashRing(hashKey: HashKey(1, 2, 3, 4), capacity: 8)
    for name in names { ring = try ring.joining(id(name), epoch: ring.epoch + 1) }
    return ring
  }

  private func code(_ body: () throws -> Void) -> PlacementError.Code? {
    #expect(throws: PlacementError.self, performing: body)?.code
  }

  struct PlacementFile: Decodable {
    struct Operation: Decodable {
      let op: String
      let id: String
      let ok: Bool
      let bucket: Int?
      let N: Int
    }
    struct Checkpoint: Decodable {
      let after_ops: Int
      let native64: [Int]
    }
    struct Scenario: Decodable {
      let name: String
      let initial: [String]
      let ids: [String]
      let ops: [Operation]
      let checkpoints: [Checkpoint]
      let final_resources: [String: String]
    }
    let capacity: Int
    let keys: [String]
    let scenarios: [Scenario]
  }

  @Test func `the reference variant places every key as the original program does`() throws {
    let file = try vectors("placement", as: PlacementFile.self)
    #expect(file.scenarios.count == 8)
    for scenario in file.scenarios {
      var ring = try HashRing(
        hashKey: .zero, capacity: file.capacity, variant: .reference)
      for name in scenario.initial { ring = try ring.joining(id(name), epoch: ring.epoch + 1) }
      try check(ring, scenario, after: 0, file.keys)
      for (index, operation) in scenario.ops.enumerated() {
        do {
          ring =
            try operation.op == "add"
            ? ring.joining(id(operation.id), epoch: ring.epoch + 1)
            : ring.leaving(id(operation.id), epoch: ring.epoch + 1)
          #expect(operation.ok)
        } catch { #expect(!operation.ok) }
        #expect(ring.members.count == operation.N, "\(scenario.name) \(index)")
        if operation.op == "add", let bucket = operation.bucket {
          #expect(ring.slots[bucket] == id(operation.id))
        }
        try check(ring, scenario, after: index + 1, file.keys)
      }
      for (bucket, name) in scenario.final_resources {
        #expect(ring.slots[try #require(Int(bucket))] == id(name))
      }
    }
  }

  private func check(
    _ ring: HashRing, _ scenario: PlacementFile.Scenario, after count: Int, _ keys: [String]
  ) throws {
    for checkpoint in scenario.checkpoints where checkpoint.after_ops == count {
      #expect(checkpoint.native64.count == keys.count)
      for (key, owner) in zip(keys, checkpoint.native64) {
        let expected = owner < 0 ? nil : id(scenario.ids[owner])
        #expect(ring.owner(of: Array(key.utf8)) == expected, "\(scenario.name) \(count) \(key)")
      }
    }
  }

  @Test func `an empty ring owns nothing`() throws {
    let ring = try ring()
    #expect(ring.epoch == 0)
    #expect(ring.ownerIndex(of: [1]) == nil)
    #expect(ring.owner(of: [1]) == nil)
    #expect(ring.members.isEmpty)
  }

  @Test func `members stand in the order of their joins`() throws {
    var ring = try ring("a", "b", "c")
    ring = try ring.leaving(id("a"), epoch: 9)
    ring = try ring.joining(id("d"), epoch: 12)
    ring = try ring.joining(id("a"), epoch: 13)
    #expect(ring.members == ["b", "c", "d", "a"].map(id))
    #expect(ring.slots == ["d", "b", "c", "a"].map(id))
    #expect(["b", "d", "a", "e"].map { ring.index(of: id($0)) } == [1, 0, 3, nil])
    #expect(ring.contains(id("a")) && !ring.contains(id("e")))
    #expect(ring.epoch == 13)
    let index = try #require(ring.ownerIndex(of: [1, 2, 3]))
    #expect(ring.slots[index] == ring.owner(of: [1, 2, 3]))
  }

  @Test func `changes that make no sense are refused and leave the ring`() throws {
    let ring = try ring("a", "b")
    #expect(code { _ = try ring.joining(id("c"), epoch: 2) } == .staleEpoch)
    #expect(code { _ = try ring.joining(id("a"), epoch: 3) } == .alreadyMember)
    #expect(code { _ = try ring.leaving(id("c"), epoch: 3) } == .notMember)
    #expect(code { _ = try ring.joining(id(""), epoch: 3) } == .invalidMember)
    let long = String(repeating: "x", count: MemberID.maximumByteCount + 1)
    #expect(code { _ = try ring.joining(id(long), epoch: 3) } == .invalidMember)
    #expect(ring.members == ["a", "b"].map(id))
  }

  @Test func `Defect 7 of the original: a full ring refuses until a member leaves`() throws {
    var ring = try ring("a", "b", "c", "d", "e", "f", "g", "h")
    #expect(code { _ = try ring.joining(id("i"), epoch: 99) } == .ringFull)
    ring = try ring.leaving(id("b"), epoch: 99)
    ring = try ring.joining(id("i"), epoch: 100)
    #expect(ring.slots[1] == id("i"))
  }

  @Test
  func `Defect 5 of the original: nodes agree on the order of changes, and so on every owner`()
    throws
  {
    let ring = try ring("a", "b", "c").leaving(id("b"), epoch: 10).joining(id("d"), epoch: 11)
    let replayed = try HashRing(
      hashKey: ring.hashKey, capacity: 8, epoch: 11, log: ring.log)
    #expect(replayed == ring)
    #expect(replayed.digest == ring.digest)
    #expect(replayed.slots == ring.slots && replayed.members == ring.members)
    for number in UInt8.min...UInt8.max {
      #expect(replayed.owner(of: [number]) == ring.owner(of: [number]))
    }
  }

  @Test func `a log that makes no sense is refused at its operation`() throws {
    let error = #expect(throws: PlacementError.self) {
      try HashRing(
        hashKey: .zero, capacity: 8, epoch: 5, log: [.join(id("a")), .leave(id("b"))])
    }
    #expect(error?.code == .notMember)
    #expect(error?.logIndex == 1)
    #expect(
      code {
        _ = try HashRing(hashKey: .zero, capacity: 8, epoch: 0, log: [.join(id("a"))])
      } == .staleEpoch)
  }

  @Test func `a log has a bound`() throws {
    var log: [HashRing.Operation] = []
    while log.count < HashRing.maximumLogLength { log += [.join(id("a")), .leave(id("a"))] }
    let ring = try HashRing(hashKey: .zero, capacity: 2, epoch: 1, log: log)
    #expect(code { _ = try ring.joining(id("a"), epoch: 2) } == .logFull)
  }

  @Test func `the digest tells every difference`() throws {
    let log: [HashRing.Operation] = [.join(id("a")), .join(id("b"))]
    func digest(
      _ key: HashKey = .zero, capacity: Int = 8, epoch: UInt64 = 2,
      log: [HashRing.Operation], _ variant: AnchorHash.Variant = .production
    ) throws -> UInt64 {
      try HashRing(hashKey: key, capacity: capacity, epoch: epoch, log: log, variant: variant)
        .digest
    }
    let digests = try [
      digest(log: log), digest(HashKey(0, 0, 0, 1), log: log), digest(capacity: 9, log: log),
      digest(epoch: 3, log: log), digest(log: log.reversed()), digest(log: [log[0]]),
      digest(log: [.join(id("ab"))]), digest(log: log + [.leave(id("a"))]),
      digest(log: log, .reference),
    ]
    #expect(Set(digests).count == digests.count)
    #expect(try digest(log: log) == digests[0])
  }

  @Test func `no key moves between two members that both stay`() throws {
    var generator = SeededGenerator(seed: 3)
    var ring = try HashRing(hashKey: HashKey(9, 8, 7, 6), capacity: 16)
    let keys = (0..<300).map { Array("key \($0)".utf8) }
    var owners = keys.map { ring.owner(of: $0) }
    for epoch in 1...200 {
      let member = id("node \(Int.random(in: 0..<16, using: &generator))")
      ring =
        try ring.contains(member)
        ? ring.leaving(member, epoch: UInt64(epoch))
        : ring.joining(member, epoch: UInt64(epoch))
      let moved = keys.map { ring.owner(of: $0) }
      for (before, after) in zip(owners, moved) where before != after {
        #expect(before == member || after == member)
      }
      owners = moved
    }
  }
}
