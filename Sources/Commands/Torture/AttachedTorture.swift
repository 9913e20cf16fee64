import ClusterTestKit
import Foundation
import Glibc
import HTTPTransport
import ScaledStorageClient

/// Clients and judge of a fault run at a cluster that runs already, and that others harm or change
/// meanwhile.
final class AttachedTorture {
  struct Settings {
    var gateways: [HTTPEndpoint]
    var duration: Duration
    var seed: UInt64
    var keys: Int
    var clients: Int
    /// Whether every answer is fetched by the gateways, so that nodes need not be reachable.
    var alwaysProxies: Bool
    var patience: Duration?
    var security: TortureSender.Security
    /// Whether the keys stay when the run is over; those of a run that fails do in any case.
    var keepsKeys: Bool
  }

  private let settings: Settings
  private let mainLine: MainLine
  private let gateways: [SocketAddress]
  private let clients: TortureClients
  /// One to ask each gateway for the ring, in turn.
  private let engines: [ClusterEngine]
  private var nextEngine = 0
  private var isRefreshing = true
  /// When a signal ended it before its time.
  private var endedAt: MonotonicTime?

  private static let idleTime = Duration.seconds(30)
  private static let refreshInterval = Duration.milliseconds(500)

  /// - Throws: `TransportError` for a host without an address.
  init(_ settings: Settings) throws {
    self.settings = settings
    let loop = try EventLoop()
    mainLine = MainLine(loop: loop)
    var security = settings.security
    var gateways: [SocketAddress] = []
    var engines: [ClusterEngine] = []
    for endpoint in settings.gateways {
      let address = try endpoint.resolve()
      gateways.append(address)
      security.names[address] = endpoint.host
      var engine = ClusterEngine.Settings(endpoint: endpoint)
      engine.tls = security.tls
      engine.timeout = .seconds(1)
      engine.connectPatience = .milliseconds(200)
      engine.credential = security.credential
      engines.append(try ClusterEngine(loop: loop, engine))
    }
    self.gateways = gateways
    self.engines = engines
    clients = TortureClients(
      loop: loop,
      settings: TortureClients.Settings(
        clients: settings.clients, keys: settings.keys, seed: settings.seed,
        // What an earlier run with this seed left would be judged as this one's.
        prefix: "torture/\(String(UInt64.random(in: .min ... .max), radix: 36))/",
        alwaysProxies: settings.alwaysProxies, patience: settings.patience, security: security))
  }

  /// Runs until the time is up or a signal comes, then judges; a second signal ends at once.
  /// - Throws: `CommandFailure` when requests neither end nor are given up.
  func run() throws -> AttachedOutcome {
    try mainLine.loop.onSignals([SIGINT, SIGTERM, SIGHUP]) { [self] _ in
      // Some send a signal to the process and its group, which makes two of one.
      if let endedAt, MonotonicTime.current() - endedAt > .milliseconds(500) { exit(1) }
      endedAt = endedAt ?? .current()
    }
    clients.targets.gateways = gateways
    refresh()
    let begin = MonotonicTime.current()
    let beginClock = Date().timeIntervalSince1970
    clients.start()
    try load(since: begin)
    let seconds = (MonotonicTime.current() - begin).seconds
    clients.stop()
    isRefreshing = false
    clients.closeInterruptions()
    guard
      try mainLine.wait(atMost: AttachedTorture.idleTime, until: { clients.isIdle })
    else { throw CommandFailure("requests are never answered nor given up") }
    let judge = TortureJudge(
      mainLine, gateways: gateways, keys: clients.keys, sender: clients.sender)
    try judge.readBack()
    judge.checkHistories()
    let outcome = AttachedOutcome(
      seed: settings.seed, seconds: seconds, begin: beginClock, clients: clients, judge: judge)
    if outcome.pass, !settings.keepsKeys { try judge.deleteKeys() }
    return outcome
  }

  private func load(since begin: MonotonicTime) throws(CommandFailure) {
    var progress = ProgressDisplay("torture", unit: "operations")
    defer { progress.end() }
    while endedAt == nil {
      let passed = MonotonicTime.current() - begin
      guard passed < settings.duration else { return }
      progress.update(
        clients.counts.answered, fraction: passed.seconds / settings.duration.seconds)
      try mainLine.pause(.milliseconds(50))
    }
  }

  /// Asks for the nodes' addresses now and then, each time another gateway.
  private func refresh() {
    guard isRefreshing, !settings.alwaysProxies else { return }
    nextEngine = (nextEngine + 1) % engines.count
    engines[nextEngine].send(.query("ring")) { [weak self] result in
      guard let self else { return }
      if case .success(let reply) = result, reply.isSuccess,
        let ring: RingListing = try? reply.result()
      {
        clients.targets.nodes = ring.members.compactMap(\.address).compactMap {
          try? SocketAddress($0)
        }
      }
      mainLine.loop.schedule(after: AttachedTorture.refreshInterval) { [weak self] in
        self?.refresh()
      }
    }
  }
}
