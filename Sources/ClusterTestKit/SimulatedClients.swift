import Candid
import Cluster

/// Clients that read and write about a hundred keys and hold the cluster to its promises.
///
/// Registers are used by one request at a time, so that every answer can be judged exactly;
/// counters by many at once, so that increments race.
final class SimulatedClients {
  private unowned let cluster: SimulatedCluster
  private let simulator: Simulator

  static let registers = 64
  static let counters = 36

  private var histories = Array(repeating: KeyHistory(), count: registers)
  private var busy = Array(repeating: false, count: registers)
  private var tallies = Array(repeating: Tally(), count: counters)
  /// The highest version acknowledged, or shown by a read, by key.
  private var versions: [[UInt8]: Version] = [:]
  private var nextValue: UInt64 = 0
  private(set) var outstanding = 0
  private(set) var operations = Counts()
  var isStopped = false

  /// What is certain of a counter.
  private struct Tally {
    var acknowledged: UInt64 = 0
    /// Increments that were sent and not certainly refused, those acknowledged included.
    var most: UInt64 = 0
  }

  init(cluster: SimulatedCluster) {
    self.cluster = cluster
    simulator = cluster.simulator
  }

  static func registerKey(_ index: Int) -> [UInt8] { Array("register/\(index)".utf8) }
  static func counterKey(_ index: Int) -> [UInt8] { Array("counter/\(index)".utf8) }
  static let allKeys =
    (0..<registers).map(registerKey) + (0..<counters).map(counterKey)

  func start(clients: Int, pause: UInt64) {
    for _ in 0..<clients { think(pause) }
  }

  private func think(_ pause: UInt64) {
    simulator.after(1 + simulator.random.below(2 * pause)) { [weak self] in
      guard let self, !isStopped else { return }
      act { [weak self] in self?.think(pause) }
    }
  }

  private func act(_ done: @escaping () -> Void) {
    outstanding += 1
    let finished = { [weak self] in
      self?.outstanding -= 1
      done()
    }
    if simulator.random.chance(0.5) {
      increment(Int(simulator.random.below(UInt64(SimulatedClients.counters))), finished)
    } else {
      let index = Int(simulator.random.below(UInt64(SimulatedClients.registers)))
      guard !busy[index] else { return finished() }
      use(index, randomRequest(index), finished)
    }
  }

  /// Reads every key: what is lost now is lost for good.
  func readAll(_ done: @escaping () -> Void) {
    var left = SimulatedClients.registers + SimulatedClients.counters
    let finished = {
      left -= 1
      if left == 0 { done() }
    }
    for index in histories.indices { use(index, .get, mustSucceed: true, finished) }
    for index in tallies.indices {
      readCounter(index, mustSucceed: true) { _ in finished() }
    }
  }

  // MARK: - Registers

  private func randomRequest(_ index: Int) -> KeyHistory.Request {
    var condition = KeyCommand.Condition.none
    switch simulator.random.below(8) {
    case 0: condition = .missing
    case 1: condition = .exists
    case 2, 3: if let version = histories[index].knownVersion { condition = .version(version) }
    default: break
    }
    switch simulator.random.below(10) {
    case 0..<3: return .get
    case 3..<5: return .delete(condition)
    default:
      nextValue += 1
      var value: [UInt8] = []
      value.appendBigEndian(nextValue)
      value += Array(repeating: 0x2e, count: Int(simulator.random.below(40)))
      let ttl = simulator.random.chance(0.15) ? 50 + simulator.random.below(1_000) : nil
      return .put(value: value, ttl: ttl, condition)
    }
  }

  private func use(
    _ index: Int, _ request: KeyHistory.Request, mustSucceed: Bool = false,
    _ done: @escaping () -> Void
  ) {
    busy[index] = true
    let start = simulator.moment.wall
    let key = SimulatedClients.registerKey(index)
    let known = versions[key]
    perform(request.command, key: key, attempts: mustSucceed ? 100 : 8) { [self] outcome in
      busy[index] = false
      let span = start...simulator.moment.wall
      switch outcome {
      case .unreachable:
        if mustSucceed { simulator.violated("\(key.name) cannot be read") }
      case .lost:
        operations.add("without an answer")
        histories[index].lost(request, in: span)
      case .inDoubt:
        operations.add("without an answer")
        histories[index].doubted(request, in: span)
      case .reply(let reply):
        operations.add(request.name)
        if let wrong = histories[index].answered(reply, to: request, in: span) {
          simulator.violated("\(key.name): \(wrong)")
        }
        checkVersion(of: reply, key: key, after: known)
      }
      done()
    }
  }

  // MARK: - Counters

  private func increment(_ index: Int, _ done: @escaping () -> Void) {
    let key = SimulatedClients.counterKey(index)
    if simulator.random.chance(0.3) {
      write(
        index,
        .apply { record in
          .put(value: SimulatedClients.number((record?.number ?? 0) + 1), ttl: nil)
        }, key: key, retry: { done() }, done)
      return
    }
    readCounter(index) { [self] record in
      guard let record else { return done() }
      let condition = record.value == nil ? .missing : KeyCommand.Condition.version(record.version)
      write(
        index,
        .put(
          value: SimulatedClients.number(record.number + 1), ttl: nil, condition: condition),
        key: key,
        retry: { [self] in isStopped ? done() : increment(index, done) }, done)
    }
  }

  private func write(
    _ index: Int, _ command: KeyCommand, key: [UInt8], retry: @escaping () -> Void,
    _ done: @escaping () -> Void
  ) {
    tallies[index].most += 1
    let known = versions[key]
    perform(command, key: key, attempts: 8) { [self] outcome in
      switch outcome {
      case .lost, .inDoubt:
        operations.add("without an answer")
      case .unreachable:
        tallies[index].most -= 1
      case .reply(.preconditionFailed):
        tallies[index].most -= 1
        return retry()
      case .reply(let reply):
        operations.add("increment")
        tallies[index].acknowledged += 1
        checkVersion(of: reply, key: key, after: known)
      }
      done()
    }
  }

  /// The counter's record, without a value when there is none yet; nil when it could not be read.
  private func readCounter(
    _ index: Int, mustSucceed: Bool = false, _ completion: @escaping (Record?) -> Void
  ) {
    let key = SimulatedClients.counterKey(index)
    let least = tallies[index].acknowledged
    let known = versions[key]
    perform(.get, key: key, attempts: mustSucceed ? 100 : 8) { [self] outcome in
      let record: Record
      switch outcome {
      case .reply(.value(let found)): record = found
      case .reply(.missing): record = Record(version: Version(0), value: nil)
      default:
        if mustSucceed { simulator.violated("\(key.name) cannot be read") }
        return completion(nil)
      }
      if record.number < least || record.number > tallies[index].most {
        simulator.violated(
          "\(key.name) is \(record.number), which is not in \(least)...\(tallies[index].most)")
      }
      if case .reply(let reply) = outcome { checkVersion(of: reply, key: key, after: known) }
      completion(record)
    }
  }

  private static func number(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(value)
    return bytes
  }

  /// A version that is shown after another was acknowledged does not come before that one.
  private func checkVersion(of reply: KeyReply, key: [UInt8], after known: Version?) {
    let version: Version
    var isWrite = true
    switch reply {
    case .value(let record):
      version = record.version
      isWrite = false
    case .stored(let stored, _): version = stored
    case .deleted(let deleted): version = deleted
    case .applied(let applied?): version = applied
    default: return
    }
    if let known, version < known || (isWrite && version == known) {
      simulator.violated("\(key.name) went from version \(known.rawValue) to \(version.rawValue)")
    }
    versions[key] = max(versions[key] ?? version, version)
  }

  // MARK: - Requests

  /// Sends a request to any node, follows `.elsewhere`, and tries again what certainly was not
  /// done.
  private func perform(
    _ command: KeyCommand, key: [UInt8], attempts: Int,
    _ completion: @escaping (RequestOutcome) -> Void
  ) {
    guard attempts > 0 else { return completion(.unreachable) }
    let again = { [self] in
      simulator.after(2_000 + simulator.random.below(60_000)) { [self] in
        perform(command, key: key, attempts: attempts - 1, completion)
      }
    }
    guard let node = simulator.random.pick(cluster.launcher.running) else { return again() }
    attempt(command, key: key, at: node.address, hops: 4) { outcome in
      switch outcome {
      case .unreachable: again()
      default: completion(outcome)
      }
    }
  }

  private func attempt(
    _ command: KeyCommand, key: [UInt8], at address: String, hops: Int,
    _ completion: @escaping (RequestOutcome) -> Void
  ) {
    simulator.after(simulator.networkDelay()) { [self] in
      guard let node = cluster.launcher.process(at: address) else {
        return completion(.unreachable)
      }
      node.execute(command, key: key) { [self] outcome in
        simulator.after(simulator.networkDelay()) { [self] in
          switch outcome {
          case .reply(.elsewhere(_, let owner)):
            guard hops > 0 else { return completion(.unreachable) }
            attempt(command, key: key, at: owner, hops: hops - 1, completion)
          case .reply(.refused(let error)) where error.code == .outcomeUnknown:
            completion(.inDoubt)
          case .reply(.refused):
            completion(.unreachable)
          case .reply where simulator.random.chance(simulator.faults.drop / 4):
            simulator.inject("answer lost")
            completion(.lost)
          default:
            completion(outcome)
          }
        }
      }
    }
  }
}

extension Record {
  fileprivate var number: UInt64 {
    guard let value, value.count == 8 else { return 0 }
    return value.bigEndian(at: 0)
  }
}

extension [UInt8] {
  fileprivate var name: String { String(decoding: self, as: UTF8.self) }
}
