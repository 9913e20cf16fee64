import Candid
import Placement
import Testing

@testable import Cluster

/// The coordinator's rolling restart: one node at a time, and the first that fails ends it.
@Suite struct RollingRestartTests {
  private let nodes = (1...3).map { Principal.canister(number: $0) }

  private func bench() throws -> CoordinatorBench {
    let bench = try CoordinatorBench.settled(3)
    for node in nodes { report(bench, node, incarnation: 1) }
    return bench
  }

  /// A rolling restart of all nodes whose first turn has begun.
  private func begun() throws -> CoordinatorBench {
    let bench = try bench()
    try bench.machine.beginRestarts(of: nodes, now: bench.now)
    bench.advance()
    bench.persist()
    return bench
  }

  /// The same, with the first node told to start again.
  private func ordered() throws -> CoordinatorBench {
    let bench = try begun()
    bench.machine.restartAnswered(nodes[0], .success(()), now: bench.now)
    return bench
  }

  private func report(
    _ bench: CoordinatorBench, _ node: Principal, incarnation: UInt64,
    status: NodeStatus = .ready, digest: String? = nil, isPurging: Bool = false
  ) {
    let map = bench.machine.state.map
    let report = NodeReport(
      identity: node, status: status, keys: 0, bytes: 0, epoch: map.ring.epoch,
      revision: map.revision, handover: nil, isPurging: isPurging, moduleDigest: nil,
      incarnation: incarnation, ringDigest: digest ?? map.digestText)
    bench.told[node] = report
    bench.machine.reported(
      node, report, carriedOut: bench.machine.nodes[node]?.carriedOut ?? 0, now: bench.now)
    bench.advance()
  }

  /// Lets a node have its turn.
  private func turn(_ bench: CoordinatorBench, _ node: Principal, incarnation: UInt64 = 2) {
    bench.persist()
    bench.machine.restartAnswered(node, .success(()), now: bench.now)
    bench.machine.reportFailed(node)
    bench.advance()
    back(bench, node, incarnation: incarnation)
  }

  /// Has a node that has started again stay ready for long enough.
  private func back(_ bench: CoordinatorBench, _ node: Principal, incarnation: UInt64 = 2) {
    report(bench, node, incarnation: incarnation)
    bench.now += 3_000
    report(bench, node, incarnation: incarnation)
  }

  @Test("Nodes start again one after the other, each once the one before is back")
  func oneAtATime() throws {
    let bench = try bench()
    try bench.machine.beginRestarts(of: nodes, now: bench.now)
    bench.advance()
    #expect(bench.startedAgain.isEmpty, "nobody is told before it is durable")
    bench.persist()
    #expect(bench.startedAgain == [nodes[0]])
    turn(bench, nodes[0])
    bench.persist()
    #expect(bench.startedAgain == [nodes[0], nodes[1]])
    turn(bench, nodes[1])
    turn(bench, nodes[2])
    bench.persist()
    #expect(bench.startedAgain == nodes)
    #expect(bench.durable.restarts?.outcome == .done)
    #expect(!bench.machine.isRestarting)
  }

  enum NotBack: CaseIterable {
    case sameProcess, notReady, otherRing, movesKeys
  }

  @Test(
    "A node is not back before another process of it is ready and in its place",
    arguments: NotBack.allCases)
  func back(_ way: NotBack) throws {
    let bench = try ordered()
    switch way {
    case .sameProcess: report(bench, nodes[0], incarnation: 1)
    case .notReady: report(bench, nodes[0], incarnation: 2, status: .initialized)
    case .otherRing: report(bench, nodes[0], incarnation: 2, digest: "0123")
    case .movesKeys: report(bench, nodes[0], incarnation: 2, isPurging: true)
    }
    bench.persist()
    #expect(bench.machine.state.restarts?.done == 0 && bench.startedAgain == [nodes[0]])
    bench.now += 61_000
    bench.advance()
    let failure = try #require(bench.machine.state.restarts?.failure)
    #expect(failure.contains(nodes[0].text) && failure.contains("within 60 s"))
    #expect(failure.contains("2 nodes after it had no restart"))
    bench.persist()
    #expect(bench.durable.restarts?.outcome == .failed && bench.startedAgain == [nodes[0]])
  }

  @Test("A node is back only once one process of it has stayed ready, by fresh reports")
  func dwell() throws {
    let bench = try ordered()
    report(bench, nodes[0], incarnation: 2)
    bench.now += 2_999
    report(bench, nodes[0], incarnation: 2)
    #expect(bench.machine.state.restarts?.done == 0)
    report(bench, nodes[0], incarnation: 3)
    bench.now += 3_000
    bench.advance()
    #expect(bench.machine.state.restarts?.done == 0, "the report is of before")
    report(bench, nodes[0], incarnation: 3)
    #expect(bench.machine.state.restarts?.done == 1)
  }

  @Test("A node that starts once more after its turn ends it")
  func fallsAfterItsTurn() throws {
    let bench = try begun()
    turn(bench, nodes[0])
    report(bench, nodes[0], incarnation: 3)
    bench.persist()
    let failure = try #require(bench.durable.restarts?.failure)
    #expect(failure.contains(nodes[0].text) && failure.contains("started once more"))
    #expect(bench.durable.restarts?.outcome == .failed)
  }

  @Test("No node is told to start again while another is out of order")
  func disorderBeforeOrder() throws {
    let bench = try bench()
    try bench.machine.beginRestarts(of: nodes, now: bench.now)
    bench.advance()
    bench.machine.reportFailed(nodes[2])
    bench.persist()
    #expect(bench.startedAgain.isEmpty)
    report(bench, nodes[2], incarnation: 1)
    #expect(bench.startedAgain == [nodes[0]])
  }

  @Test("A node that does not start any more ends it before the time is up, with the reason")
  func doesNotStart() throws {
    let bench = try ordered()
    for _ in 0..<3 { bench.stopped(nodes[0]) }
    let failure = try #require(bench.machine.state.restarts?.failure)
    #expect(failure.contains("does not start any more: killed by the test"))
  }

  @Test("What a node refuses ends it; an order that is lost is given again")
  func orders() throws {
    let bench = try begun()
    let lost = ClusterError(.overloaded, "no answer")
    bench.machine.restartAnswered(nodes[0], .failure(lost), now: bench.now)
    bench.advance()
    #expect(bench.startedAgain.count == 1)
    bench.now += 1_000
    bench.advance()
    #expect(bench.startedAgain == [nodes[0], nodes[0]])
    bench.machine.restartAnswered(
      nodes[0], .failure(ClusterError(.conflict, "there is no program")), now: bench.now)
    #expect(bench.machine.state.restarts?.failure?.contains("there is no program") == true)
  }

  @Test("The ring does not change meanwhile, and no other restart begins")
  func exclusion() throws {
    let bench = try bench()
    try bench.machine.beginRestarts(of: [nodes[2]], now: bench.now)
    bench.advance()
    let isConflict = { (error: any Error) in (error as? ClusterError)?.code == .conflict }
    #expect(throws: ClusterError.self) { try bench.machine.addNodes(reason: "", now: bench.now) }
    #expect {
      try bench.machine.removeNodes([nodes[0]], reason: "", now: bench.now)
    } throws: {
      isConflict($0)
    }
    #expect {
      try bench.machine.beginRestarts(of: nodes, now: bench.now)
    } throws: {
      isConflict($0)
    }
    var scaler = Scaler(.threshold(keys: 1))
    guard case .stay(let reason) = scaler.decide(bench.machine, now: bench.now) else {
      Issue.record("the scaler works amid a rolling restart")
      return
    }
    #expect(reason == "a rolling restart is under way")
    try bench.machine.cancelRestarts()
    #expect(bench.machine.state.restarts?.outcome == .cancelled)
    #expect(throws: ClusterError.self) { try bench.machine.cancelRestarts() }
    try bench.machine.addNodes(reason: "", now: bench.now)
    #expect {
      try bench.machine.beginRestarts(of: nodes, now: bench.now)
    } throws: {
      isConflict($0)
    }
  }

  @Test("Nodes that are no members, none, and one named twice are refused")
  func wrongNodes() throws {
    let bench = try bench()
    for wrong in [[Principal.canister(number: 9)], [], [nodes[0], nodes[0]]] {
      #expect(throws: ClusterError.self) {
        try bench.machine.beginRestarts(of: wrong, now: bench.now)
      }
    }
    bench.machine.reportFailed(nodes[1])
    #expect(throws: ClusterError.self) {
      try bench.machine.beginRestarts(of: nodes, now: bench.now)
    }
  }

  @Test("A coordinator that ends amid a turn goes on with it", arguments: [false, true])
  func takenOver(hasRestarted: Bool) throws {
    let first = try begun()
    #expect(first.startedAgain == [nodes[0]])
    let bench = try first.restarted()
    for node in nodes { bench.running(node, "node:\(node.canisterNumber ?? 0)") }
    report(bench, nodes[1], incarnation: 1)
    report(bench, nodes[2], incarnation: 1)
    back(bench, nodes[0], incarnation: hasRestarted ? 2 : 1)
    bench.persist()
    if hasRestarted {
      #expect(bench.startedAgain == [nodes[1]])
    } else {
      #expect(bench.startedAgain == [nodes[0]])
      turn(bench, nodes[0])
      bench.persist()
      #expect(bench.startedAgain == [nodes[0], nodes[1]])
    }
  }

  @Test("It waits for a node that is down, and is given up when that takes too long")
  func calm() throws {
    let bench = try ordered()
    bench.machine.reportFailed(nodes[2])
    back(bench, nodes[0])
    bench.persist()
    #expect(bench.machine.state.restarts?.done == 1 && bench.startedAgain == [nodes[0]])
    bench.now += 61_000
    bench.advance()
    let failure = try #require(bench.machine.state.restarts?.failure)
    #expect(failure.contains("\(nodes[2].text) does not answer"))
    #expect(bench.startedAgain == [nodes[0]])
  }
}
