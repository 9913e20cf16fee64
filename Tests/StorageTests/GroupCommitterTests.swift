import Foundation
import Synchronization
import Testing

@testable import RocksDBStorage
@testable import Storage

/// Wraps an engine: holds commits at a gate, and fails them on demand.
private final class FaultyEngine: StorageEngine {
  private struct State {
    var isHeld = false
    var waiting = 0
    var failures = 0
    var batches: [Int] = []
  }

  let base: any StorageEngine
  private let gate = Monitor(State())

  init(_ base: any StorageEngine = MemoryEngine()) { self.base = base }

  /// Operations in each commit that went through.
  var committedCounts: [Int] { gate.withLock { $0.batches } }

  func hold() { gate.withLock { $0.isHeld = true } }
  func waitUntilHolding() { gate.waitUntil { $0.waiting > 0 ? () : nil } }
  func failNext(_ count: Int = 1) { gate.withLock { $0.failures = count } }
  func letGo() {
    gate.withLock { $0.isHeld = false }
    gate.signal()
  }

  func commit(_ batch: WriteBatch) throws(StorageError) {
    gate.withLock { $0.waiting += 1 }
    gate.signal()
    gate.waitUntil { $0.isHeld ? nil : () }
    let fails = gate.withLock { state in
      state.waiting -= 1
      guard state.failures > 0 else { return false }
      state.failures -= 1
      return true
    }
    if fails { throw StorageError(.noSpace, "made to fail") }
    try base.commit(batch)
    gate.withLock { $0.batches.append(batch.count) }
  }

  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? { try base.get(key) }
  func scan(
    from: [UInt8], upTo: [UInt8]?, limit: ScanLimit
  ) throws(StorageError) -> ScanPage {
    try base.scan(from: from, upTo: upTo, limit: limit)
  }
  func makeSnapshot() throws(StorageError) -> any StorageSnapshot { try base.makeSnapshot() }
  var approximateByteCount: UInt64 { base.approximateByteCount }
  func close() { base.close() }
}

private final class Outcomes: Sendable {
  private let list = Monitor<[CommitOutcome]>([])

  var all: [CommitOutcome] { list.withLock { $0 } }

  func add(_ outcome: CommitOutcome) {
    list.withLock { $0.append(outcome) }
    list.signal()
  }

  func wait(for count: Int) { list.waitUntil { $0.count >= count ? () : nil } }

  var ranges: [ClosedRange<UInt64>] { all.map(\.sequences) }
  var codes: [StorageError.Code?] {
    all.map { outcome in
      guard case .failure(let error) = outcome.result else { return nil }
      return error.code
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct GroupCommitterTests {
  private let engine = FaultyEngine()
  private let outcomes = Outcomes()

  private func committer(
    limits: GroupCommitter.Limits = .init()
  ) throws -> GroupCommitter {
    let outcomes = outcomes
    return try GroupCommitter(engine: engine, limits: limits) { outcomes.add($0) }
  }

  private func put(_ number: Int) -> WriteBatch { batch { $0.put(key(number), key(number)) } }

  private func code(_ body: () throws -> Void) -> StorageError.Code? {
    #expect(throws: StorageError.self, performing: body)?.code
  }

  @Test func `what waits while a commit runs goes into one commit, in order`() throws {
    let committer = try committer()
    engine.hold()
    try committer.submit(put(1), sequence: 1)
    engine.waitUntilHolding()
    for number in 2...100 {
      try committer.submit(
        batch { $0.put([0], key(number)) }, sequence: UInt64(number) * 10)
    }
    #expect(committer.pendingCount == 100)
    engine.letGo()
    committer.close()
    #expect(outcomes.ranges == [1...1, 20...1_000])
    #expect(outcomes.codes == [nil, nil])
    #expect(engine.committedCounts == [1, 99])
    #expect(try engine.get([0]) == key(100))
    #expect(committer.pendingCount == 0)
  }

  @Test func `a failure takes what waits behind it along, and nothing commits until resume`()
    throws
  {
    let committer = try committer()
    engine.hold()
    engine.failNext()
    try committer.submit(put(1), sequence: 1)
    engine.waitUntilHolding()
    try committer.submit(put(2), sequence: 2)
    try committer.submit(put(3), sequence: 3)
    engine.letGo()
    outcomes.wait(for: 1)
    #expect(outcomes.ranges == [1...3])
    #expect(outcomes.codes == [.noSpace])
    #expect(code { try committer.submit(put(4), sequence: 4) } == .suspended)
    #expect(engine.committedCounts.isEmpty)

    committer.resume()
    try committer.submit(put(5), sequence: 5)
    committer.close()
    #expect(outcomes.ranges == [1...3, 5...5])
    #expect(outcomes.codes == [.noSpace, nil])
    #expect(try engine.base.all().map(\.key) == [key(5)])
  }

  @Test func `a full queue refuses, and takes again when it has drained`() throws {
    let committer = try committer(limits: .init(queuedByteCount: 1_000, queuedCount: 3))
    engine.hold()
    let large = batch { $0.put([1], [UInt8](repeating: 0, count: 5_000)) }
    try committer.submit(large, sequence: 1)
    engine.waitUntilHolding()
    #expect(code { try committer.submit(put(2), sequence: 2) } == .overloaded)
    engine.letGo()
    outcomes.wait(for: 1)

    engine.hold()
    try committer.submit(put(3), sequence: 3)
    engine.waitUntilHolding()
    try committer.submit(put(4), sequence: 4)
    try committer.submit(put(5), sequence: 5)
    #expect(code { try committer.submit(put(6), sequence: 6) } == .overloaded)
    engine.letGo()
    committer.close()
    #expect(outcomes.ranges == [1...1, 3...3, 4...5])
  }

  @Test func `a refused submission does not use up its sequence`() throws {
    let committer = try committer()
    #expect(
      code { try committer.submit(batch { $0.put([], []) }, sequence: 5) } == .invalidArgument)
    try committer.submit(put(1), sequence: 5)
    #expect(code { try committer.submit(put(2), sequence: 5) } == .invalidArgument)
    #expect(code { try committer.submit(put(2), sequence: 4) } == .invalidArgument)
    committer.close()
    #expect(outcomes.ranges == [5...5])
    #expect(code { try committer.submit(put(3), sequence: 6) } == .closed)
    committer.close()
  }

  @Test func `an outcome's callback may submit, resume and close`() throws {
    let box = Mutex<GroupCommitter?>(nil)
    let finished = Monitor(false)
    let outcomes = outcomes
    engine.failNext(1)
    let engine = engine
    let committer = try GroupCommitter(engine: engine) { outcome in
      outcomes.add(outcome)
      guard let committer = box.withLock({ $0 }) else { return }
      let next = outcome.sequences.upperBound + 1
      if next <= 20 {
        committer.resume()
        try? committer.submit(batch { $0.put([1], key(Int(next))) }, sequence: next)
      } else {
        committer.close()
        box.withLock { $0 = nil }
        finished.withLock { $0 = true }
        finished.signal()
      }
    }
    box.withLock { $0 = committer }
    try committer.submit(put(1), sequence: 1)
    finished.waitUntil { $0 ? () : nil }
    #expect(outcomes.ranges == (1...20).map { UInt64($0)...UInt64($0) })
    #expect(outcomes.codes == [.noSpace] + [StorageError.Code?](repeating: nil, count: 19))
    #expect(try engine.get([1]) == key(20))
  }

  @Test func `a committer that is dropped commits what it took`() throws {
    engine.hold()
    do {
      let committer = try committer()
      try committer.submit(put(1), sequence: 1)
      engine.waitUntilHolding()
      try committer.submit(put(2), sequence: 2)
      engine.letGo()
    }
    #expect(outcomes.ranges == [1...1, 2...2])
    #expect(try engine.base.all().count == 2)
  }

  @Test(arguments: EngineKind.allCases)
  func `every sequence gets one outcome, in order, from many failures`(kind: EngineKind) throws {
    let directory = try TemporaryDirectory()
    let engine = FaultyEngine(try kind.make(in: directory))
    let outcomes = outcomes
    let committer = try GroupCommitter(engine: engine) { outcomes.add($0) }
    var generator = SeededGenerator(seed: 7)
    var accepted: [UInt64] = []
    for number in 1...3_000 {
      if Int.random(in: 0..<50, using: &generator) == 0 { engine.failNext() }
      do throws(StorageError) {
        try committer.submit(put(number), sequence: UInt64(number))
        accepted.append(UInt64(number))
      } catch {
        #expect(error.code == .suspended)
        committer.resume()
      }
    }
    committer.close()
    // Ranges follow each other, and what succeeded is exactly what the engine holds.
    let ranges = outcomes.ranges
    for (earlier, later) in zip(ranges, ranges.dropFirst()) {
      #expect(earlier.upperBound < later.lowerBound)
    }
    #expect(accepted.allSatisfy { number in ranges.contains { $0.contains(number) } })
    let succeeded = zip(outcomes.all, outcomes.codes).filter { $1 == nil }.map(\.0.sequences)
    let stored = accepted.filter { number in succeeded.contains { $0.contains(number) } }
    #expect(try engine.base.all(limit: ScanLimit()).map(\.key) == stored.map { key(Int($0)) })
    engine.close()
  }
}
