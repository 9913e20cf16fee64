import Candid
import Cluster
import Placement
import ScaledStorage
import Storage
import WireProtocol

/// Measures changes of typed values, in turns.
struct ServiceBenchmark {
  struct Figure: Encodable {
    var change: String
    /// The median of the rounds.
    var nanoseconds: Double
  }

  let rounds: Int
  private static let changesPerRound = 4_096
  private static let keys = (0..<1_000).map { "player \($0)" }

  private struct Player: CandidRecord {
    var points = 0
    var games = 0
    static let candidFields = CandidFields(
      Player.init(points:games:), CandidMember("points", \.points), CandidMember("games", \.games))
  }

  private struct CodablePlayer: Codable {
    var points = 0
    var games = 0
  }

  func run() throws -> [Figure] {
    var players: [String: Player] = [:]
    var stored = try ServiceBenchmark.keys.map { _ in try CandidArguments.encode(Player()) }
    var candid = CanisterManager<Player>(shouldScaleUp: { _ in false })
    candid.update("add") { (context, name: String, points: Int) in
      try context.withUpsertData(name, default: Player()) { player in
        player.points += points
        player.games += 1
        return player.points
      }
    }
    var codable = CanisterManager<CodablePlayer>(shouldScaleUp: { _ in false })
    codable.update("add") { (context, name: String, points: Int) in
      try context.withUpsertData(name, default: CodablePlayer()) { player in
        player.points += points
        player.games += 1
        return player.points
      }
    }
    let plainNode = try ServiceAtNode(.builtIn)
    let candidNode = try ServiceAtNode(candid.application)
    let codableNode = try ServiceAtNode(codable.application)
    let bytes = [UInt8](repeating: 7, count: 20)
    let changes: [(name: String, body: (Int) throws -> Void)] = [
      (
        "dictionary",
        { number in
          players[ServiceBenchmark.keys[number % 1_000], default: Player()].points += 1
        }
      ),
      (
        "stored form",
        { number in
          var player = try CandidArguments.decode(stored[number % 1_000], as: Player.self)
          player.points += 1
          stored[number % 1_000] = try CandidArguments.encode(player)
        }
      ),
      ("bytes at a node", { try plainNode.put(ServiceBenchmark.keys[$0 % 1_000], bytes) }),
      ("method", { try candidNode.call("add", ServiceBenchmark.keys[$0 % 1_000]) }),
      ("method, Codable", { try codableNode.call("add", ServiceBenchmark.keys[$0 % 1_000]) }),
    ]
    return try measure(changes)
  }

  private func measure(
    _ changes: [(name: String, body: (Int) throws -> Void)]
  ) throws -> [Figure] {
    var samples = changes.map { _ in [Double]() }
    let clock = ContinuousClock()
    for round in 0...rounds {
      for (index, change) in changes.enumerated() {
        let time = try clock.measure {
          for number in 0..<ServiceBenchmark.changesPerRound { try change.body(number) }
        }
        // The first round warms up.
        guard round > 0 else { continue }
        let nanoseconds =
          Double(time.components.seconds) * 1e9 + Double(time.components.attoseconds) / 1e9
        samples[index].append(nanoseconds / Double(ServiceBenchmark.changesPerRound))
      }
    }
    return zip(changes, samples).map { change, samples in
      Figure(change: change.name, nanoseconds: samples.sorted()[samples.count / 2])
    }
  }
}

/// A service at a node without HTTP, whose store is in memory.
private final class ServiceAtNode {
  private let application: Application
  private let engine = MemoryEngine()
  private var machine: NodeMachine
  private var actions: [NodeAction] = []
  /// The calls of this turn; nil for bytes that are put.
  private var waiting: [KeyedCall?] = []
  private var ticket: UInt64 = 0
  private let request = CallRequest(
    method: "add", httpMethod: "POST", path: "/add", isSecure: false, isUpdate: true)
  private static let id = Principal.canister(number: 1)
  private static let now = Moment(wall: 1_000_000, monotonic: 1_000)
  private static let callsPerCommit = 64

  init(_ application: Application) throws {
    self.application = application
    machine = try NodeMachine(store: engine, limits: NodeMachine.Limits())
    let map = try ClusterMap.founding(
      ServiceAtNode.id, address: nil, hashKey: HashKey(1, 2, 3, 4), capacity: 16)
    machine.initialise(identity: ServiceAtNode.id, map: map, ticket: 0)
    try flush()
  }

  func call(_ method: String, _ key: String) throws {
    let body = try CandidArguments.encode(key, 1)
    let setting = CallSetting(
      request: request, node: ServiceAtNode.id, now: ServiceAtNode.now.wall,
      maximumValueBytes: 1 << 20)
    guard let call = try application.methods[method]?.read(body, .candid, setting) else { return }
    try execute(call.command, call.key, for: call)
  }

  func put(_ key: String, _ value: [UInt8]) throws {
    try execute(.put(value: value, ttl: nil, condition: .none), Array(key.utf8), for: nil)
  }

  private func execute(_ command: KeyCommand, _ key: [UInt8], for call: KeyedCall?) throws {
    ticket += 1
    if let reply = machine.execute(command, key: key, ticket: ticket, now: ServiceAtNode.now) {
      throw CommandFailure("the call was answered at once: \(reply)")
    }
    waiting.append(call)
    if waiting.count == ServiceAtNode.callsPerCommit { try flush() }
  }

  private func flush() throws {
    var answered = 0
    defer { waiting.removeAll(keepingCapacity: true) }
    _ = machine.advance(now: ServiceAtNode.now)
    machine.flush()
    machine.swapActions(&actions)
    while !actions.isEmpty {
      let done = actions
      actions.removeAll(keepingCapacity: true)
      for action in done {
        switch action {
        case .commit(let sequence, let batch):
          try engine.commit(batch)
          machine.committed(through: sequence)
        case .reply(_, let reply):
          // One after another: answers come in the order of their calls.
          _ = try waiting[answered]?.conclude(reply, ServiceAtNode.id, .candid)
          answered += 1
        default: break
        }
      }
      machine.flush()
      machine.swapActions(&actions)
    }
  }
}
