import Candid
import Storage
import Testing

@testable import Cluster

/// What survives a restart and a disk that refuses.
@Suite struct DurabilityTests {
  let key = Array("key".utf8)

  private func put(_ text: String, _ condition: KeyCommand.Condition = .none) -> KeyCommand {
    .put(value: Array(text.utf8), ttl: nil, condition: condition)
  }

  @Test("Defect 14 of the original: a restarted node has what it acknowledged, and its identity")
  func restart() throws {
    let bench = try NodeBench.member()
    let version = try bench.put("kept", key)
    bench.execute(put("lost"), key)
    bench.flush()
    let restarted = try bench.restarted()
    #expect(restarted.machine.identity == .canister(number: 1))
    #expect(restarted.machine.map == bench.machine.map)
    #expect(try restarted.get(key) == Record(version: version, value: Array("kept".utf8)))
    #expect(try restarted.machine.statistics == bench.recount())
  }

  @Test("Versions grow over restarts, also after many writes and after ones that were lost")
  func versionsOverRestarts() throws {
    var bench = try NodeBench.member()
    var last = try bench.put("0", key)
    for round in 0..<5 {
      if round == 3 { _ = try bench.run(.delete(condition: .none), key) }
      // A version that was given out and not committed must not matter either.
      bench.execute(put("lost"), key)
      bench.flush()
      bench = try bench.restarted()
      let version = try bench.put("\(round)", key)
      #expect(version > last)
      last = version
    }
  }

  @Test("Versions grow over a restart when the first commits of a node failed")
  func versionsAfterFirstFailures() throws {
    let bench = try NodeBench()
    _ = bench.startInitialise(.canister(number: 1), try NodeBench.ring(1))
    bench.flush()
    try bench.failCommits()
    #expect(bench.initialise(.canister(number: 1), try NodeBench.ring(1)).succeeded)
    bench.execute(put("refused"), key)
    bench.flush()
    try bench.failCommits()
    let version = try bench.put("kept", key)
    #expect(try bench.run(.delete(condition: .none), key).version == version.next)
    #expect(try bench.restarted().put("again", key) > version.next)
  }

  @Test("Versions go on beyond the reserve, and reserve again")
  func reserve() throws {
    let bench = try NodeBench.member()
    let first = try bench.put("0", key)
    let far = Version(first.rawValue + NodeMachine.versionReserveStep + 5)
    // As after a million writes.
    bench.setLastVersion(far)
    let later = try bench.put("1", key)
    #expect(later > far)
    #expect(try bench.restarted().put("2", key) > later)
  }

  @Test("The versions of a later epoch exceed all of the epochs before")
  func versionsByEpoch() throws {
    let one = try NodeBench.member(1, of: NodeBench.ring(1)).put("x", key)
    let ring = try NodeBench.ring(2)
    let mine = NodeBench.keys(of: 2, in: ring, count: 1)[0]
    let two = try NodeBench.member(2, of: ring).put("x", mine)
    #expect(one >= Version.first(of: 1) && two >= Version.first(of: 2) && one < two)
  }

  @Test(
    "When a commit fails, all in flight is refused and nothing of it is seen",
    arguments: [
      (StorageError.Code.noSpace, ClusterError.Code.noSpace), (.ioError, .storage),
    ])
  func failedCommit(code: StorageError.Code, answer: ClusterError.Code) throws {
    let bench = try NodeBench.member()
    let version = try bench.put("old", key)
    let before = bench.machine.statistics
    var tickets = [bench.execute(put("one"), key)]
    bench.flush()
    tickets.append(bench.execute(put("two"), [1]))
    tickets.append(bench.execute(put("three", .version(version)), key))
    bench.flush()
    tickets.append(bench.execute(.delete(condition: .none), key))
    let control = bench.handle(.nodeCreated("nobody"))
    let stored = bench.store("name", [1])
    try bench.failCommits(code)
    // What was on its way to the disk may be there; what was not, was not tried.
    for ticket in tickets.dropLast() { #expect(bench.reply(ticket)?.refusal == .outcomeUnknown) }
    #expect(try bench.reply(#require(tickets.last))?.refusal == answer)
    #expect(bench.response(stored)?.code == answer)
    #expect(bench.response(control)?.code == .malformed)
    #expect(bench.machine.statistics == before)
    #expect(try bench.get(key) == Record(version: version, value: Array("old".utf8)))
    #expect(try bench.get([1]) == nil)
    #expect(bench.alarms == [])
    // And life goes on.
    let later = bench.execute(put("later", .version(version)), key)
    bench.flush()
    try bench.commit()
    #expect(bench.reply(later)?.created == false)
    #expect(try #require(bench.reply(later)?.version) > version)
    #expect(try bench.machine.statistics == bench.recount())
  }

  @Test("After a failed commit nothing is written before the store has taken a probe")
  func probe() throws {
    let bench = try NodeBench.member()
    _ = try bench.put("old", key)
    bench.execute(put("lost"), key)
    bench.flush()
    try bench.failCommits(staysBroken: true)
    let refused = bench.execute(put("early"), key)
    #expect(bench.reply(refused)?.refusal == .noSpace)
    #expect(bench.response(bench.handle(.fence(epoch: 2))) == nil)
    #expect(try bench.get(key)?.value == Array("old".utf8))
    // A probe that fails leaves it so; one that is taken ends it.
    bench.now.monotonic += NodeMachine.probePause
    bench.advance()
    bench.flush()
    #expect(bench.commits.count == 1)
    try bench.failCommits(staysBroken: true)
    #expect(bench.reply(bench.execute(put("early"), key))?.refusal == .noSpace)
    try bench.recover()
    #expect(try bench.put("late", key) > Version(0))
    #expect(try bench.machine.statistics == bench.recount())
  }

  @Test("What was durable before a failed commit stays acknowledged")
  func failureAfterSuccess() throws {
    let bench = try NodeBench.member()
    let first = bench.execute(put("one"), [1])
    bench.flush()
    let second = bench.execute(put("two"), [2])
    bench.flush()
    try bench.commit(1)
    try bench.failCommits()
    #expect(bench.reply(first)?.created == true)
    #expect(bench.reply(second)?.refusal == .outcomeUnknown)
    #expect(try bench.machine.statistics == bench.recount())
    #expect(try bench.recount().keys == 1)
  }

  @Test("The sweep goes on after its commit failed, without other writes")
  func sweepAfterFailure() throws {
    let bench = try NodeBench.member()
    _ = try bench.run(.put(value: [1], ttl: .milliseconds(1), condition: .none), key)
    bench.now.wall += 10
    bench.now.monotonic += 1_000
    bench.advance()
    try bench.failCommits()
    bench.now.monotonic += 1_000
    try bench.settle()
    #expect(try bench.recount().keys == 0)
    #expect(bench.machine.statistics.keys == 0)
  }

  @Test("Writes are refused as overloaded while the disk is too far behind; reads are not")
  func overload() throws {
    var limits = NodeMachine.Limits()
    limits.uncommittedBytes = 1_000
    let bench = try NodeBench.member(limits: limits)
    var accepted: [UInt64] = []
    var refused = 0
    for index in 0..<20 {
      let ticket = bench.execute(put(String(repeating: "x", count: 100)), [UInt8(index + 1)])
      if bench.reply(ticket)?.refusal == .overloaded {
        refused += 1
      } else {
        accepted.append(ticket)
      }
      if index % 3 == 0 { bench.flush() }
    }
    #expect(refused > 0 && accepted.count >= 3)
    #expect(bench.machine.execute(.get, key: [1], ticket: 0, now: bench.now)?.isMissing == true)
    bench.flush()
    try bench.commit()
    for ticket in accepted { #expect(bench.reply(ticket)?.created == true) }
    #expect(try bench.put("again", key).rawValue > 0)
  }

  @Test("State of the layers above is kept and removed by name")
  func extraState() throws {
    let bench = try NodeBench.member()
    let ticket = bench.store("module", [1, 2])
    #expect(bench.response(ticket) == nil)
    try bench.settle()
    #expect(bench.response(ticket)?.succeeded == true)
    #expect(try bench.restarted().machine.stored("module") == [1, 2])
    _ = bench.store("module", nil)
    try bench.settle()
    #expect(try bench.machine.stored("module") == nil)
  }

  @Test("A store with damaged state is refused as corrupt, not taken for an empty one")
  func damagedState() throws {
    for name in [
      StoreLayout.identity, StoreLayout.map, StoreLayout.statistics, StoreLayout.versionReserve,
      StoreLayout.handover,
    ] {
      let bench = try NodeBench.member()
      _ = try bench.put("x", key)
      var batch = WriteBatch()
      batch.put(name, Array(repeating: 0xff, count: 40))
      try bench.engine.commit(batch)
      #expect {
        _ = try bench.restarted()
      } throws: {
        ($0 as? ClusterError)?.code == .corruption
      }
    }
  }
}
