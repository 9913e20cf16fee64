import ClusterTestKit
import Glibc
import HTTPTransport

/// Does harm as its seed says, one to three things at a time, and takes it back.
final class Nemesis {
  struct Settings {
    var seed: UInt64
    var duration: Duration
    var isolation: Isolation
    var disk: SmallDisk?
  }

  /// How a fault is taken back.
  private enum Remedy {
    case goOn(NodeProcess)
    case gatewayGoesOn
    case startGateway
    case freeDisk(SmallDisk, Repeater)
    case mend(Isolation.Cut, port: UInt16)
  }

  private let cluster: TortureCluster
  private let settings: Settings
  private var random: ClusterTestKit.SplitMix64
  private var deck: [Fault] = []
  private var remedies: [Remedy] = []
  private var isGatewayAway = false
  private(set) var faults: [String: UInt64] = [:]
  private(set) var changes: [String: UInt64] = [:]
  /// What the gateway does not know how to do.
  private var unknownChanges: Set<Change> = []

  private static let endTime = Duration.seconds(30)

  private var mainLine: MainLine { cluster.mainLine }
  private var processes: TortureProcesses { cluster.processes }

  init(_ cluster: TortureCluster, settings: Settings) {
    self.cluster = cluster
    self.settings = settings
    random = ClusterTestKit.SplitMix64(seed: settings.seed)
  }

  /// Works until its time is up, then takes back what still stands.
  func run(_ progress: (Double) -> Void) throws(CommandFailure) {
    let begin = MonotonicTime.current()
    while true {
      let passed = MonotonicTime.current() - begin
      progress(passed.seconds / settings.duration.seconds)
      guard passed < settings.duration else { break }
      try round()
    }
    try heal()
  }

  /// Takes everything back.
  func heal() throws(CommandFailure) {
    let due = remedies
    remedies = []
    for remedy in due { try take(remedy) }
  }

  private func take(_ remedy: Remedy) throws(CommandFailure) {
    switch remedy {
    case .goOn(let node): processes.signal(SIGCONT, node)
    case .gatewayGoesOn: processes.signalGateway(SIGCONT)
    case .startGateway:
      // An orderly end may still be on its way, and have been paused.
      processes.signalGateway(SIGCONT)
      let hasEnded = try mainLine.wait(atMost: Nemesis.endTime) { !processes.isGatewayRunning }
      guard hasEnded else { throw CommandFailure("the gateway did not end when it was told to") }
      try processes.startGateway()
      isGatewayAway = false
    case .freeDisk(let disk, let refill):
      refill.stop()
      disk.free()
    case .mend(let cut, let port):
      guard Isolation.setCut(cut, port: port, isActive: false) else {
        throw CommandFailure("port \(port) could not be connected again")
      }
    }
  }

  private func round() throws(CommandFailure) {
    if random.chance(0.6) { try change() }
    try mainLine.pause(.milliseconds(Int64(random.below(400))))
    for _ in 0..<(random.chance(0.3) ? (random.chance(0.3) ? 3 : 2) : 1) {
      try make(nextFault())
      try mainLine.pause(.milliseconds(Int64(random.below(300))))
    }
    try mainLine.pause(holdTime)
    try heal()
    try mainLine.pause(.milliseconds(Int64(200 + random.below(1_500))))
  }

  /// How long a round's faults last: some shorter, some longer than the timeouts around.
  private var holdTime: Duration {
    let longest = min(UInt64(settings.duration.seconds * 1_000) / 6, 9_000)
    if settings.duration >= .seconds(180), random.chance(0.03) {
      // Longer than a node may go without an answer before it counts as hung.
      return .milliseconds(Int64(31_000 + random.below(6_000)))
    }
    return .milliseconds(Int64(random.below(random.chance(0.7) ? longest / 5 + 1 : longest + 1)))
  }

  /// Every kind comes up, in an order that the seed shuffles, before one comes again.
  private func nextFault() -> Fault {
    if deck.isEmpty { deck = Fault.allCases.filter(isPossible).shuffled(using: &random) }
    return deck.removeLast()
  }

  private func isPossible(_ fault: Fault) -> Bool {
    switch fault {
    case .fillDisk: settings.disk != nil
    case .cutNode, .cutGateway: settings.isolation.hasNetwork
    default: true
    }
  }

  // MARK: - Changes of the cluster's size

  private func change() throws(CommandFailure) {
    guard let change = random.pick(Change.allCases.filter({ !unknownChanges.contains($0) })) else {
      return
    }
    try begin(change)
  }

  private func begin(_ change: Change) throws(CommandFailure) {
    let nodes = change == .drain ? processes.nodes : []
    let number = random.pick(nodes)?.name.split(separator: "-").last.map(String.init) ?? "1"
    switch try cluster.change(change, node: number) {
    case .begun: changes[change.rawValue, default: 0] += 1
    case .unknown: unknownChanges.insert(change)
    case .refused: break
    }
  }

  // MARK: - Faults

  private func make(_ fault: Fault) throws(CommandFailure) {
    var sources: [NodeProcess] = []
    if fault.beginsChange {
      sources = processes.nodes
      try begin(.up)
      let strikes = Int64(random.below(250))
      if fault == .killJoiningNode {
        let known = sources
        _ = try mainLine.wait(atMost: .seconds(1)) { !Set(processes.nodes).isSubset(of: known) }
      }
      try mainLine.pause(.milliseconds(strikes))
    }
    if try strike(fault, sources) { faults[fault.rawValue, default: 0] += 1 }
  }

  /// Returns whether there was something to strike.
  private func strike(_ fault: Fault, _ sources: [NodeProcess]) throws(CommandFailure) -> Bool {
    switch fault {
    case .killNode:
      return random.pick(processes.nodes).map { processes.signal(SIGKILL, $0) } ?? false
    case .killJoiningNode:
      let joining = processes.nodes.filter { !sources.contains($0) }
      return random.pick(joining).map { processes.signal(SIGKILL, $0) } ?? false
    case .killSource:
      return random.pick(sources).map { processes.signal(SIGKILL, $0) } ?? false
    case .killGateway, .killGatewayAmidChange:
      return takeGatewayAway(SIGKILL)
    case .killAll:
      for node in processes.nodes { processes.signal(SIGKILL, node) }
      return takeGatewayAway(SIGKILL)
    case .pauseNode:
      guard let node = random.pick(processes.nodes) else { return false }
      remedies.append(.goOn(node))
      return processes.signal(SIGSTOP, node)
    case .pauseGateway:
      guard processes.isGatewayRunning else { return false }
      processes.signalGateway(SIGSTOP)
      remedies.append(.gatewayGoesOn)
      return true
    case .restartNode:
      return random.pick(processes.nodes).map { processes.signal(SIGTERM, $0) } ?? false
    case .restartGateway, .cancelChange:
      return takeGatewayAway(SIGTERM)
    case .fillDisk: return fillDisk()
    case .cutNode:
      let address = random.pick(processes.nodes).flatMap(processes.address)
      return address.map { cut($0) } ?? false
    case .cutGateway:
      return processes.gatewayAddress.map { cut($0) } ?? false
    }
  }

  private func takeGatewayAway(_ signal: Int32) -> Bool {
    guard processes.isGatewayRunning else { return false }
    // One that is paused would only end when it goes on.
    processes.signalGateway(SIGCONT)
    processes.signalGateway(signal)
    // One that was told to end before may still be on its way.
    if !isGatewayAway { remedies.append(.startGateway) }
    isGatewayAway = true
    return true
  }

  private func fillDisk() -> Bool {
    guard let disk = settings.disk else { return false }
    disk.fill()
    // What the nodes free meanwhile is taken as well.
    let refill = Repeater(loop: mainLine.loop, interval: .milliseconds(200)) { disk.fill() }
    remedies.append(.freeDisk(disk, refill))
    return true
  }

  private func cut(_ address: SocketAddress) -> Bool {
    let cut = random.pick(Array(Isolation.Cut.allCases)) ?? .both
    guard Isolation.setCut(cut, port: address.port, isActive: true) else { return false }
    remedies.append(.mend(cut, port: address.port))
    return true
  }
}

/// Does something again and again, on a loop.
final class Repeater {
  private let loop: EventLoop
  private let interval: Duration
  private let body: () -> Void
  private var isStopped = false

  init(loop: EventLoop, interval: Duration, _ body: @escaping () -> Void) {
    self.loop = loop
    self.interval = interval
    self.body = body
    repeatLater()
  }

  func stop() { isStopped = true }

  private func repeatLater() {
    loop.schedule(after: interval) { [weak self] in
      guard let self, !isStopped else { return }
      body()
      repeatLater()
    }
  }
}
