import Candid
import Placement
import Testing

@testable import Cluster

/// Members that leave, as the coordinator leads them out.
@Suite struct LeaveTests {
  private func node(_ number: UInt64) -> Principal { .canister(number: number) }

  private func names(_ bench: CoordinatorBench) -> [String] { bench.sent.map(\.message.name) }

  @Test(
    "Defect 8 of the original: any member may leave, and several at once",
    arguments: [[1], [2], [4], [1, 3], [2, 3, 4]])
  func leave(numbers: [UInt64]) throws {
    let bench = try CoordinatorBench.settled(4)
    let leaving = numbers.map(node)
    try bench.machine.removeNodes(leaving, reason: "test", now: bench.now)
    bench.advance()
    try bench.carryOn()
    let stayed = (1...4).map { node(UInt64($0)) }.filter { !leaving.contains($0) }
    #expect(bench.durable.map.members == stayed)
    #expect(Set(bench.durable.map.addresses.keys) == Set(stayed))
    #expect(Set(bench.destroyed) == Set(leaving))
    #expect(Set(bench.machine.nodes.keys) == Set(stayed))
    #expect(bench.durable.map.ring.epoch == UInt64(4 + numbers.count))
    // The numbers of those that left are not given out again.
    #expect(try bench.machine.addNodes(reason: "test", now: bench.now) == [node(5)])
  }

  @Test("The late answer to an older ring is not taken for one to the new ring")
  func lateAnswer() throws {
    let bench = try CoordinatorBench.settled(2)
    try bench.machine.removeNodes([node(1)], reason: "test", now: bench.now)
    bench.advance()
    bench.persist()
    try bench.answer("the preparation of a handover", by: node(2))
    try bench.answer("the preparation of a handover", by: node(1))
    bench.machine.gatewayListens(at: "gateway:2")
    bench.persist()
    try bench.answer("the ring", by: node(1))
    let revision = bench.machine.state.map.revision
    bench.report(node(1), epoch: 2, revision: revision, phase: "copied")
    try bench.answer("the fence", by: node(1))
    bench.persist()
    #expect(bench.durable.map.members == [node(2)])
    try bench.answer("the ring", by: node(2))
    #expect(bench.machine.routingMap.contains(node(1)))
    #expect(bench.sent.map(\.to) == [node(2)])
    try bench.answer("the ring", by: node(2))
    #expect(!bench.machine.routingMap.contains(node(1)))
    #expect(bench.sent.map(\.to) == [node(1)])
  }

  @Test("The others serve before the node that leaves is told, which then ends, but not at once")
  func order() throws {
    let bench = try CoordinatorBench.settled(3)
    try bench.machine.removeNodes([node(1)], reason: "test", now: bench.now)
    bench.advance()
    bench.persist()
    #expect(bench.sent.map(\.to) == [node(2), node(3)])
    try answerAll(bench, "the preparation of a handover")
    #expect(bench.sent.map(\.to) == [node(1)])
    try answerAll(bench, "the preparation of a handover")
    bench.report(node(1), epoch: 3, revision: bench.machine.state.map.revision, phase: "copied")
    #expect(bench.sent.map(\.to) == [node(1)])
    try answerAll(bench, "the fence")
    #expect(bench.sent.isEmpty && bench.durable.map.members.count == 3)
    #expect(bench.machine.routingMap.contains(node(1)))
    bench.persist()
    #expect(bench.durable.map.members == [node(2), node(3)])
    #expect(bench.sent.map(\.to) == [node(2), node(3)])
    try answerAll(bench, "the ring")
    #expect(!bench.machine.routingMap.contains(node(1)))
    #expect(bench.sent.map(\.to) == [node(1)])
    try answerAll(bench, "the ring")
    let revision = bench.machine.state.map.revision
    for number in [1, 2, 3] as [UInt64] { bench.report(node(number), epoch: 4, revision: revision) }
    #expect(bench.machine.state.change != nil && bench.destroyed.isEmpty)
    bench.now += bench.machine.settings.retirePause
    bench.advance()
    #expect(bench.machine.state.change == nil && bench.destroyed.isEmpty)
    bench.persist()
    #expect(bench.destroyed == [node(1)])
  }

  private func answerAll(_ bench: CoordinatorBench, _ name: String) throws {
    let count = bench.sent.count
    #expect(names(bench) == Array(repeating: name, count: count))
    for _ in 0..<count { try bench.answerFirst(name) }
  }

  @Test("A leave that cannot be is refused with a reason")
  func refused() throws {
    let bench = try CoordinatorBench.settled(2)
    func code(_ leaving: [Principal]) -> ClusterError.Code? {
      do throws(ClusterError) {
        try bench.machine.removeNodes(leaving, reason: "test", now: bench.now)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code([node(9)]) == .unknownNode)
    #expect(code([]) == .malformed)
    #expect(code([node(1), node(1)]) == .malformed)
    #expect(code([node(1), node(2)]) == .conflict)
    bench.machine.reportFailed(node(2))
    #expect(code([node(1)]) == .conflict)
    #expect(bench.machine.state.change == nil)
  }

  @Test("A leave goes on when anyone restarts, also the coordinator")
  func restarts() throws {
    for stopped in [1, 2, 3] as [UInt64] {
      let bench = try CoordinatorBench.settled(3)
      try bench.machine.removeNodes([node(1)], reason: "test", now: bench.now)
      bench.advance()
      bench.persist()
      bench.stopped(node(stopped))
      let restarted = try bench.restarted()
      try restarted.carryOn()
      #expect(restarted.durable.map.members == [node(2), node(3)])
      #expect(restarted.destroyed == [node(1)])
    }
  }

  @Test("A leave that was decided ends although the node that left never comes back")
  func lostNode() throws {
    let bench = try CoordinatorBench.settled(2)
    try bench.machine.removeNodes([node(1)], reason: "test", now: bench.now)
    bench.advance()
    while bench.machine.state.change?.isDecided != true {
      bench.persist()
      for entry in bench.sent { try bench.answerFirst(entry.message.name) }
      bench.report(node(1), epoch: 2, revision: bench.machine.state.map.revision, phase: "copied")
    }
    bench.persist()
    let revision = bench.machine.state.map.revision
    bench.report(node(2), epoch: 3, revision: revision)
    for _ in 0..<5 {
      #expect(bench.machine.state.change != nil)
      bench.stopped(node(1))
      bench.now += 10_000
    }
    bench.advance()
    bench.persist()
    #expect(bench.durable.change == nil && bench.destroyed == [node(1)])
  }

  @Test("A leave that fails is undone: the node stays a member")
  func undone() throws {
    let bench = try CoordinatorBench.settled(2)
    try bench.machine.removeNodes([node(1)], reason: "test", now: bench.now)
    bench.advance()
    bench.persist()
    let isCancelled = bench.machine.cancelChange(reason: "test", now: bench.now)
    #expect(isCancelled)
    bench.advance()
    bench.persist()
    #expect(bench.durable.map.members == [node(1), node(2)] && bench.destroyed.isEmpty)
    try bench.carryOn()
  }
}
