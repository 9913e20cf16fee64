import Candid
import Testing

@testable import Cluster

/// What `node_info` says of a node's part in a change.
@Suite struct NodeStatusTests {
  @Test("A node that joins, and those that give it keys, scale up and serve")
  func joining() throws {
    let before = try NodeBench.ring(1)
    let after = try NodeBench.ring(2)
    let source = try NodeBench.member(1, of: before)
    let target = try NodeBench.member(2, of: before)
    #expect(source.machine.status == .ready && target.machine.status == .initialized)
    #expect(target.ask(.prepare(after)).succeeded && source.ask(.prepare(after)).succeeded)
    #expect(source.machine.status == .scaleUp && target.machine.status == .scaleUp)
    #expect(source.ask(.abort(epoch: 2)).succeeded && target.ask(.abort(epoch: 2)).succeeded)
    #expect(source.machine.status == .ready && target.machine.status == .initialized)
  }

  @Test("A node that leaves serves until the others do, then says that it is shut down")
  func leaving() throws {
    let before = try NodeBench.ring(2)
    let after = try before.leaving([.canister(number: 1)], epoch: 3)
    let leaver = try NodeBench.member(1, of: before)
    let stayer = try NodeBench.member(2, of: before)
    #expect(stayer.ask(.prepare(after)).succeeded && leaver.ask(.prepare(after)).succeeded)
    #expect(leaver.machine.status == .scaleDown && leaver.machine.status.isServing)
    #expect(stayer.machine.status == .migrating && stayer.machine.status.isServing)
    try leaver.settle()
    let fence = leaver.handle(.fence(epoch: 3))
    try leaver.settle()
    #expect(leaver.response(fence)?.succeeded == true)
    #expect(leaver.machine.status == .scaleDown)
    #expect(stayer.ask(.ringChanged(after)).succeeded && leaver.ask(.ringChanged(after)).succeeded)
    #expect(leaver.machine.status == .shutDown && !leaver.machine.status.isServing)
    #expect(stayer.machine.status == .ready)
    // It still tells where the keys are.
    guard case .elsewhere(let owner, _) = try leaver.run(.get, [1]) else {
      Issue.record("the node that left answers by itself")
      return
    }
    #expect(owner == .canister(number: 2))
  }
}
