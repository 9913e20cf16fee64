import Candid
import Placement
import Storage
import Testing

@testable import Cluster

/// A `NodeMachine` whose commits wait until the test lets them happen.
final class NodeBench {
  let engine: MemoryEngine
  var machine: NodeMachine
  var now = Moment(wall: 1_000_000, monotonic: 1_000)

  private(set) var commits: [(sequence: UInt64, batch: WriteBatch)] = []
  private(set) var replies: [UInt64: KeyReply] = [:]
  private(set) var responses: [UInt64: Result<Void, ClusterError>] = [:]
  private(set) var sent: [(message: UInt64, to: Principal, event: CanisterManagerEvent)] = []
  private(set) var lastAddress = ""
  private(set) var alarms: [String] = []
  private(set) var retired: [UInt64] = []
  private var lastTicket: UInt64 = 0

  static let hashKey = HashKey(1, 2, 3, 4)

  init(
    engine: MemoryEngine = MemoryEngine(), limits: NodeMachine.Limits = NodeMachine.Limits()
  ) throws {
    self.engine = engine
    machine = try NodeMachine(store: engine, limits: limits)
  }

  /// A node that is a member already: of a ring of its own, or of `map`.
  static func member(
    _ number: UInt64 = 1, of map: ClusterMap? = nil,
    limits: NodeMachine.Limits = NodeMachine.Limits()
  ) throws -> NodeBench {
    let bench = try NodeBench(limits: limits)
    let map = try map ?? ring(1)
    #expect(bench.initialise(.canister(number: number), map).succeeded)
    return bench
  }

  /// The ring of the nodes 1, 2, … in this order, each at its own epoch.
  static func ring(_ count: UInt64) throws -> ClusterMap {
    var map = try ClusterMap.founding(
      .canister(number: 1), address: "node:1", hashKey: hashKey, capacity: 16)
    for number in 2..<max(2, count + 1) {
      map = try map.joining([(.canister(number: number), "node:\(number)")], epoch: number)
    }
    return map
  }

  /// Keys by who owns them in a ring.
  static func keys(of node: UInt64, in map: ClusterMap, count: Int) -> [[UInt8]] {
    let owned = (0...).lazy.map { Array("key \($0)".utf8) }
      .filter { map.owner(of: $0) == .canister(number: node) }
    return Array(owned.prefix(count))
  }

  // MARK: - Calls

  /// Runs a command; the answer is nil as long as it waits.
  @discardableResult
  func execute(_ command: KeyCommand, _ key: [UInt8]) -> UInt64 {
    lastTicket += 1
    if let reply = machine.execute(command, key: key, ticket: lastTicket, now: now) {
      replies[lastTicket] = reply
    }
    return lastTicket
  }

  func reply(_ ticket: UInt64) -> KeyReply? { replies[ticket] }
  func response(_ ticket: UInt64) -> Result<Void, ClusterError>? { responses[ticket] }

  func handle(_ event: CanisterManagerEvent) -> UInt64 {
    lastTicket += 1
    machine.handle(event, ticket: lastTicket)
    return lastTicket
  }

  func startInitialise(_ node: Principal, _ map: ClusterMap) -> UInt64 {
    lastTicket += 1
    machine.initialise(identity: node, map: map, ticket: lastTicket)
    return lastTicket
  }

  func store(_ name: String, _ value: [UInt8]?) -> UInt64 {
    lastTicket += 1
    machine.store([(name, value)], ticket: lastTicket)
    return lastTicket
  }

  /// As if the node had given out this version.
  func setLastVersion(_ version: Version) { machine.lastVersion = version }

  func peerReplied(_ message: UInt64, _ result: Result<Void, ClusterError> = .success(())) {
    machine.peerReplied(message, result)
    collect()
  }

  // MARK: - The driver

  /// Ends the turn; its commit waits.
  func flush() {
    machine.flush()
    collect()
  }

  @discardableResult
  func advance() -> Bool {
    let more = machine.advance(now: now)
    collect()
    return more
  }

  /// Makes the oldest commits that wait durable, all of them by default.
  func commit(_ count: Int = .max) throws {
    let done = commits.prefix(count)
    commits.removeFirst(done.count)
    for entry in done { try engine.commit(entry.batch) }
    if let last = done.last { machine.committed(through: last.sequence) }
    collect()
  }

  /// The disk refuses the commits that wait, and then, unless told otherwise, works again.
  /// - Parameter keeping: whether the refused commits turn out to be there after all.
  func failCommits(
    _ code: StorageError.Code = .noSpace, staysBroken: Bool = false, keeping: Bool = false
  ) throws {
    collect()
    if keeping { for entry in commits { try engine.commit(entry.batch) } }
    commits = []
    machine.commitFailed(StorageError(code, "refused by the test"))
    collect()
    if !staysBroken { try recover() }
  }

  /// The machine tries the disk, which takes the commit.
  func recover() throws {
    now.monotonic += NodeMachine.probePause
    advance()
    flush()
    try commit()
  }

  /// Turns until nothing is left to do but what peers must answer.
  func settle() throws {
    for _ in 0..<1_000 {
      let more = advance()
      flush()
      if !more && commits.isEmpty { return }
      try commit()
    }
    Issue.record("the machine never rests")
  }

  private func collect() {
    for action in machine.takeActions() {
      switch action {
      case .commit(let sequence, let batch): commits.append((sequence, batch))
      case .reply(let ticket, let reply): replies[ticket] = reply
      case .respond(let ticket, let result): responses[ticket] = result
      case .send(let message, let node, let address, let event):
        sent.append((message, node, event))
        lastAddress = address
      case .retire(let ticket): retired.append(ticket)
      case .alarm(let text): alarms.append(text)
      }
    }
  }

  func takeSent() -> [(message: UInt64, to: Principal, event: CanisterManagerEvent)] {
    defer { sent = [] }
    return sent
  }

  // MARK: - Whole steps

  /// Runs a command until it is answered.
  func run(_ command: KeyCommand, _ key: [UInt8]) throws -> KeyReply {
    let ticket = execute(command, key)
    flush()
    try commit()
    return try #require(reply(ticket))
  }

  func put(_ value: String, _ key: [UInt8]) throws -> Version {
    let reply = try run(.put(value: Array(value.utf8), ttl: nil, condition: .none), key)
    guard case .stored(let version, _) = reply else {
      throw ClusterError(.conflict, "the put was answered \(reply)")
    }
    return version
  }

  func get(_ key: [UInt8]) throws -> Record? {
    switch try run(.get, key) {
    case .value(let record): return record
    case .missing: return nil
    case let reply: throw ClusterError(.conflict, "the get was answered \(reply)")
    }
  }

  func initialise(_ node: Principal, _ map: ClusterMap) -> Result<Void, ClusterError> {
    finish(startInitialise(node, map))
  }

  /// Takes an event until it is answered.
  func ask(_ event: CanisterManagerEvent) -> Result<Void, ClusterError> {
    finish(handle(event))
  }

  private func finish(_ ticket: UInt64) -> Result<Void, ClusterError> {
    do {
      try settle()
    } catch {
      return .failure(ClusterError(.storage, "\(error)"))
    }
    return response(ticket) ?? .failure(ClusterError(.conflict, "no answer"))
  }

  /// The same node after kill -9: what was not committed is gone.
  func restarted(limits: NodeMachine.Limits = NodeMachine.Limits()) throws -> NodeBench {
    let bench = try NodeBench(engine: engine, limits: limits)
    bench.now = now
    return bench
  }

  /// Live keys and their bytes, counted in the store.
  func recount() throws -> NodeMachine.Statistics {
    var count = NodeMachine.Statistics()
    for (key, record) in try stored() {
      guard let value = record.value else { continue }
      count.keys += 1
      count.bytes += UInt64(key.count + value.count)
    }
    return count
  }

  func stored() throws -> [(key: [UInt8], record: Record)] {
    let page = try engine.scan(
      from: StoreLayout.dataRange.from, upTo: StoreLayout.dataRange.upTo,
      limit: ScanLimit(count: .max, bytes: .max))
    return try page.entries.map { (StoreLayout.userKey($0.key), try Record(encoded: $0.value)) }
  }
}

extension Result where Success == Void, Failure == ClusterError {
  var succeeded: Bool {
    if case .success = self { true } else { false }
  }

  var code: ClusterError.Code? {
    if case .failure(let error) = self { error.code } else { nil }
  }
}

extension KeyReply {
  var version: Version? {
    switch self {
    case .stored(let version, _), .deleted(let version): version
    case .applied(let version): version
    case .value(let record): record.version
    default: nil
    }
  }

  var refusal: ClusterError.Code? {
    if case .refused(let error) = self { error.code } else { nil }
  }

  var isMissing: Bool {
    if case .missing = self { true } else { false }
  }

  var isPreconditionFailed: Bool {
    if case .preconditionFailed = self { true } else { false }
  }

  /// Whether a put created (true) or replaced (false); nil for other answers.
  var created: Bool? {
    if case .stored(_, let created) = self { created } else { nil }
  }
}
