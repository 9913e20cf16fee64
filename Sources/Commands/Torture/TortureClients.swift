import ClusterTestKit
import HTTPTransport
import ScaledStorage

/// Clients that read, write, compare and set, delete and let values expire, each its own way: by
/// the gateway or straight at a node, following forward responses or having them followed.
final class TortureClients {
  struct Settings {
    var clients: Int
    var keys: Int
    var seed: UInt64
    /// What the names of the keys begin with.
    var prefix = ""
    /// Whether gateways fetch every answer, so that no client needs to reach a node.
    var alwaysProxies = false
    /// How long a request is waited for; nil for one time or another.
    var patience: Duration?
    var security = TortureSender.Security()
  }

  /// Where requests can be sent at this moment.
  struct Targets {
    var gateways: [SocketAddress] = []
    var nodes: [SocketAddress] = []
  }

  private let loop: EventLoop
  let sender: TortureSender
  private var random: ClusterTestKit.SplitMix64
  private var slots: [TorturedKey]
  private var generations: [Int]
  private var underWay = 0
  private var nextValue: UInt64 = 0
  private var isStopping = false
  /// When each client was answered last.
  private var answeredAt: [UInt64]
  private let settings: Settings

  var targets = Targets()
  private(set) var keys: [TorturedKey]
  private(set) var counts = TortureCounts()
  private(set) var interruptions = WriteInterruptions()
  /// Answers that the interface does not have.
  private(set) var broken: [String] = []
  /// The longest time, in microseconds, that a client went without any answer.
  private(set) var longestUnavailability: UInt64 = 0

  /// A longer history than this goes on under another key, so that it can be judged soon.
  private static let longestHistory = 1_500
  private static let longestTTL: UInt64 = 4
  private static let mostBroken = 10

  init(loop: EventLoop, settings: Settings) {
    self.loop = loop
    self.settings = settings
    sender = TortureSender(loop: loop, security: settings.security)
    random = ClusterTestKit.SplitMix64(seed: settings.seed)
    slots = (0..<settings.keys).map {
      TortureClients.key(settings.prefix, $0, generation: 0)
    }
    generations = Array(repeating: 0, count: settings.keys)
    keys = slots
    answeredAt = Array(repeating: 0, count: settings.clients)
  }

  private static func key(_ prefix: String, _ slot: Int, generation: Int) -> TorturedKey {
    let isCounter = slot % 3 == 2
    return TorturedKey(
      "\(prefix)\(isCounter ? "counter" : "register")/\(slot)/\(generation)",
      isCounter ? .counter : .register)
  }

  func start() {
    for client in 0..<settings.clients {
      answeredAt[client] = sender.now
      think(client)
    }
  }

  /// No further requests; those under way go on.
  func stop() {
    isStopping = true
  }

  var isIdle: Bool { isStopping && underWay == 0 }

  private func think(_ client: Int) {
    guard !isStopping else { return }
    let pause = Duration.microseconds(Int64(200 + random.below(12_000)))
    loop.schedule(after: pause) { [weak self] in self?.act(client) }
  }

  private func act(_ client: Int) {
    guard !isStopping else { return }
    let slot = Int(random.below(UInt64(slots.count)))
    if slots[slot].operations.count >= TortureClients.longestHistory {
      generations[slot] += 1
      slots[slot] = TortureClients.key(settings.prefix, slot, generation: generations[slot])
      keys.append(slots[slot])
    }
    let key = slots[slot]
    let place = Place(client: client, slot: slot)
    let done: () -> Void = { [weak self] in self?.think(client) }
    switch key.kind {
    case .counter: increment(key, place, done)
    case .register: perform(registerCommand(key), on: key, place) { _ in done() }
    }
  }

  /// Who asks, and the place of the key that is asked for.
  private struct Place {
    var client: Int
    var slot: Int
  }

  // MARK: - What is asked

  private func registerCommand(_ key: TorturedKey) -> KeyOperation.Command {
    let condition: KeyOperation.Condition =
      switch random.below(10) {
      case 0: .missing
      case 1: .exists
      case 2, 3: key.known.map { .version($0.version) } ?? .missing
      default: .none
      }
    switch random.below(20) {
    case 0..<7: return .get
    // A deletion of what is missing has no meaning over HTTP.
    case 7..<10: return .delete(condition: condition == .missing ? .none : condition)
    default:
      nextValue += 1
      let ttl = random.below(8) == 0 ? 1_000 * (1 + random.below(TortureClients.longestTTL)) : nil
      return .put(value: nextValue, ttl: ttl, condition: condition)
    }
  }

  private func increment(_ key: TorturedKey, _ place: Place, _ done: @escaping () -> Void) {
    perform(.get, on: key, place) { [weak self] outcome in
      guard let self, !isStopping else { return done() }
      switch outcome {
      case .value(let value, let version):
        let command = KeyOperation.Command.put(
          value: value + 1, ttl: nil, condition: .version(version))
        perform(command, on: key, place) { _ in done() }
      case .missing:
        perform(.put(value: 1, ttl: nil, condition: .missing), on: key, place) { _ in done() }
      default: done()
      }
    }
  }

  // MARK: - One request

  private func perform(
    _ command: KeyOperation.Command, on key: TorturedKey, _ place: Place,
    _ done: @escaping (KeyOperation.Outcome?) -> Void
  ) {
    guard let route = route() else { return done(nil) }
    let invoked = sender.now
    underWay += 1
    sender.send(command, key: key.bytes, by: route, connection: place.client) {
      [weak self] answer in
      guard let self else { return }
      underWay -= 1
      let returned = sender.now + 1
      switch answer {
      case .broken(let text):
        if broken.count < TortureClients.mostBroken { broken.append("\(key.name): \(text)") }
        counts.add(command, nil)
        done(nil)
      case .outcome(let outcome):
        counts.add(command, outcome)
        let operation = KeyOperation(command, outcome, invoked: invoked, returned: returned)
        key.add(operation)
        interruptions.add(operation, slot: place.slot)
        if outcome != .notDone, outcome != .unknown { noteAnswer(place.client, at: returned) }
        done(outcome)
      }
    }
  }

  private func noteAnswer(_ client: Int, at time: UInt64) {
    longestUnavailability = max(longestUnavailability, time - min(time, answeredAt[client]))
    answeredAt[client] = time
  }

  private func route() -> TortureSender.Route? {
    let gateway = random.pick(targets.gateways)
    let node = settings.alwaysProxies ? nil : random.pick(targets.nodes)
    let forward: TortureSender.Forward =
      !settings.alwaysProxies && random.below(2) == 0 ? .follow : .proxy
    let address = random.below(2) == 0 ? node ?? gateway : gateway ?? node
    // Most give up before a fault ends; some outlast it.
    let patience = settings.patience ?? .milliseconds(random.below(8) == 0 ? 3_000 : 400)
    return address.map {
      TortureSender.Route(address: $0, forward: forward, patience: patience)
    }
  }

  /// Counts the time since the latest acknowledged write as well, after the end.
  func closeInterruptions() { interruptions.close(begin: 0, end: sender.now) }
}
