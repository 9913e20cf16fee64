import Candid
import ClusterTestKit
import Storage
import Testing

@testable import Cluster

/// What a client is told, and when.
@Suite struct KeyRequestTests {
  let key = Array("key".utf8)

  private func put(
    _ text: String, _ condition: KeyCommand.Condition = .none, ttl: Duration? = nil
  ) -> KeyCommand {
    .put(value: Array(text.utf8), ttl: ttl, condition: condition)
  }

  @Test("Defect 12 of the original: a node without a ring refuses requests, retryably")
  func uninitialised() throws {
    let bench = try NodeBench()
    guard case .refused(let error) = try bench.run(.get, key) else { throw Unexpected() }
    #expect(error.code == .notInitialised && error.isRetryable)
  }

  @Test("A key of another node is answered with its owner and address, and left alone")
  func elsewhere() throws {
    let ring = try NodeBench.ring(2)
    let bench = try NodeBench.member(1, of: ring)
    let foreign = NodeBench.keys(of: 2, in: ring, count: 1)[0]
    for command in [KeyCommand.get, put("x"), .delete(condition: .none)] {
      guard case .elsewhere(let owner, let address) = try bench.run(command, foreign) else {
        throw Unexpected()
      }
      #expect(owner == .canister(number: 2) && address == "node:2")
    }
    #expect(try bench.recount().keys == 0)
  }

  @Test("A put creates, then replaces; a get shows it with its version; a delete ends it")
  func lifeOfAKey() throws {
    let bench = try NodeBench.member()
    #expect(try bench.get(key) == nil)
    let first = try bench.run(put("one"), key)
    #expect(first.created == true)
    let second = try bench.run(put("two"), key)
    #expect(second.created == false)
    #expect(
      try bench.get(key) == Record(version: #require(second.version), value: Array("two".utf8)))
    let deleted = try bench.run(.delete(condition: .none), key)
    let versions = [first.version, second.version, deleted.version].compactMap { $0 }
    #expect(versions.count == 3 && versions == versions.sorted() && Set(versions).count == 3)
    #expect(try bench.get(key) == nil)
    #expect(try bench.run(.delete(condition: .none), key).isMissing)
    #expect(try bench.run(put("three"), key).created == true)
  }

  @Test("A write is answered when it is durable, not before; reads show what is durable")
  func durableBeforeAnswered() throws {
    let bench = try NodeBench.member()
    let ticket = bench.execute(put("one"), key)
    #expect(bench.reply(ticket) == nil)
    bench.flush()
    #expect(bench.reply(ticket) == nil && bench.commits.count == 1)
    #expect(try bench.machine.durableRecord(key) == nil)
    let read = bench.execute(.get, key)
    #expect(bench.reply(read)?.isMissing == true)
    try bench.commit()
    #expect(bench.reply(ticket)?.created == true)
  }

  @Test("Conditions on puts hold for what is there", arguments: [false, true])
  func conditionalPuts(exists: Bool) throws {
    let bench = try NodeBench.member()
    let current = exists ? try bench.put("old", key) : nil
    func outcome(_ condition: KeyCommand.Condition) throws -> KeyReply {
      let reply = try bench.run(put("new", condition), key)
      if case .preconditionFailed(let shown) = reply {
        #expect(shown == current)
        #expect(try bench.get(key)?.version == current)
      }
      return reply
    }
    #expect(try outcome(.version(Version(1))).isPreconditionFailed)
    #expect(try outcome(exists ? .missing : .exists).isPreconditionFailed)
    if let current {
      #expect(try outcome(.version(current)).created == false)
      #expect(try bench.run(put("new", .version(current)), key).isPreconditionFailed)
      #expect(try bench.run(put("new", .exists), key).created == false)
    } else {
      #expect(try outcome(.missing).created == true)
    }
  }

  @Test("Conditions on deletes hold for what is there")
  func conditionalDeletes() throws {
    let bench = try NodeBench.member()
    #expect(try bench.run(.delete(condition: .exists), key).isPreconditionFailed)
    let version = try bench.put("x", key)
    #expect(try bench.run(.delete(condition: .version(Version(1))), key).isPreconditionFailed)
    #expect(try bench.run(.delete(condition: .missing), key).isPreconditionFailed)
    #expect(try bench.get(key) != nil)
    #expect(try bench.run(.delete(condition: .version(version)), key).version != nil)
  }

  @Test("Of two puts with one version in one turn the second fails, once the first is durable")
  func racingPuts() throws {
    let bench = try NodeBench.member()
    let version = try bench.put("zero", key)
    let first = bench.execute(put("one", .version(version)), key)
    let second = bench.execute(put("two", .version(version)), key)
    #expect(bench.reply(first) == nil && bench.reply(second) == nil)
    bench.flush()
    let third = bench.execute(put("three", .version(version)), key)
    bench.flush()
    #expect(bench.commits.count == 1)
    #expect(bench.reply(second) == nil && bench.reply(third) == nil)
    try bench.commit()
    let stored = try #require(bench.reply(first)?.version)
    for ticket in [second, third] {
      guard case .preconditionFailed(stored)? = bench.reply(ticket) else { throw Unexpected() }
    }
    #expect(try bench.get(key)?.value == Array("one".utf8))
  }

  @Test("Writes build on writes that are not durable yet")
  func overlay() throws {
    let bench = try NodeBench.member()
    let count = KeyCommand.apply { record in
      .put(value: [(record?.value?.first ?? 0) + 1], expiry: .keep)
    }
    var tickets: [UInt64] = []
    for _ in 0..<5 {
      tickets.append(bench.execute(count, key))
      tickets.append(bench.execute(count, key))
      bench.flush()
    }
    let gone = bench.execute(.delete(condition: .none), key)
    let missing = bench.execute(.delete(condition: .none), key)
    let again = bench.execute(count, key)
    bench.flush()
    #expect(bench.commits.count == 6)
    try bench.commit()
    let versions = (tickets + [gone, again]).compactMap { bench.reply($0)?.version }
    #expect(versions.count == 12 && versions == versions.sorted() && Set(versions).count == 12)
    #expect(bench.reply(missing)?.isMissing == true)
    #expect(try bench.get(key)?.value == [1])
  }

  @Test("A closure may keep, put or delete, and runs once")
  func closures() throws {
    let bench = try NodeBench.member()
    var runs = 0
    func apply(_ change: KeyCommand.Change) throws -> Version? {
      let reply = try bench.run(
        .apply { _ in
          runs += 1
          return change
        }, key)
      guard case .applied(let version) = reply else { throw Unexpected() }
      return version
    }
    #expect(try apply(.keep) == nil)
    #expect(try apply(.delete) == nil)
    let version = try apply(.put(value: [1], expiry: .keep))
    #expect(version != nil)
    #expect(try bench.get(key)?.version == version)
    #expect(try apply(.keep) == version)
    #expect(try apply(.delete) != nil)
    #expect(try bench.get(key) == nil && runs == 5)
  }

  @Test("An expired value is not told to be gone while a failed write of it may yet show")
  func readOverFailedWriteOfExpiredValue() throws {
    let bench = try NodeBench.member()
    guard
      case .stored(let version, _) = try bench.run(put("short", ttl: .milliseconds(100)), key)
    else { throw Unexpected() }
    bench.execute(put("swapped", .version(version)), key)
    bench.flush()
    try bench.failCommits(staysBroken: true, keeping: false)
    bench.now.wall += 200
    let read = bench.execute(.get, key)
    guard case .refused(let error)? = bench.reply(read), error.isRetryable else {
      throw Unexpected()
    }
    try bench.recover()
    #expect(try bench.get(key) == nil)
  }

  @Test("Nobody sees a value gone before a write that found it is durable")
  func readOverPendingWriteOfExpiredValue() throws {
    let bench = try NodeBench.member()
    guard
      case .stored(let version, _) = try bench.run(put("short", ttl: .milliseconds(100)), key)
    else { throw Unexpected() }
    let swap = bench.execute(put("swapped", .version(version)), key)
    bench.flush()
    bench.now.wall += 200
    let read = bench.execute(.get, key)
    bench.flush()
    #expect(bench.reply(read) == nil)
    try bench.commit()
    guard case .stored(let swapped, created: false)? = bench.reply(swap),
      case .value(let record)? = bench.reply(read)
    else { throw Unexpected() }
    #expect(record == Record(version: swapped, value: Array("swapped".utf8)))
  }

  @Test("A value is gone at the millisecond at which it expires, and a sweep removes it")
  func expiry() throws {
    let bench = try NodeBench.member()
    _ = try bench.run(put("short", ttl: .milliseconds(100)), key)
    _ = try bench.put("for ever", [1])
    bench.now.wall += 99
    #expect(try bench.get(key) != nil)
    bench.now.wall += 1
    #expect(try bench.get(key) == nil)
    #expect(try bench.run(put("x", .exists), key).isPreconditionFailed)
    #expect(try bench.run(.delete(condition: .none), key).isMissing)
    #expect(try bench.recount().keys == 2)
    bench.now.monotonic += 1_000
    try bench.settle()
    #expect(try bench.stored().map(\.key) == [[1]])
    #expect(try bench.machine.statistics == bench.recount())
    #expect(try bench.engine.scan(from: [0x78], upTo: [0x79], limit: ScanLimit()).entries == [])
  }

  @Test("A value that was replaced or renewed in time is not swept")
  func renewedBeforeExpiry() throws {
    let bench = try NodeBench.member()
    let other = Array("other".utf8)
    _ = try bench.run(put("a", ttl: .seconds(1)), key)
    _ = try bench.run(put("b"), key)
    _ = try bench.run(put("c", ttl: .seconds(1)), other)
    _ = try bench.run(put("d", ttl: .seconds(60)), other)
    bench.now.wall += 2_000
    bench.now.monotonic += 2_000
    try bench.settle()
    #expect(try bench.get(key)?.value == Array("b".utf8))
    #expect(try bench.get(other)?.value == Array("d".utf8))
  }

  @Test(
    "Any duration is a lifetime: at least a millisecond, and never an overflow",
    arguments: [
      (Duration.zero, 1), (.seconds(-5), 1), (.nanoseconds(1), 1), (.milliseconds(1_500), 1_500),
      (.seconds(Int64.max), UInt64.max / 4),
    ] as [(Duration, UInt64)])
  func lifetimes(duration: Duration, milliseconds: UInt64) throws {
    #expect(duration.wholeMilliseconds == milliseconds)
    let bench = try NodeBench.member()
    bench.now.wall = .max - 10
    #expect(try bench.run(put("x", ttl: duration), key).created == true)
  }

  @Test("Statistics are those of a recount, whatever is done", arguments: [1, 2, 3] as [UInt64])
  func statistics(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var bench = try NodeBench.member()
    for step in 0..<400 {
      let key = [UInt8(random.below(20) + 1)]
      let text = String(repeating: "x", count: Int(random.below(50)))
      switch random.below(6) {
      case 0: bench.execute(.delete(condition: .none), key)
      case 1: bench.execute(put(text, ttl: .milliseconds(Int64(random.below(50)))), key)
      case 2: bench.execute(.apply { $0 == nil ? .put(value: [], expiry: .keep) : .delete }, key)
      case 3: bench.advance()
      default: bench.execute(put(text), key)
      }
      bench.now.wall += random.below(3)
      bench.now.monotonic += random.below(100)
      if random.chance(0.5) { bench.flush() }
      switch random.below(8) {
      case 0: try bench.commit(1)
      case 1: try bench.commit()
      case 2: try bench.failCommits()
      case 3 where step % 5 == 0: bench = try bench.restarted()
      default: break
      }
      if bench.commits.isEmpty && bench.machine.openTurn.isEmpty {
        #expect(try bench.machine.statistics == bench.recount())
      }
    }
    try bench.settle()
    #expect(try bench.machine.statistics == bench.recount())
  }
}

struct Unexpected: Error {}
