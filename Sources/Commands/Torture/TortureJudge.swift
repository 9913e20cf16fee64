import Cluster
import ClusterTestKit
import HTTPTransport

/// Reads every key back when the faults have stopped, and holds all histories to the promises.
final class TortureJudge {
  private let mainLine: MainLine
  private let gateways: [SocketAddress]
  private let keys: [TorturedKey]
  private let sender: TortureSender
  private(set) var failures: [String] = []
  /// Keys that lost what was acknowledged, went back, or show what nobody can explain.
  private(set) var lostKeys: Set<String> = []
  private(set) var excerpt: [String] = []
  private(set) var checked: UInt64 = 0
  private(set) var undecided = 0
  private(set) var keysPresent: UInt64 = 0

  private static let concurrency = 16
  private static let attempts = 50
  private static let settleTime = Duration.seconds(30)
  private static let mostFailures = 20

  /// - Parameter gateways: where keys are read, in turn until one answers.
  init(
    _ mainLine: MainLine, gateways: [SocketAddress], keys: [TorturedKey], sender: TortureSender
  ) {
    self.mainLine = mainLine
    self.gateways = gateways
    self.keys = keys
    self.sender = sender
  }

  private func fail(_ key: TorturedKey, _ text: String) {
    lostKeys.insert(key.name)
    fail("\(key.name) \(text)")
  }

  private func fail(_ text: String) {
    if failures.count < TortureJudge.mostFailures { failures.append(text) }
  }

  // MARK: - Reading back

  /// Reads every key by the gateways and asks each of `nodes` for it, of which exactly one has to
  /// answer by itself.
  /// - Parameter nodes: empty asks none.
  func readBack(nodes: [SocketAddress] = []) throws(CommandFailure) {
    guard let first = gateways.first else { throw CommandFailure("there is no gateway") }
    var present: Set<String> = []
    try forEachKey { [self] key, done in
      read(key, at: first, attempts: TortureJudge.attempts) { [self] outcome in
        if case .value(let value, let version) = outcome {
          present.insert(key.name)
          judgeLastValue(of: key, value, version)
        } else if key.acknowledgedIncrements > 0 {
          fail(key, "is gone after \(key.acknowledgedIncrements) increments")
        }
        guard !nodes.isEmpty else { return done() }
        askNodes(nodes[...], for: key, served: 0, done)
      }
    }
    keysPresent = UInt64(present.count)
  }

  /// Deletes the keys, as far as that succeeds.
  func deleteKeys() throws(CommandFailure) {
    guard let gateway = gateways.first else { return }
    try forEachKey { [sender] key, done in
      let route = TortureSender.Route(address: gateway, forward: .proxy)
      sender.send(.delete(condition: .none), key: key.bytes, by: route) { _ in done() }
    }
  }

  private func forEachKey(
    _ body: @escaping (TorturedKey, @escaping () -> Void) -> Void
  ) throws(CommandFailure) {
    var next = 0
    var underWay = 0
    while next < keys.count || underWay > 0 {
      while next < keys.count, underWay < TortureJudge.concurrency {
        underWay += 1
        body(keys[next]) { underWay -= 1 }
        next += 1
      }
      try mainLine.pause(.milliseconds(1))
    }
  }

  /// A read that succeeds in the end: nothing is broken any more.
  private func read(
    _ key: TorturedKey, at address: SocketAddress, attempts: Int,
    _ done: @escaping (KeyOperation.Outcome?) -> Void
  ) {
    let invoked = sender.now
    let route = TortureSender.Route(address: address, forward: .proxy)
    sender.send(.get, key: key.bytes, by: route) { [self] answer in
      switch answer {
      case .outcome(.notDone), .outcome(.unknown):
        guard attempts > 1 else {
          fail(key, "cannot be read")
          return done(nil)
        }
        let next = gateways[attempts % gateways.count]
        mainLine.loop.schedule(after: .milliseconds(100)) { [self] in
          read(key, at: next, attempts: attempts - 1, done)
        }
      case .outcome(let outcome):
        key.add(KeyOperation(.get, outcome, invoked: invoked, returned: sender.now + 1))
        done(outcome)
      case .broken(let text):
        fail(key, "is answered with what cannot be: \(text)")
        done(nil)
      }
    }
  }

  private func judgeLastValue(of key: TorturedKey, _ value: UInt64, _ version: UInt64) {
    if version < key.greatestVersion {
      fail(key, "is at version \(version), after \(key.greatestVersion) was acknowledged")
    }
    let least = key.acknowledgedIncrements
    let most = least + key.uncertainIncrements
    if key.kind == .counter, !(least...most).contains(value) {
      fail(key, "counts \(value), which is not in \(least)...\(most)")
    }
  }

  /// Exactly one node answers for the key by itself; the others name it.
  private func askNodes(
    _ nodes: ArraySlice<SocketAddress>, for key: TorturedKey, served: Int,
    _ done: @escaping () -> Void
  ) {
    guard let node = nodes.first else {
      if served != 1 { fail(key, "is served by \(served) nodes") }
      return done()
    }
    let invoked = sender.now
    let route = TortureSender.Route(address: node, forward: .take)
    sender.attempt(.get, key: key.bytes, by: route) { [self] result in
      var isServed = 0
      if case .success(let response) = result, response.status != 307 {
        isServed = 1
        if case .outcome(let outcome) = TortureAnswer(result, to: .get) {
          key.add(KeyOperation(.get, outcome, invoked: invoked, returned: sender.now + 1))
        }
      }
      askNodes(nodes.dropFirst(), for: key, served: served + isServed, done)
    }
  }

  /// The nodes hold as many keys as can be read: none twice, no orphan.
  func compareSizes(in cluster: TortureCluster) throws(CommandFailure) {
    var total: UInt64 = 0
    let end = MonotonicTime.current() + TortureJudge.settleTime
    repeat {
      total = try cluster.members().reduce(0) { $0 + $1.info.size }
      if total == keysPresent { return }
      try mainLine.pause(.milliseconds(200))
    } while MonotonicTime.current() < end
    fail("the nodes hold \(total) keys, but \(keysPresent) can be read")
  }

  // MARK: - Histories

  func checkHistories() {
    var checker = LinearizabilityChecker()
    // The nodes judge expiry by the wall clock, which a time service may slew meanwhile.
    checker.clockUncertainty = 100_000
    for key in keys {
      checked += UInt64(key.operations.count { $0.outcome != .notDone })
      switch checker.check(key.operations) {
      case .linearizable: break
      case .undecided: undecided += 1
      case .violated(let operation, let text):
        fail(key, "is not linearizable: \(text)")
        if excerpt.isEmpty {
          excerpt = FailingHistory(key.operations, until: operation, checker: checker).lines
        }
      }
    }
  }
}
