import Candid
import Placement
import Testing

@testable import Cluster

@Suite struct CoordinatorTests {
  typealias Step = CoordinatorBench.Step
  let one = CoordinatorBench.one
  let two = CoordinatorBench.two

  @Test("A fresh cluster launches its first node and initialises it")
  func bootstrap() throws {
    let bench = try CoordinatorBench.settled()
    #expect(bench.launched == [one])
    #expect(bench.durable.isBootstrapped)
    #expect(bench.durable.map.addresses == [one: "node:1"])
  }

  @Test("A member without its identity lost its data: it is not initialised again")
  func lostData() throws {
    let bench = try CoordinatorBench.settled()
    bench.report(one, identity: nil, epoch: 0)
    #expect(bench.sent.isEmpty && !bench.machine.isSettled)
  }

  @Test("A join leads from launch to the new ring and ends when all are in their places")
  func join() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .flipped)
    #expect(bench.machine.routingMap.members == [one, two])
    // The sources follow, and the change ends when the last has removed what moved.
    try bench.answer("the ring")
    let map = bench.machine.state.map
    #expect(map.ring.epoch == 2 && map.addresses == [one: "node:1", two: "node:2"])
    bench.report(two, epoch: 2, revision: map.revision)
    bench.report(one, epoch: 2, revision: map.revision, isPurging: true)
    #expect(bench.machine.state.change != nil)
    bench.report(one, epoch: 2, revision: map.revision)
    #expect(bench.machine.state.change == nil && bench.machine.isSettled)
    #expect(bench.machine.lastChangeAt == bench.now)
    bench.persist()
    #expect(bench.durable.change == nil && bench.sent.isEmpty)
  }

  @Test("What a node said before it carried a request out does not count after that")
  func lateReport() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .copying)
    let report = NodeReport(
      identity: nil, status: .ready, keys: 0, bytes: 0, epoch: 0, revision: 0, handover: nil,
      isPurging: false, moduleDigest: nil)
    bench.machine.reported(two, report, carriedOut: 0, now: bench.now)
    bench.advance()
    #expect(bench.machine.state.change != nil)
    let carriedOut = try #require(bench.machine.nodes[two]?.carriedOut)
    bench.machine.reported(two, report, carriedOut: carriedOut, now: bench.now)
    bench.advance()
    #expect(bench.machine.state.change == nil)
  }

  @Test("One change at a time: while one is under way another is refused", arguments: Step.allCases)
  func oneChange(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    #expect {
      try bench.machine.addNodes(reason: "second", now: bench.now)
    } throws: {
      ($0 as? ClusterError)?.code == .conflict
    }
  }

  @Test("No node is launched, and none told of a map, before that is durable")
  func durableFirst() throws {
    let bench = try CoordinatorBench.settled()
    bench.running(one, "moved:1")
    bench.report(one, epoch: 1, revision: bench.machine.state.map.revision - 1)
    #expect(bench.sent.isEmpty)
    bench.persist()
    try bench.answer("the ring")
    bench.report(one, epoch: 1, revision: bench.machine.state.map.revision)
    try bench.join(upTo: .planned)
    #expect(bench.launched == [one])
    bench.failPersists()
    bench.advance()
    #expect(bench.launched == [one])
    bench.persist()
    #expect(bench.launched == [one, two])
  }

  @Test("A state that cannot be stored is told of ever more rarely, and when it can be again")
  func storing() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .planned)
    bench.notes = []
    for _ in 1...10 { bench.failPersists() }
    bench.persist()
    #expect(bench.notes.filter { $0.contains("could not be stored") }.count == 4)
    #expect(bench.notes.filter { $0.contains("stored again") }.count == 1)
  }

  @Test("The decision is durable before anyone flips, and the target flips first")
  func decision() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .deciding)
    #expect(bench.machine.routingMap.members == [one])
    bench.advance()
    #expect(bench.sent.isEmpty && bench.durable.map.members == [one])
    bench.failPersists()
    bench.advance()
    #expect(bench.sent.isEmpty)
    bench.persist()
    #expect(bench.durable.map.members == [one, two])
    #expect(bench.sent.map(\.to) == [two])
    bench.report(one, epoch: 1, revision: 1, phase: "fenced")
    #expect(bench.sent.map(\.to) == [two])
    #expect(bench.machine.routingMap.members == [one])
    try bench.answer("the ring")
    #expect(bench.sent.map(\.to) == [one])
  }

  static let undecided: [Step] = [
    .planned, .launched, .initialised, .targetPrepared, .copying, .fencing,
  ]

  private func expectUndone(_ bench: CoordinatorBench) throws {
    #expect(bench.machine.state.change == nil)
    #expect(bench.destroyed.isEmpty)
    #expect(!bench.sent.contains { $0.message.name == "the abort of a handover" })
    bench.persist()
    // Nothing is destroyed or aborted that a crash could bring back.
    #expect(bench.destroyed == [two] && bench.durable.departed == [two])
    #expect(bench.durable.map.members == [one] && bench.durable.change == nil)
    // Whatever of it a node still reports is aborted, and then the next join takes new numbers.
    bench.loseMessages()
    let revision = bench.machine.state.map.revision
    if bench.machine.nodes[one]?.address == nil { bench.running(one, "node:1") }
    bench.report(one, epoch: 1, revision: revision, phase: "fencing")
    try bench.answer("the abort of a handover")
    bench.report(one, epoch: 1, revision: revision)
    #expect(bench.machine.isSettled)
    #expect(try bench.machine.addNodes(reason: "again", now: bench.now) == [.canister(number: 3)])
    #expect(bench.machine.state.change?.epoch == 3)
  }

  @Test("A join goes on when its node ends and comes back", arguments: Step.allCases.dropFirst())
  func newNodeEnds(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    bench.stopped(two)
    try bench.carryOn()
    #expect(bench.durable.map.members == [one, two] && bench.durable.map.ring.epoch == 2)
    #expect(bench.destroyed.isEmpty && bench.machine.failures == 0)
  }

  @Test("A join goes on when a source ends and comes back", arguments: Step.allCases)
  func sourceEnds(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    bench.stopped(one)
    try bench.carryOn()
    #expect(bench.durable.map.members == [one, two] && bench.destroyed.isEmpty)
  }

  @Test("A node that joins from another address than before is announced again")
  func newNodeMoves() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .copying)
    bench.stopped(two)
    bench.running(two, "moved:2")
    guard case .prepare(let map)? = bench.sent.first?.message else { throw Unexpected() }
    #expect(bench.sent.map(\.to) == [two] && map.addresses[two] == "moved:2")
    try bench.answer("the preparation of a handover")
    #expect(bench.sent.map(\.to) == [one])
    try bench.carryOn()
    #expect(bench.durable.map.addresses[two] == "moved:2")
  }

  @Test(
    "A join whose node comes back without its data is undone",
    arguments: [Step.targetPrepared, .copying, .fencing])
  func newNodeLosesItsData(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    bench.stopped(two)
    bench.running(two, "node:2")
    bench.report(two, identity: nil, epoch: 0)
    try expectUndone(bench)
  }

  @Test(
    "A restarted coordinator does not give a node that has nothing its identity again",
    arguments: [Step.launched, .copying])
  func resumedWithoutData(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    let restarted = try bench.restarted()
    restarted.running(one, "node:1")
    restarted.running(two, "node:2")
    restarted.report(one, epoch: 1, revision: bench.machine.state.map.revision, phase: "copied")
    restarted.report(two, identity: nil, epoch: 0)
    try expectUndone(restarted)
  }

  @Test("A join that is cancelled before its decision is undone", arguments: undecided)
  func cancelled(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    let isCancelled = bench.machine.cancelChange(reason: "test", now: bench.now)
    #expect(isCancelled)
    #expect(bench.machine.failures == 1 && bench.machine.lastFailureAt == bench.now)
    try expectUndone(bench)
    #expect(!bench.machine.state.map.contains(two))
  }

  @Test("A decided change cannot be cancelled", arguments: [Step.deciding, .decided, .flipped])
  func cancelledTooLate(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    let isCancelled = bench.machine.cancelChange(reason: "test", now: bench.now)
    #expect(!isCancelled)
    try bench.carryOn()
    #expect(bench.durable.map.members == [one, two])
  }

  @Test("Defect 10 of the original: a join that fails leaves nothing behind", arguments: undecided)
  func timeouts(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    bench.now += 60_001
    bench.advance()
    try expectUndone(bench)
  }

  @Test("A join goes on when the coordinator restarts", arguments: Step.allCases.dropFirst(2))
  func coordinatorRestarts(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    let restarted = try bench.restarted()
    try restarted.carryOn()
    #expect(restarted.durable.map.members == [one, two] && restarted.destroyed.isEmpty)
  }

  @Test("A join that was planned but not stored leaves nothing behind a crash")
  func unstoredPlan() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .planned)
    let restarted = try bench.restarted()
    #expect(bench.launched == [one] && restarted.destroyed.isEmpty)
    #expect(restarted.machine.state.change == nil && restarted.machine.state.nextNumber == 2)
  }

  @Test("A refusal that no repetition can mend undoes a join; others are tried again")
  func refusals() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .initialised)
    try bench.answer(
      "the preparation of a handover", .failure(ClusterError(.conflict, "still purging")))
    #expect(bench.machine.state.change != nil && bench.sent.isEmpty)
    bench.now += 50
    bench.advance()
    try bench.answer(
      "the preparation of a handover", .failure(ClusterError(.staleEpoch, "too late")))
    try expectUndone(bench)
  }

  @Test("A source that cannot go on with its copy undoes the join")
  func failedCopy() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .copying)
    bench.report(one, epoch: 1, phase: "failed")
    try expectUndone(bench)
  }

  @Test("A copy that makes progress may take its time")
  func slowCopy() throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: .copying)
    for sent in 1...10 as ClosedRange<UInt64> {
      bench.now += 50_000
      bench.report(one, epoch: 1, phase: "copying", sent: sent)
    }
    #expect(bench.machine.state.change != nil)
  }

  @Test("A decided join rolls forward, whoever ends", arguments: [Step.decided, .flipped])
  func rollForward(step: Step) throws {
    let bench = try CoordinatorBench.settled()
    try bench.join(upTo: step)
    bench.stopped(two)
    bench.stopped(one)
    bench.now += 100_000
    let restarted = try bench.restarted()
    #expect(restarted.destroyed.isEmpty && restarted.launched == [one, two])
    #expect(restarted.machine.routingMap.members == [one, two])
    restarted.running(one, "node:1")
    restarted.running(two, "node:2")
    restarted.report(one, epoch: 1, revision: 1, phase: "fenced")
    restarted.report(two, epoch: 1, revision: 1, phase: "copying")
    try restarted.answer("the ring")
    try restarted.answer("the ring")
    let revision = restarted.machine.state.map.revision
    restarted.report(one, epoch: 2, revision: revision)
    restarted.report(two, epoch: 2, revision: revision)
    #expect(restarted.machine.isSettled)
  }

  @Test("A node that ended is launched again, after a pause that doubles")
  func relaunch() throws {
    let bench = try CoordinatorBench.settled()
    var pauses: [UInt64] = []
    for _ in 0..<8 {
      bench.stopped(one)
      let start = bench.now
      let count = bench.launched.count
      for _ in 0..<20_000 where bench.launched.count == count {
        bench.now += 1
        bench.advance()
      }
      pauses.append(bench.now - start)
    }
    #expect(pauses == [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
  }

  @Test("A new address makes a new revision, which the members get")
  func addresses() throws {
    let bench = try CoordinatorBench.settled()
    let before = bench.machine.state.map
    bench.stopped(one)
    bench.running(one, "node:9")
    bench.persist()
    bench.report(one, epoch: 1, revision: before.revision)
    guard case .ringChanged(let map)? = bench.sent.first?.message else { throw Unexpected() }
    #expect(map.revision == before.revision + 1 && map.addresses[one] == "node:9")
    #expect(map.ring == before.ring)
  }

  @Test("Defect 7 of the original: a full ring refuses another node, and none is launched")
  func fullRing() throws {
    let bench = try CoordinatorBench(.fresh(hashKey: NodeBench.hashKey, capacity: 1))
    var settings = CoordinatorMachine.Settings()
    settings.capacity = 1
    bench.machine = CoordinatorMachine(state: bench.durable, settings: settings)
    bench.running(one, "node:1")
    bench.report(one, epoch: 1, revision: 2)
    #expect(bench.machine.isSettled)
    #expect(throws: ClusterError.self) {
      try bench.machine.addNodes(reason: "one too many", now: bench.now)
    }
  }
}
