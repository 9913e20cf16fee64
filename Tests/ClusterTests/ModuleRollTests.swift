import Candid
import Testing

@testable import Cluster

/// A module comes to the members one by one, and nobody serves calls with another one than the map
/// accepts.
@Suite struct ModuleRollTests {
  private let one = Principal.canister(number: 1)
  private let two = Principal.canister(number: 2)
  private let three = Principal.canister(number: 3)
  private let refusal = ClusterError(.conflict, "it does not load here")

  /// A cluster of `count` nodes that all have module 1.
  private func equipped(_ count: Int) throws -> CoordinatorBench {
    let bench = try CoordinatorBench.settled(count)
    try bench.machine.installModule([1])
    bench.advance()
    try settle(bench)
    return bench
  }

  private func settle(_ bench: CoordinatorBench) throws {
    for _ in 0..<20 {
      try bench.carryOn()
      bench.advance()
      if !bench.machine.state.isModuleRolling, bench.sent.isEmpty { return try bench.carryOn() }
    }
    Issue.record("the roll never ends")
  }

  private func install(_ digest: [UInt8], _ bench: CoordinatorBench) throws {
    try bench.machine.installModule(digest)
    bench.advance()
    bench.persist()
  }

  /// Lets all members hear of the map.
  private func tell(_ bench: CoordinatorBench) throws {
    for node in bench.machine.state.map.members { try bench.answer("the ring", by: node) }
  }

  private func receivers(_ bench: CoordinatorBench) -> [Principal] {
    bench.sent.compactMap { entry in
      guard case .uploadModule = entry.message else { return nil }
      return entry.to
    }
  }

  @Test("The map accepts both modules, durably and at all members, before the first gets the new")
  func mapFirst() throws {
    let bench = try equipped(3)
    try bench.machine.installModule([2])
    bench.advance()
    #expect(bench.sent.isEmpty, "nothing is durable yet")
    bench.persist()
    #expect(bench.durable.map.modules == [[2], [1]])
    #expect(bench.sent.map(\.message.name) == ["the ring", "the ring", "the ring"])
    try bench.answer("the ring", by: one)
    try bench.answer("the ring", by: two)
    #expect(receivers(bench).isEmpty)
    try bench.answer("the ring", by: three)
    #expect(receivers(bench) == [one])
  }

  @Test("One member at a time takes the module, then the map accepts no other")
  func oneByOne() throws {
    let bench = try equipped(3)
    try install([2], bench)
    try tell(bench)
    for node in [one, two, three] {
      #expect(receivers(bench) == [node] && bench.sent.count == 1)
      #expect(bench.machine.state.isModuleRolling)
      try bench.answer("the module", by: node)
    }
    try settle(bench)
    #expect(bench.durable.map.modules == [[2]] && bench.durable.previousModuleDigest == [1])
    #expect(bench.told.values.allSatisfy { $0.moduleDigest == [2] })
  }

  @Test("A member that refuses the module holds the others up, and is asked less and less often")
  func refusalHalts() throws {
    let bench = try equipped(3)
    try install([2], bench)
    try tell(bench)
    try bench.answer("the module", by: one)
    for pause in [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] as [UInt64] {
      try bench.answer("the module", .failure(refusal))
      let halt = try #require(bench.machine.moduleHalt)
      #expect(halt.node == two && halt.failure.reason == refusal.message)
      bench.now += pause - 1
      bench.advance()
      #expect(bench.sent.isEmpty)
      bench.now += 1
      bench.advance()
      #expect(receivers(bench) == [two])
    }
    #expect(bench.told[three]?.moduleDigest == [1])
    #expect(bench.machine.state.map.modules == [[2], [1]])
    try bench.answer("the module", by: two)
    #expect(bench.machine.moduleHalt == nil)
    #expect(receivers(bench) == [three])
  }

  @Test("A member that is down is passed over, and hears of the map before it gets its module")
  func downMember() throws {
    let bench = try equipped(3)
    bench.stopped(one)
    try install([2], bench)
    try bench.answer("the ring", by: two)
    try bench.answer("the ring", by: three)
    try bench.answer("the module", by: two)
    try bench.answer("the module", by: three)
    bench.persist()
    #expect(bench.sent.isEmpty)
    #expect(bench.machine.state.map.modules == [[2], [1]], "the one that is down has the old one")
    #expect(bench.machine.membersWithoutModule == [one])
    bench.running(one, "node:1")
    bench.report(
      one, identity: one, epoch: 3, revision: bench.told[one]?.revision ?? 0, module: [1])
    try bench.answer("the ring", by: one)
    #expect(receivers(bench) == [one])
    try settle(bench)
    #expect(bench.machine.state.map.modules == [[2]])
  }

  @Test("A member that dies of the module keeps its turn, but not for ever")
  func deadlyModule() throws {
    let bench = try equipped(2)
    try install([2], bench)
    try tell(bench)
    bench.stopped(one)
    #expect(bench.machine.moduleHalt?.node == one)
    bench.now += bench.machine.settings.modulePatience - 1
    bench.advance()
    #expect(receivers(bench).count == 1, "only the one that was lost with the node")
    bench.now += 1
    bench.advance()
    #expect(receivers(bench).last == two)
  }

  @Test("Going back swaps the modules and rolls, also out of the middle of a roll")
  func rollBack() throws {
    let bench = try equipped(2)
    #expect(throws: ClusterError.self) { try bench.machine.rollBackModule() }
    try install([2], bench)
    try tell(bench)
    try bench.answer("the module", by: one)
    try bench.answer("the module", .failure(refusal))
    #expect(try bench.machine.rollBackModule() == [1])
    bench.advance()
    try settle(bench)
    #expect(bench.durable.moduleDigest == [1] && bench.durable.previousModuleDigest == [2])
    #expect(bench.durable.map.modules == [[1]])
    #expect(bench.told.values.allSatisfy { $0.moduleDigest == [1] })
  }

  @Test("A third module amid a roll: all stay accepted, and the way back leads to what all had")
  func uploadAmidRoll() throws {
    let bench = try equipped(2)
    try install([2], bench)
    try tell(bench)
    try bench.answer("the module", by: one)
    try bench.answer("the module", .failure(refusal))
    try install([3], bench)
    #expect(bench.durable.map.modules == [[3], [2], [1]])
    #expect(bench.durable.previousModuleDigest == [1])
    try settle(bench)
    #expect(bench.durable.map.modules == [[3]])
    #expect(bench.told.values.allSatisfy { $0.moduleDigest == [3] })
  }

  @Test("Modules that nodes may still have are not without bound")
  func manyModules() throws {
    let bench = try equipped(1)
    bench.stopped(one)
    for digest in 2...8 as ClosedRange<UInt8> { try bench.machine.installModule([digest]) }
    let error = #expect(throws: ClusterError.self) { try bench.machine.installModule([9]) }
    #expect(error?.code == .conflict && error?.message.contains(one.text) == true)
    #expect(bench.machine.state.moduleDigest == [8])
    try bench.machine.installModule([8])
  }

  @Test("What is installed already changes nothing, and is offered again where it was refused")
  func again() throws {
    let bench = try equipped(1)
    let revision = bench.machine.state.map.revision
    try install([1], bench)
    #expect(bench.machine.state.map.revision == revision && bench.sent.isEmpty)
    try install([2], bench)
    try tell(bench)
    try bench.answer("the module", .failure(refusal))
    try install([2], bench)
    #expect(receivers(bench) == [one])
  }

  @Test("A coordinator that starts again goes on with the roll")
  func restart() throws {
    let bench = try equipped(3)
    try install([2], bench)
    try tell(bench)
    try bench.answer("the module", by: one)
    let next = try bench.restarted()
    #expect(next.machine.state.isModuleRolling)
    try settle(next)
    #expect(next.durable.map.modules == [[2]])
    #expect(next.told.values.allSatisfy { $0.moduleDigest == [2] })
  }

  @Test("A state of a program that told nodes of no modules is taken over by a roll")
  func olderState() throws {
    var state = try equipped(2).durable
    let revision = state.map.revision
    state.map.modules = nil
    state.isModuleRolling = true
    let bench = try CoordinatorBench(state)
    #expect(bench.machine.state.map.modules == [[1]])
    #expect(bench.machine.state.map.revision == revision + 1)
  }
}

/// Modules and changes of the ring.
@Suite struct ModuleChangeTests {
  private let one = Principal.canister(number: 1)
  private let two = Principal.canister(number: 2)
  private let refusal = ClusterError(.conflict, "it does not load here")

  private func equipped() throws -> CoordinatorBench {
    let bench = try CoordinatorBench.settled()
    try bench.machine.installModule([1])
    bench.advance()
    for _ in 0..<5 { try bench.carryOn() }
    #expect(bench.machine.state.isModuleRolling == false && bench.sent.isEmpty)
    return bench
  }

  /// The first node has nothing left to do for the ring.
  private func rest(_ bench: CoordinatorBench) {
    bench.report(
      one, identity: one, epoch: 1, revision: bench.machine.state.map.revision, module: [1])
  }

  @Test("A new node gets the module before it is initialised")
  func newNode() throws {
    let bench = try equipped()
    try bench.join(upTo: .launched)
    bench.report(two, identity: nil, epoch: 0)
    try bench.answer("the module")
    try bench.answer("its initialisation")
  }

  @Test("A new node that does not take the module does not join")
  func refusingNewNode() throws {
    let bench = try equipped()
    try bench.join(upTo: .launched)
    bench.report(two, identity: nil, epoch: 0)
    try bench.answer("the module", .failure(refusal))
    bench.now += bench.machine.settings.launchTimeout + 1
    bench.advance()
    #expect(bench.machine.state.change == nil && bench.machine.failures == 1)
    #expect(bench.machine.state.map.members == [one])
  }

  @Test("A change outlasts a module on its way to a new node, but not one that is never taken")
  func slowModule() throws {
    let bench = try equipped()
    try bench.join(upTo: .launched)
    bench.report(two, identity: nil, epoch: 0)
    let patience = bench.machine.settings.launchTimeout
    for _ in 0..<3 {
      bench.now += patience
      bench.advance()
    }
    #expect(bench.machine.state.change != nil)
    try bench.answer("the module", .failure(refusal))
    bench.now += patience
    bench.advance()
    #expect(bench.machine.state.change != nil && bench.sent.map(\.message.name) == ["the module"])
    bench.now += 1
    bench.advance()
    #expect(bench.machine.state.change == nil && bench.machine.failures == 1)
  }

  @Test("A change outlasts a module on its way to a member")
  func slowMember() throws {
    let bench = try equipped()
    try bench.machine.installModule([2])
    bench.persist()
    try bench.answer("the ring")
    rest(bench)
    try bench.machine.addNodes(reason: "test", now: bench.now)
    bench.persist()
    bench.running(two, "node:2")
    bench.report(two, identity: nil, epoch: 0)
    try bench.answer("the module", by: two)
    bench.now += 2 * bench.machine.settings.launchTimeout
    bench.advance()
    try bench.answer("the module", by: one)
    #expect(bench.sent.map(\.message.name) == ["its initialisation"])
  }

  @Test("While a module is refused, new nodes get the one before, and the cluster can grow")
  func growAmidHalt() throws {
    let bench = try equipped()
    try bench.machine.installModule([2])
    bench.persist()
    try bench.answer("the ring")
    try bench.answer("the module", .failure(refusal))
    rest(bench)
    try bench.machine.addNodes(reason: "test", now: bench.now)
    bench.persist()
    bench.running(two, "node:2")
    bench.report(two, identity: nil, epoch: 0)
    guard case .uploadModule(let digest, _)? = bench.sent.first?.message else {
      Issue.record("no module is sent")
      return
    }
    #expect(digest == [1])
    try bench.answer("the module")
    try bench.answer("its initialisation")
  }

  @Test("Members take no module while the ring changes, and a change waits for one that does")
  func changeAndRoll() throws {
    let bench = try equipped()
    try bench.machine.installModule([2])
    bench.persist()
    try bench.answer("the ring")
    #expect(bench.sent.map(\.message.name) == ["the module"])
    rest(bench)
    try bench.machine.addNodes(reason: "test", now: bench.now)
    bench.persist()
    bench.running(two, "node:2")
    bench.report(two, identity: nil, epoch: 0)
    try bench.answer("the module", by: two)
    #expect(bench.sent.map(\.to) == [one], "the new node waits for the member")
    try bench.answer("the module", by: one)
    #expect(bench.sent.map(\.message.name) == ["its initialisation"])
    try bench.machine.installModule([3])
    bench.persist()
    try bench.answer("its initialisation", by: two)
    let names = Set(bench.sent.map(\.message.name))
    #expect(!names.contains("the module"))
    for _ in 0..<10 { try bench.carryOn() }
    #expect(bench.machine.state.map.members == [one, two])
    #expect(bench.durable.map.modules == [[3]])
    #expect(bench.told.values.allSatisfy { $0.moduleDigest == [3] })
  }
}
