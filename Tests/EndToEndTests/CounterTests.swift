import Foundation
import HTTPTransport
import Synchronization
import Testing

/// Writers that only increment counters by compare-and-swap, while the cluster changes under them.
final class CounterWriters: Sendable {
  struct Totals {
    /// Increments that were acknowledged, by counter.
    var acknowledged: [Int: Int] = [:]
    /// Increments whose fate a broken connection left open, by counter.
    var unknown: [Int: Int] = [:]
    var refused: [String] = []
    var longestPause = 0.0
  }

  private let totals = Mutex(Totals())
  private let isStopped = Atomic<Bool>(false)
  private let running = DispatchGroup()
  static let counters = 40

  /// - Parameter address: the gateway to ask at this moment; it may restart elsewhere.
  init(writers: Int, address: @escaping @Sendable () -> SocketAddress) {
    for writer in 0..<writers {
      running.enter()
      Thread.detachNewThread { [self] in
        defer { running.leave() }
        var turn = writer
        while !isStopped.load(ordering: .relaxed) {
          guard let user = try? HTTPUser(address()) else { continue }
          // A connection that broke is replaced by a new user.
          while !isStopped.load(ordering: .relaxed), increment(turn % Self.counters, user) {
            turn += writers
          }
        }
      }
    }
  }

  /// Returns whether the user's connections are sound.
  private func increment(_ counter: Int, _ user: HTTPUser) -> Bool {
    let target = "/kv/counter-\(counter)"
    let start = Date()
    var sent = false
    do {
      let current = try user.send(.get, target)
      let condition: (name: String, value: String)
      let value: Int
      switch current.status {
      case 200:
        value = Int(current.text) ?? -1
        condition = ("if-match", current.header("etag") ?? "")
      case 404: (value, condition) = (0, ("if-none-match", "*"))
      default:
        note(refused: "GET \(current.status) \(current.text)")
        return true
      }
      sent = true
      let written = try user.send(
        .put, target, body: String(value + 1), headers: [condition])
      totals.withLock { totals in
        switch written.status {
        case 200, 201: totals.acknowledged[counter, default: 0] += 1
        case 412: break
        default: totals.refused.append("PUT \(written.status) \(written.text)")
        }
        totals.longestPause = max(totals.longestPause, Date().timeIntervalSince(start))
      }
      return true
    } catch {
      totals.withLock { totals in
        if sent { totals.unknown[counter, default: 0] += 1 }
        totals.refused.append("\(error)")
      }
      return false
    }
  }

  private func note(refused text: String) {
    totals.withLock { $0.refused.append(text) }
  }

  var acknowledged: Int { totals.withLock { $0.acknowledged.values.reduce(0, +) } }

  /// What has been counted by now.
  var counts: Totals { totals.withLock { $0 } }

  func stop() -> Totals {
    isStopped.store(true, ordering: .relaxed)
    running.wait()
    return totals.withLock { $0 }
  }
}

extension EndToEnd {
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct CountersUnderChange {
    /// Every counter has what was acknowledged, and no key is there twice.
    static func check(_ totals: CounterWriters.Totals, _ user: HTTPUser) throws {
      for counter in 0..<CounterWriters.counters {
        let response = try user.send(.get, "/kv/counter-\(counter)")
        let value = response.status == 404 ? 0 : Int(response.text) ?? -1
        let acknowledged = totals.acknowledged[counter] ?? 0
        let unknown = totals.unknown[counter] ?? 0
        #expect(
          (acknowledged...acknowledged + unknown).contains(value),
          "counter \(counter): \(value), acknowledged \(acknowledged), unknown \(unknown)")
      }
      #expect(try user.sizes().reduce(0, +) == CounterWriters.counters)
    }

    private func grow(_ cluster: RunningCluster) throws {
      let credential = cluster.directory.appendingPathComponent("credential").path
      let result = try cluster.run(["scale", "up", "--credential-file", credential])
      #expect(result.status == 0, "\(result.output)")
    }

    @Test func noIncrementIsLostAndNoRequestFailsWhileTheClusterGrows() throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let address = cluster.address
      let writers = CounterWriters(writers: 4) { address }
      let user = try HTTPUser(address)
      for members in 2...4 {
        let before = writers.acknowledged
        while writers.acknowledged < before + 100 { usleep(1_000) }
        try grow(cluster)
        _ = try user.settledRing(members: members)
      }
      let totals = writers.stop()
      #expect(totals.refused.isEmpty, "\(totals.refused.prefix(3))")
      #expect(totals.unknown.isEmpty)
      try Self.check(totals, user)
    }

    enum Victim: CaseIterable {
      case newNode, source, gateway
    }

    @Test(arguments: Victim.allCases)
    func nothingAcknowledgedIsLostWhenOneIsKilledDuringGrowth(_ victim: Victim) throws {
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      let address = Mutex(cluster.address)
      let writers = CounterWriters(writers: 3) { address.withLock { $0 } }
      var user = try HTTPUser(cluster.address)
      try grow(cluster)
      _ = try user.settledRing(members: 2)
      for round in 0..<4 {
        let before = writers.acknowledged
        while writers.acknowledged < before + 50 { usleep(1_000) }
        let sources = Set(cluster.nodeProcesses)
        try grow(cluster)
        // Each round strikes at another moment of the handover.
        usleep(UInt32(20_000 + 25_000 * round))
        switch victim {
        case .newNode:
          for process in Set(cluster.nodeProcesses).subtracting(sources) { kill(process, SIGKILL) }
        case .source:
          if let process = sources.randomElement() { kill(process, SIGKILL) }
        case .gateway:
          cluster.killGateway()
          try cluster.start()
          address.withLock { $0 = cluster.address }
          user = try HTTPUser(cluster.address)
        }
        _ = try user.settledRing(members: 2)
      }
      let before = writers.acknowledged
      while writers.acknowledged < before + 50 { usleep(1_000) }
      let totals = writers.stop()
      try Self.check(totals, user)
      #expect(cluster.stop() == 0)
      #expect(cluster.nodeProcesses.isEmpty)
    }
  }
}
