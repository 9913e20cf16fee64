import EtcdTestKit
import HTTPTransport
import Testing

@testable import Etcd

/// What is no etcd, or one in trouble: answers that are scripted.
@Suite(.timeLimit(.minutes(1))) struct OddPeerTests {
  typealias Script = @Sendable (Exchange) -> Disposition

  /// Answers each call by the next of its scripts; the last one goes on.
  private final class Peer: RequestHandler {
    var scripts: [Script]
    private(set) var targets: [String] = []
    private(set) var fields: [String?] = []
    var server: HTTPServer?

    init(_ scripts: [Script]) {
      self.scripts = scripts
    }

    func handle(_ exchange: Exchange) -> Disposition {
      targets.append(exchange.withTarget { path, _ in String(decoding: path, as: UTF8.self) })
      fields += ["te", "content-type", "grpc-timeout"].map { exchange.header($0) }
      return scripts.count > 1 ? scripts.removeFirst()(exchange) : scripts[0](exchange)
    }
  }

  private static func status(
    _ status: Int, _ message: String? = nil, body: [UInt8] = []
  ) -> Script {
    { exchange in
      exchange.status = 200
      exchange.setHeader("content-type", "application/grpc")
      exchange.setHeader("grpc-status", "\(status)")
      if let message { exchange.setHeader("grpc-message", message) }
      body.withUnsafeBytes { exchange.appendBody($0) }
      return .done
    }
  }

  private static func plain(_ status: Int) -> Script {
    { exchange in
      exchange.status = status
      return .done
    }
  }

  private static let silence: Script = { _ in .later }
  /// A range of nothing at revision 7: an answer whose header says so.
  private static let nothing: [UInt8] = GRPCMessages.frame([0x0A, 2, 0x18, 7])

  private func start(_ harness: EtcdHarness, _ peer: Peer) throws -> String {
    let server = HTTPServer(loop: harness.loop, handler: peer)
    peer.server = server
    return try server.listen(on: .loopback()).description
  }

  /// What a range becomes when each of the peers answers by its scripts, with their calls.
  private func range(
    _ scripts: [[Script]], deadline: Duration = .seconds(20)
  ) throws -> (result: Result<EtcdRange, EtcdError>, calls: [Int]) {
    let harness = try EtcdHarness([], deadline: deadline)
    let peers = scripts.map(Peer.init)
    let endpoints = try peers.map { try start(harness, $0) }
    let client = EtcdClient(
      loop: harness.loop, settings: EtcdSettings(endpoints: endpoints, callDeadline: deadline))
    let result = harness.wait { client.range([1], $0) }
    return (result, peers.map(\.targets.count))
  }

  @Test("A call goes to etcd's path with gRPC's fields, and its answer is read")
  func request() throws {
    let harness = try EtcdHarness([])
    let peer = Peer([Self.status(0, body: Self.nothing)])
    let client = EtcdClient(
      loop: harness.loop, settings: EtcdSettings(endpoints: [try start(harness, peer)]))
    let range = try harness.wait { client.range([1], $0) }.get()
    #expect(range == EtcdRange(entries: [], revision: 7))
    #expect(peer.targets == ["/etcdserverpb.KV/Range"])
    #expect(peer.fields[0] == "trailers" && peer.fields[1] == "application/grpc")
    #expect(peer.fields[2]?.hasSuffix("m") == true)
  }

  @Test(
    "An endpoint that fails is left for the next one",
    arguments: [status(14, "etcdserver: no leader"), status(4), plain(503), plain(404), status(0)])
  func rotation(answer: @escaping Script) throws {
    let (result, calls) = try range([[answer], [Self.status(0, body: Self.nothing)]])
    #expect(try result.get().revision == 7)
    #expect(calls == [1, 1])
  }

  @Test("What another endpoint would say too is not asked for again")
  func refusal() throws {
    let (result, calls) = try range([
      [Self.status(3, "etcdserver: key is not provided %28100%25%29")], [Self.plain(200)],
    ])
    let error = try #require(throws: EtcdError.self) { try result.get() }
    #expect(error.code == .refused && !error.isOutcomeUnknown)
    #expect(error.message.hasSuffix("key is not provided (100%)"))
    #expect(calls == [1, 0])
    let (denied, _) = try range([[Self.status(16, "etcdserver: invalid auth token")]])
    #expect(try #require(throws: EtcdError.self) { try denied.get() }.code == .unauthenticated)
  }

  @Test("A transaction is not repeated once it may have happened")
  func unknownOutcome() throws {
    let harness = try EtcdHarness([])
    let peers = [Peer([Self.status(14, "etcdserver: request timed out")]), Peer([Self.status(0)])]
    let endpoints = try peers.map { try start(harness, $0) }
    let client = EtcdClient(loop: harness.loop, settings: EtcdSettings(endpoints: endpoints))
    let error = try #require(throws: EtcdError.self) {
      try harness.wait { client.commit(EtcdTransaction(), $0) }.get()
    }
    #expect(error.isOutcomeUnknown && error.code == .unavailable)
    #expect(peers.map(\.targets.count) == [1, 0])
    // The next one goes to the other endpoint.
    _ = harness.wait { client.commit(EtcdTransaction(), $0) }
    #expect(peers.map(\.targets.count) == [1, 1])
  }

  @Test("A peer that says nothing costs the call's time, and the next call goes elsewhere")
  func silence() throws {
    let harness = try EtcdHarness([])
    let peers = [Peer([Self.silence]), Peer([Self.status(0, body: Self.nothing)])]
    let endpoints = try peers.map { try start(harness, $0) }
    let client = EtcdClient(
      loop: harness.loop,
      settings: EtcdSettings(endpoints: endpoints, callDeadline: .milliseconds(50)))
    let error = try #require(throws: EtcdError.self) {
      try harness.wait { client.range([1], $0) }.get()
    }
    #expect(error.code == .deadlineExceeded)
    #expect(peers.map(\.targets.count) == [1, 0])
    // A busy machine may take longer than the deadline for this one, too.
    while case .failure = harness.wait({ client.range([1], $0) }) {}
    #expect(peers[1].targets.count >= 1)
  }

  @Test(
    "What is no gRPC message is told, and nothing of it is believed",
    arguments: [
      [], [0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 255, 255, 255, 255], [0, 0, 0, 0, 5, 1],
      [0, 0, 0, 0, 1, 0xFF], nothing + nothing,
    ] as [[UInt8]])
  func nonsense(body: [UInt8]) throws {
    let (result, _) = try range([[Self.status(0, body: body)]])
    let error = try #require(throws: EtcdError.self) { try result.get() }
    #expect(error.code == .protocolViolation || error.code == .tooLarge)
  }

  @Test("A client that is shut down, or has no endpoints, says so")
  func shutdown() throws {
    let harness = try EtcdHarness([])
    let none = try #require(throws: EtcdError.self) { try harness.range("k").get() }
    #expect(none.code == .unavailable)
    let peer = Peer([Self.silence])
    let client = EtcdClient(
      loop: harness.loop, settings: EtcdSettings(endpoints: [try start(harness, peer)]))
    let result: Result<EtcdRange, EtcdError> = harness.wait { done in
      client.range([1], done)
      client.shutdown()
    }
    #expect(try #require(throws: EtcdError.self) { try result.get() }.code == .cancelled)
    let later = try #require(throws: EtcdError.self) {
      try harness.wait { client.range([1], $0) }.get()
    }
    #expect(later.code == .cancelled)
  }

  @Test("Prefixes end where etcd's ranges end")
  func prefixes() {
    #expect(EtcdMessages.end(ofPrefix: [1, 2]) == [1, 3])
    #expect(EtcdMessages.end(ofPrefix: [1, 255, 255]) == [2])
    #expect(EtcdMessages.end(ofPrefix: [255]) == [0])
    #expect(EtcdMessages.end(ofPrefix: []) == [0])
  }

  @Test("Clusters' names keep their keys apart")
  func names() {
    #expect(EtcdKeys(cluster: "a").member("x") == bytes("/scaled-storage/a/members/x"))
    #expect(EtcdKeys.isValid(cluster: "a-B_9.c"))
    for name in ["", "a/b", "ä", String(repeating: "a", count: 65), "a b"] {
      #expect(!EtcdKeys.isValid(cluster: name))
    }
  }

  @Test("A message is cut out of whatever pieces it comes in")
  func pieces() throws {
    let messages = [[], [1], [UInt8](repeating: 7, count: 70_000)] as [[UInt8]]
    let all = messages.flatMap(GRPCMessages.frame)
    for size in [1, 3, 1_000, all.count] {
      var cutter = GRPCMessages(limit: 70_000)
      var found: [[UInt8]] = []
      for start in stride(from: 0, to: all.count, by: size) {
        cutter.append(Array(all[start..<min(start + size, all.count)]))
        while let message = try cutter.next() { found.append(Array(message)) }
      }
      #expect(found == messages && !cutter.hasRest)
    }
  }
  /// A watch's answer with one change, of this revision.
  private static func part(_ revision: UInt8, isLast: Bool = false) -> [UInt8] {
    [0x38, isLast ? 0 : 1, 0x5A, 7, 0x12, 5, 0x0A, 1, 1, 0x18, revision]
  }

  @Test("Parts of a watch's answer are handed over once they are many, each revision's whole")
  func parts() throws {
    let harness = try EtcdHarness([])
    let endpoint = try start(harness, Peer([Self.silence]))
    let client = EtcdClient(loop: harness.loop, settings: EtcdSettings(endpoints: [endpoint]))
    var told: [String] = []
    let watch = client.watch([1], isPrefix: true, from: 1) { event in
      guard case .events(let changes, let revision) = event else { return }
      told.append("\(changes.count) up to \(revision)")
    }
    watch.mostGathered = 30
    for revision: UInt8 in [5, 6, 6] { watch.take(Self.part(revision)) }
    #expect(told == ["1 up to 5"])
    watch.take(Self.part(7))
    watch.take(Self.part(3, isLast: true))
    #expect(told == ["1 up to 5", "4 up to 7"])
    // One revision that is too much is no answer.
    for _ in 0..<4 { watch.take(Self.part(8)) }
    #expect(told.count == 2)
    client.shutdown()
  }
}
