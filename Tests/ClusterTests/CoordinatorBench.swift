import Candid
import Placement
import Testing

@testable import Cluster

/// A `CoordinatorMachine` whose nodes, messages and disk are in the hands of the test.
final class CoordinatorBench {
  var machine: CoordinatorMachine
  var now: UInt64 = 1_000
  /// What a crash now would leave.
  private(set) var durable: CoordinatorState

  private var persists: [(sequence: UInt64, state: CoordinatorState)] = []
  private(set) var launched: [Principal] = []
  var notes: [String] = []
  private(set) var destroyed: [Principal] = []
  /// Nodes that were to start again.
  private(set) var startedAgain: [Principal] = []
  /// What the nodes that do what they are told would report.
  var told: [Principal: NodeReport] = [:]
  private(set) var sent: [(request: UInt64, to: Principal, message: CoordinatorMessage)] = []

  static let one = Principal.canister(number: 1)
  static let two = Principal.canister(number: 2)

  init(_ state: CoordinatorState? = nil) throws {
    durable = try state ?? .fresh(hashKey: NodeBench.hashKey, capacity: 16)
    machine = CoordinatorMachine(state: durable)
  }

  /// A cluster of one settled node.
  static func settled() throws -> CoordinatorBench {
    let bench = try CoordinatorBench()
    bench.advance()
    bench.persist()
    bench.running(one, "node:1")
    bench.persist()
    bench.report(one, identity: nil, epoch: 0)
    try bench.answer("its initialisation")
    bench.report(one, epoch: 1, revision: bench.machine.state.map.revision)
    bench.persist()
    try #require(bench.machine.isSettled)
    return bench
  }

  // MARK: - The driver

  /// An event's advance, and that of the tick after it.
  func advance() {
    machine.advance(now: now)
    machine.advance(now: now)
    collect()
  }

  private func collect() {
    for action in machine.takeActions() {
      switch action {
      case .persist(let sequence, let bytes):
        if let state = try? CoordinatorState(encoded: bytes) { persists.append((sequence, state)) }
      case .launch(let node, _): launched.append(node)
      case .destroy(let node): destroyed.append(node)
      case .send(let request, let node, _, let message): sent.append((request, node, message))
      case .restart(let node): startedAgain.append(node)
      case .note(let text): notes.append(text)
      }
    }
  }

  /// What waits for the disk becomes durable.
  func persist() {
    collect()
    guard let last = persists.last else { return }
    durable = last.state
    persists = []
    machine.persisted(last.sequence)
    advance()
  }

  func failPersists() {
    persists = []
    machine.persistFailed("refused by the test")
    collect()
  }

  /// Another coordinator takes over what is durable.
  func restarted() throws -> CoordinatorBench {
    let bench = try CoordinatorBench(durable)
    bench.now = now
    bench.told = told
    bench.advance()
    return bench
  }

  // MARK: - Nodes

  func running(_ node: Principal, _ address: String) {
    machine.nodeRunning(node, address: address, now: now)
    advance()
  }

  func stopped(_ node: Principal) {
    machine.nodeStopped(node, reason: "killed by the test", now: now)
    advance()
  }

  func report(
    _ node: Principal, identity: Principal?, epoch: UInt64, revision: UInt64 = 1, keys: UInt64 = 0,
    bytes: UInt64 = 0, handover: HandoverStatus? = nil, isPurging: Bool = false,
    module: [UInt8]? = nil
  ) {
    let report = NodeReport(
      identity: identity, status: .ready, keys: keys, bytes: bytes, epoch: epoch,
      revision: revision, handover: handover, isPurging: isPurging, moduleDigest: module)
    told[node] = report
    machine.reported(
      node, report, carriedOut: machine.nodes[node]?.carriedOut ?? 0, now: now)
    advance()
  }

  /// A settled node bears this load.
  func bear(_ node: Principal, _ load: ScalePolicy.Load) {
    guard var report = told[node] else { return }
    report.keys = load.keys
    report.bytes = load.bytes
    report.requestsPerSecond = load.requestsPerSecond
    report.utilisation = load.utilisation
    report.latencyP99 = load.latencyP99
    told[node] = report
    machine.reported(
      node, report, carriedOut: machine.nodes[node]?.carriedOut ?? 0, now: now)
    advance()
  }

  func report(
    _ node: Principal, epoch: UInt64, revision: UInt64 = 1, keys: UInt64 = 0, bytes: UInt64 = 0,
    phase: String? = nil, sent: UInt64 = 0, isPurging: Bool = false
  ) {
    report(
      node, identity: node, epoch: epoch, revision: revision, keys: keys, bytes: bytes,
      handover: phase.map {
        HandoverStatus(epoch: epoch + 1, phase: $0, sentKeys: sent, backlog: 0, progress: nil)
      }, isPurging: isPurging)
  }

  /// Answers the one message that waits, which must be of this name.
  func answer(
    _ name: String, _ result: Result<Void, ClusterError> = .success(()),
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    #expect(sent.map(\.message.name) == [name], sourceLocation: location)
    let first = try #require(sent.first, sourceLocation: location)
    sent.removeFirst()
    if case .success = result { obey(first.message, at: first.to) }
    machine.replied(first.request, result, now: now)
    advance()
  }

  /// Answers the first message that waits for `node`, which must be of this name.
  func answer(_ name: String, by node: Principal) throws {
    let index = try #require(sent.firstIndex { $0.to == node })
    let message = sent.remove(at: index)
    #expect(message.message.name == name)
    obey(message.message, at: node)
    machine.replied(message.request, .success(()), now: now)
    advance()
  }

  /// Answers the first message that waits, which must be of this name.
  func answerFirst(_ name: String) throws {
    let first = try #require(sent.first)
    #expect(first.message.name == name)
    sent.removeFirst()
    obey(first.message, at: first.to)
    machine.replied(first.request, .success(()), now: now)
    advance()
  }

  /// No message that waits reaches its node.
  func loseMessages() {
    while !sent.isEmpty {
      let lost = sent.removeFirst()
      machine.replied(
        lost.request, .failure(ClusterError(.overloaded, "no answer")), now: now)
    }
    now += 50
  }

  // MARK: - Nodes that do what they are told

  /// Starts what is launched, carries out what is asked, until nothing is left to do.
  func carryOn() throws {
    for _ in 0..<200 {
      persist()
      for node in destroyed where machine.state.departed.contains(node) {
        machine.destroyed(node)
      }
      for (node, view) in machine.nodes {
        guard case .launching = view.process else { continue }
        running(node, machine.state.map.addresses[node] ?? "node:\(node.canisterNumber ?? 0)")
      }
      let messages = sent
      sent = []
      for entry in messages {
        obey(entry.message, at: entry.to)
        machine.replied(entry.request, .success(()), now: now)
      }
      for (node, view) in machine.nodes where view.address != nil {
        machine.reported(
          node, told[node] ?? Self.newcomer,
          carriedOut: machine.nodes[node]?.carriedOut ?? 0, now: now)
      }
      advance()
      now += 50
      if machine.isSettled, sent.isEmpty, machine.state.departed.isEmpty { return }
    }
    throw ClusterError(.conflict, "the cluster never rests: \(machine.state.change as Any)")
  }

  private static let newcomer = NodeReport(
    identity: nil, status: .initialized, keys: 0, bytes: 0, epoch: 0, revision: 0, handover: nil,
    isPurging: false, moduleDigest: nil)

  private func obey(_ message: CoordinatorMessage, at node: Principal) {
    var report = told[node] ?? Self.newcomer
    func phase(_ epoch: UInt64, _ phase: String) -> HandoverStatus {
      HandoverStatus(epoch: epoch, phase: phase, sentKeys: 0, backlog: 0, progress: nil)
    }
    switch message {
    case .initialise(let identity, let map):
      report.identity = identity
      (report.epoch, report.revision) = (map.ring.epoch, map.revision)
    case .prepare(let map): report.handover = phase(map.ring.epoch, "copied")
    case .fence(let epoch): report.handover = phase(epoch, "fenced")
    case .ringChanged(let map):
      (report.epoch, report.revision) = (map.ring.epoch, map.revision)
      report.handover = nil
    case .abort: report.handover = nil
    case .uploadModule(let digest, _): report.moduleDigest = digest
    }
    told[node] = report
  }

  /// A settled cluster of `count` nodes.
  static func settled(_ count: Int) throws -> CoordinatorBench {
    let bench = try settled()
    if count > 1 {
      try bench.machine.addNodes(count - 1, reason: "test", now: bench.now)
      bench.advance()
      try bench.carryOn()
    }
    return bench
  }

  // MARK: - A join up to some step

  enum Step: Int, CaseIterable {
    case planned, launched, initialised, targetPrepared, copying, fencing, deciding, decided,
      flipped
  }

  /// Leads the join of node 2 to node 1 up to `step`.
  func join(upTo step: Step) throws {
    try machine.addNodes(reason: "test", now: now)
    advance()
    if step == .planned { return }
    persist()
    running(Self.two, "node:2")
    if step == .launched { return }
    report(Self.two, identity: nil, epoch: 0)
    try answer("its initialisation")
    if step == .initialised { return }
    try answer("the preparation of a handover")
    if step == .targetPrepared { return }
    try answer("the preparation of a handover")
    report(Self.two, epoch: 1, phase: "copying")
    if step == .copying { return }
    report(Self.one, epoch: 1, revision: machine.state.map.revision, phase: "copied")
    if step == .fencing { return }
    try answer("the fence")
    if step == .deciding { return }
    persist()
    if step == .decided { return }
    try answer("the ring")
  }
}
