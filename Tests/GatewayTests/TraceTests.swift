import Candid
import Cluster
import HTTPTransport
import Logging
import Placement
import ScaledStorage
import Synchronization
import Testing
import WireProtocol

@testable import Gateway

/// Traces from a client's request to the commit at the owner, as a collector gets them.
@Suite(.timeLimit(.minutes(2)))
struct TraceTests {
  private static let trace = "0af7651916cd43dd8448eb211c80319c"
  private static let client = "b7ad6b7169203331"
  private static let asked = ("traceparent", "00-\(trace)-\(client)-01")

  private func traced(
    _ collector: Collector, sample: Double = 0, forward: ForwardMode = .proxy
  ) throws -> InProcessCluster {
    var tracing = TracingSettings(endpoint: try HTTPEndpoint(collector.url), sample: sample)
    tracing.interval = .milliseconds(5)
    let cluster = try InProcessCluster(
      forward: forward, loop: collector.loop, tracing: tracing)
    cluster.settle(1)
    return cluster
  }

  private func spans(
    _ cluster: InProcessCluster, _ collector: Collector, _ count: Int
  ) throws -> [SpanSeen] {
    cluster.loop.run(until: "\(count) spans have come") { collector.spans.count >= count }
    return collector.spans
  }

  @Test("A proxied write is a tree: gateway, its hop, the node, the commit")
  func proxied() throws {
    let collector = try Collector()
    let cluster = try traced(collector)
    let answer = try cluster.send(
      .put, "/kv/a", [1], headers: [Self.asked, ("tracestate", "vendor=1")])
    #expect(answer.status == 201)
    let spans = try spans(cluster, collector, 4)
    #expect(spans.allSatisfy { $0.trace == Self.trace })
    let gateway = try #require(spans.first { $0.parent == Self.client })
    #expect(gateway.kind == 2 && gateway.name == "put_value" && gateway.status == 201)
    #expect(gateway.service == "scaled-storage-gateway")
    let hop = try #require(spans.first { $0.parent == gateway.id })
    #expect(hop.kind == 3 && hop.node == cluster.coordinator.map.members.first?.text)
    let node = try #require(spans.first { $0.parent == hop.id })
    #expect(node.kind == 2 && node.service == "scaled-storage-node" && node.status == 201)
    let commit = try #require(spans.first { $0.parent == node.id })
    #expect(commit.name == "store commit" && commit.kind == 1)
    #expect(spans.allSatisfy { $0.start <= $0.end })
  }

  @Test("A client that follows a forward response asks the owner within the same trace")
  func forwarded() throws {
    let collector = try Collector()
    let cluster = try traced(collector, forward: .return)
    #expect(try cluster.send(.get, "/kv/a", headers: [Self.asked]).status == 404)
    let spans = try spans(cluster, collector, 2)
    #expect(spans.allSatisfy { $0.trace == Self.trace && $0.parent == Self.client })
    #expect(Set(spans.map(\.status)) == [307, 404])
    #expect(Set(spans.map(\.service)) == ["scaled-storage-gateway", "scaled-storage-node"])
  }

  @Test("A node that passes a request on is a hop of its own")
  func nodeToNode() throws {
    let collector = try Collector()
    let cluster = try traced(collector)
    try cluster.coordinator.addNodes(1, reason: "asked for by hand")
    cluster.settle(2)
    let map = cluster.coordinator.map
    let first = map.members[0]
    let key = try #require(
      (0..<1_000).map { "key-\($0)" }.first { map.owner(of: Array($0.utf8)) != first })
    let address = try SocketAddress(try #require(map.addresses[first]))
    let answer = try cluster.send(
      .get, "/kv/\(key)", headers: [Self.asked, ("ss-forward", "proxy")], to: address)
    #expect(answer.status == 404)
    let spans = try spans(cluster, collector, 3)
    let outer = try #require(spans.first { $0.parent == Self.client })
    let hop = try #require(spans.first { $0.parent == outer.id })
    let inner = try #require(spans.first { $0.parent == hop.id })
    #expect(outer.kind == 2 && hop.kind == 3 && inner.kind == 2)
    #expect(hop.node == map.members[1].text)
  }

  @Test("A trace that is not recorded is left alone; one that nobody began is by chance")
  func sampling() throws {
    let collector = try Collector()
    let cluster = try traced(collector, sample: 1)
    let unsampled = ("traceparent", "00-\(Self.trace)-\(Self.client)-00")
    #expect(try cluster.send(.get, "/kv/a", headers: [unsampled]).status == 404)
    let malformed = ("traceparent", "00-\(Self.trace)-\(Self.client)")
    #expect(try cluster.send(.get, "/kv/a", headers: [malformed]).status == 404)
    let spans = try spans(cluster, collector, 3)
    #expect(spans.count { $0.parent == nil } == 1)
    #expect(Set(spans.map(\.trace)).count == 1 && !spans.contains { $0.trace == Self.trace })
  }

  @Test("Clients cannot have more recorded than so many a second")
  func bound() throws {
    let collector = try Collector()
    let cluster = try traced(collector)
    let tracer = cluster.gateway.tracer
    func recorded(at seconds: UInt64) -> Int {
      let now = MonotonicTime(nanoseconds: seconds * 1_000_000_000)
      return (0..<2 * Tracer.mostAskedSpans).count { _ in tracer.mayRecord(at: now) }
    }
    #expect(recorded(at: 1 << 30) == Tracer.mostAskedSpans)
    #expect(recorded(at: 1 << 31) == Tracer.mostAskedSpans)
  }

  @Test("A collector that is gone costs spans, and nothing else")
  func gone() throws {
    let collector = try Collector()
    let cluster = try traced(collector)
    collector.server = nil
    for _ in 0..<20 {
      #expect(try cluster.send(.get, "/kv/a", headers: [Self.asked]).status == 404)
    }
    var dropped = 0.0
    while dropped == 0 {
      let metrics = Metrics(
        String(decoding: try cluster.send(.get, "/metrics").body, as: UTF8.self))
      dropped = metrics["scaled_storage_spans_dropped_total{reason=\"not_taken\"}"] ?? 1
    }
    #expect(dropped > 0)
  }

  @Test("An error carries an id by which its line of the log is found")
  func requestIDs() throws {
    let log = LogLines()
    let cluster = try InProcessCluster(forward: .proxy, logger: log.logger)
    cluster.settle(1)
    let named = try cluster.send(
      .put, "/kv/a?ttl=nonsense", [1], headers: [("x-request-id", "order-17/3")])
    #expect(named.status == 400 && named.header("x-request-id") == "order-17/3")
    cluster.launcher.kill(try #require(cluster.coordinator.map.members.first))
    let failed = try cluster.send(
      .get, "/kv/a", headers: [Self.asked, ("ss-deadline", "50")])
    #expect(failed.status >= 500)
    let id = try #require(failed.header("x-request-id"))
    let line = try #require(log.lines.first { $0.contains("request_id=\(id)") })
    #expect(line.contains("trace_id=\(Self.trace)") && line.contains("method=get_value"))
  }
}

/// A span as it arrived.
struct SpanSeen {
  var trace = ""
  var id = ""
  var parent: String?
  var name = ""
  var kind = 0
  var status = 0
  var node: String?
  var service = ""
  var start: UInt64 = 0
  var end: UInt64 = 0
}

/// Takes what exporters send.
final class Collector: RequestHandler {
  let loop: EventLoop
  var server: HTTPServer?
  private(set) var url = ""
  private(set) var spans: [SpanSeen] = []

  init() throws {
    loop = try EventLoop()
    let relay = CollectorRelay()
    let server = HTTPServer(loop: loop, handler: relay)
    self.server = server
    url = "http://\(try server.listen(on: .loopback()))"
    relay.target = self
  }

  func handle(_ exchange: Exchange) -> Disposition {
    let isRight =
      exchange.method == .post && exchange.rawTarget == Array("/v1/traces".utf8)
      && exchange.header("content-type") == "application/json"
    exchange.status = isRight ? 200 : 400
    take(String(decoding: exchange.body, as: UTF8.self))
    return .done
  }

  /// Reads the form that this project writes, which has no blanks.
  private func take(_ text: String) {
    let service = text.value(after: "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"")
    for part in text.split(separator: "{\"traceId\":\"").dropFirst() {
      let part = "{\"traceId\":\"" + part
      var span = SpanSeen()
      span.service = service ?? ""
      span.trace = part.value(after: "\"traceId\":\"") ?? ""
      span.id = part.value(after: "\"spanId\":\"") ?? ""
      span.parent = part.value(after: "\"parentSpanId\":\"")
      span.name = part.value(after: "\"name\":\"") ?? ""
      span.kind = Int(part.value(after: "\"kind\":") ?? "") ?? 0
      span.start = UInt64(part.value(after: "\"startTimeUnixNano\":\"") ?? "") ?? 0
      span.end = UInt64(part.value(after: "\"endTimeUnixNano\":\"") ?? "") ?? 0
      span.status = Int(part.value(after: "\"intValue\":\"") ?? "") ?? 0
      span.node = part.value(
        after: "\"scaled_storage.node\",\"value\":{\"stringValue\":\"")
      spans.append(span)
    }
  }
}

/// The server keeps its handler, which keeps the server.
private final class CollectorRelay: RequestHandler {
  weak var target: Collector?

  func handle(_ exchange: Exchange) -> Disposition { target?.handle(exchange) ?? .done }
}

extension String {
  fileprivate func value(after mark: String) -> String? {
    firstRange(of: mark).map { range in
      String(self[range.upperBound...].prefix { !"\",}".contains($0) })
    }
  }
}

/// Keeps what is logged, as `LEVEL MESSAGE KEY=VALUE …`.
final class LogLines: Sendable {
  private let kept = Mutex<[String]>([])

  var lines: [String] { kept.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { [self] _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
      let line = ["\(event.level) \(event.message)"] + fields
      lines.kept.withLock { $0.append(line.joined(separator: " ")) }
    }
  }
}
