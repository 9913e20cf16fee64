import Candid
import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import WireProtocol

/// Looks at the cluster once a second, remembers the last minutes, and tells those who watch what
/// has changed.
final class StatusBoard {
  private unowned let coordinator: Coordinator
  private let loop: EventLoop
  private var history = StatusHistory()
  /// The last that was heard of each node, also of those that do not answer.
  private var lastKnown: [Principal: NodeInfo] = [:]
  private var readers: [UInt64: Reader] = [:]
  private var nextReader: UInt64 = 0
  /// What the readers have been told; nil while there are none.
  private var told: StatusParts?
  /// Since when no gateway leads; nil while one does.
  private var leaderlessSince: MonotonicTime?
  private var timer: TimerID?
  /// The snapshot that was asked for last, which serves all who ask within its second.
  private var kept: (second: UInt64, epoch: UInt64, bytes: [UInt8])?

  private struct Reader {
    let stream: AnswerStream
    let network: SocketAddress
  }

  /// Each reader costs a connection and what it has not read.
  static let maximumReaders = 64
  /// From one network, so that none keeps all others away.
  static let maximumReadersOfNetwork = 16
  static let interval = Duration.seconds(1)
  /// Bytes that may wait for a reader beside the first event.
  private static let backlog = 262_144

  init(_ coordinator: Coordinator, loop: EventLoop) {
    self.coordinator = coordinator
    self.loop = loop
    schedule()
  }

  deinit {
    if let timer { loop.cancel(timer) }
  }

  /// The board cancels its timer before it goes, so that the timer needs no reference that counts.
  private func schedule() {
    timer = loop.schedule(after: StatusBoard.interval) { [unowned self] in
      look()
      schedule()
    }
  }

  /// How many watch.
  var readerCount: Int { readers.count }

  /// Ends the streams of those who watch, and looks no more.
  func stop() {
    if let timer { loop.cancel(timer) }
    timer = nil
    endStreams()
  }

  /// Ends the streams of those who watch: who still may do so comes again.
  func endStreams() {
    for reader in Array(readers.values) { reader.stream.finish() }
    readers = [:]
  }

  // MARK: - Every second

  func look() {
    kept = nil
    noteLead()
    for (node, info) in coordinator.reports { lastKnown[node] = info }
    let nodes = coordinator.machine.nodes
    if lastKnown.count > nodes.count { lastKnown = lastKnown.filter { nodes[$0.key] != nil } }
    let reports = coordinator.reports.values
    var sample = StatusHistory.Sample(
      requestsPerSecond: reports.reduce(0) { $0 + $1.requestsPerSecond },
      latencyP99: reports.compactMap(\.latencyP99).max())
    for node in coordinator.map.members {
      sample.keys &+= lastKnown[node]?.size ?? 0
      sample.bytes &+= lastKnown[node]?.bytes ?? 0
    }
    history.add(
      sample,
      nodes: nodes.keys.map { ($0, coordinator.reports[$0]?.requestsPerSecond ?? 0) })
    publish(sample)
  }

  /// Tells the readers what is not as it was.
  private func publish(_ sample: StatusHistory.Sample) {
    guard !readers.isEmpty, let before = told else { return told = nil }
    let parts = parts(lastKnown)
    told = parts
    let event = StatusEvent.change(
      from: before, to: parts, sample, endsInterval: history.endsInterval,
      at: WallClock.milliseconds)
    for reader in Array(readers.values) { reader.stream.send(event) }
  }

  // MARK: - What is asked

  /// All of it, as JSON, at most a second old. O(nodes + history) once a second.
  func snapshot() -> [UInt8] {
    let (second, epoch) = (loop.now.nanoseconds / 1_000_000_000, coordinator.map.ring.epoch)
    if let kept, kept.second == second, kept.epoch == epoch { return kept.bytes }
    let bytes = snapshot(parts(current))
    kept = (second, epoch, bytes)
    return bytes
  }

  /// How the cluster is and who leads it, in a line.
  var summary: String {
    let health = ClusterHealth(coordinator, leaderless: leaderless)
    let map = coordinator.map
    var who = coordinator.isLeading ? "leads" : "knows no gateway that leads"
    if !coordinator.isLeading, coordinator.knowsLeader, let leader = coordinator.log.leader {
      who = "follows \(leader)"
    }
    return "\(who), \(map.members.count) node\(map.members.count == 1 ? "" : "s") at epoch "
      + "\(map.ring.epoch), \(health.state.rawValue): \(health.reason)"
      + (health.notice.map { "; \($0)" } ?? "")
  }

  private func noteLead() {
    let isLed = coordinator.isLeading || coordinator.log.leader != nil
    leaderlessSince = isLed ? nil : leaderlessSince ?? loop.now
  }

  private var leaderless: Duration? {
    noteLead()
    return leaderlessSince.map { loop.now - $0 }
  }

  private func parts(_ lastKnown: [Principal: NodeInfo]) -> StatusParts {
    StatusParts(coordinator, lastKnown: lastKnown, leaderless: leaderless)
  }

  private var current: [Principal: NodeInfo] {
    lastKnown.merging(coordinator.reports) { _, new in new }
  }

  private func snapshot(_ parts: StatusParts) -> [UInt8] {
    var json = JSONText()
    json.object { json in
      json.field("time_ms", WallClock.milliseconds)
      json.name("nodes")
      json.array(parts.nodes) { $0.raw($1.json) }
      for part in parts.others { json.field(part.name, json: part.json) }
      json.name("history")
      history.write(to: &json, nodes: parts.nodes.map(\.id))
    }
    return json.bytes
  }

  /// Lets `exchange` watch: it is told everything at once, and each second what has changed.
  /// - Throws: `Problem` 503 when as many watch as may.
  func admit(_ exchange: Exchange) throws(Problem) {
    let network = exchange.peer.network
    try checkRoom(for: network)
    // Who comes later begins with what the others know, so that one event serves all.
    let parts = told ?? parts(current)
    told = parts
    let first = StatusEvent.event("status", snapshot(parts))
    let stream = exchange.beginStream(limit: first.count + StatusBoard.backlog)
    let number = nextReader
    nextReader += 1
    readers[number] = Reader(stream: stream, network: network)
    stream.onEnd = { [weak self] in self?.readers[number] = nil }
    stream.send(first)
  }

  /// Whether one more of a network may watch.
  static func hasRoom(beside neighbours: Int, of network: SocketAddress) -> Bool {
    // Proxies and people at the gateway's own machine are not told apart.
    network.isLoopback || neighbours < maximumReadersOfNetwork
  }

  /// - Throws: `Problem` 503 when nobody of that network may watch beside those who do.
  func checkRoom(for network: SocketAddress) throws(Problem) {
    guard readers.count < StatusBoard.maximumReaders else {
      throw Problem(
        503, "too_many_readers",
        "\(StatusBoard.maximumReaders) readers watch already; close one, or ask GET /status")
    }
    let neighbours = readers.values.count { $0.network == network }
    guard StatusBoard.hasRoom(beside: neighbours, of: network) else {
      throw Problem(
        503, "too_many_readers",
        "\(neighbours) readers from your network watch already; close one, or ask GET /status")
    }
  }
}

/// The events of the stream, in the format of server-sent events (WHATWG HTML section 9.2).
enum StatusEvent {
  /// JSON has no line ends of its own, so that one line carries it.
  static func event(_ name: StaticString, _ json: [UInt8]) -> [UInt8] {
    var text = JSONText()
    text.raw("event: ")
    text.raw(name)
    text.raw("\ndata: ")
    text.raw(json)
    text.raw("\n\n")
    return text.bytes
  }

  /// What differs between two moments, and the second's figures.
  static func change(
    from before: StatusParts, to parts: StatusParts, _ sample: StatusHistory.Sample,
    endsInterval: Bool, at time: UInt64
  ) -> [UInt8] {
    var json = JSONText()
    json.object { json in
      json.field("time_ms", time)
      json.field("requests_per_second", sample.requestsPerSecond)
      json.field("latency_p99_us", sample.latencyP99)
      json.field("keys", sample.keys)
      json.field("bytes", sample.bytes)
      if endsInterval { json.field("node_interval_ends", true) }
      for (part, before) in zip(parts.others, before.others) where part.json != before.json {
        json.field(part.name, json: part.json)
      }
      let known = Dictionary(before.nodes.map { ($0.id, $0.json) }) { first, _ in first }
      let changed = parts.nodes.filter { known[$0.id] != $0.json }
      if !changed.isEmpty {
        json.name("nodes")
        json.array(changed) { $0.raw($1.json) }
      }
      let present = Set(parts.nodes.map(\.id))
      let gone = before.nodes.map(\.id).filter { !present.contains($0) }
      if !gone.isEmpty { json.field("gone", nodes: gone) }
    }
    return event("change", json.bytes)
  }
}
