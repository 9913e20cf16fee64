import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import Synchronization
import Testing
import WireProtocol

@testable import Gateway

/// The client library against a real gateway and its nodes.
@Suite("A client of the cluster", .timeLimit(.minutes(2)))
struct ClusterClientTests {
  /// Runs `work` on another thread while the test's thread serves the cluster. Not on the threads
  /// that tests run on, all of which may be busy so.
  private func serve(
    _ cluster: InProcessCluster, on executor: (any TaskExecutor)? = nil,
    _ work: @escaping @Sendable () async throws -> Void
  ) throws {
    let box = Box()
    let thread = try ClusterClient("http://\(cluster.address)")
    Task(executorPreference: executor ?? thread.executor) {
      do {
        try await work()
        box.outcome.withLock { $0 = .success(()) }
      } catch {
        box.outcome.withLock { $0 = .failure(error) }
      }
    }
    cluster.loop.run(until: "the work is done") { box.outcome.withLock { $0 != nil } }
    try box.outcome.withLock { try $0?.get() }
  }

  private final class Box: Sendable {
    let outcome = Mutex<Result<Void, any Error>?>(nil)
  }

  private func connect(
    _ cluster: InProcessCluster, isTrusted: Bool = true,
    routing: ClusterClient.Routing = .direct
  ) throws -> ClusterClient {
    try ClusterClient(
      "http://\(cluster.address)",
      credential: isTrusted ? cluster.launcher.credential.text : nil, routing: routing)
  }

  @Test("Values are stored, read, replaced under conditions and removed")
  func values() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try connect(cluster)
    try serve(cluster) {
      #expect(try await client.get("a") == nil)
      let first = try await client.put("a", "one")
      #expect(first.isNew == true)
      let entry = try #require(try await client.get("a"))
      #expect(entry.text == "one" && entry.version == first.version)
      let second = try await client.put("a", "two", if: .version(first.version))
      #expect(second.isNew == false && second.version != first.version)
      let refused = await #expect(throws: ClientError.self) {
        try await client.put("a", "three", if: .version(first.version))
      }
      #expect(refused?.code == .preconditionFailed && refused?.isOutcomeUnknown == false)
      await #expect(throws: ClientError.self) { try await client.put("a", "x", if: .isAbsent) }
      #expect(try await client.delete("a") == true)
      #expect(try await client.delete("a") == false)
      try await client.put("b", "short", ttl: .seconds(100), if: .isAbsent)
      #expect(try await client.get("b")?.text == "short")
    }
  }

  @Test("Methods are called with typed arguments, and fail with the service's own words")
  func calls() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try connect(cluster)
    try serve(cluster) {
      let made = try await client.call("update_data", "k", "text", as: Answer.self)
      #expect(made.data == "text")
      #expect(try await client.query("get_data", "k", as: Answer.self).data == "text")
      try await client.call("update_data", "k", "other")
      let missing = await #expect(throws: ClientError.self) {
        try await client.query("get_data", "nobody", as: Answer.self)
      }
      #expect(missing?.serviceCode == "not_found" && missing?.status == 404)
      let other = await #expect(throws: ClientError.self) {
        try await client.query("get_data", "k", as: UInt64.self)
      }
      #expect(other?.code == .badAnswer)
      let unknown = await #expect(throws: ClientError.self) {
        try await client.call("no_such_method", "k")
      }
      #expect(unknown?.code == .rejected && unknown?.serviceCode == "unknown_method")
    }
  }

  @Test("While the cluster grows no request fails, and few take an extra hop")
  func growth() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try connect(cluster)
    try serve(cluster) { try await client.put("begin", "") }
    let box = Box()
    let stop = Stop()
    for worker in 0..<8 {
      Task(executorPreference: client.executor) {
        do {
          var count = 0
          repeat {
            let key = "\(worker)-\(count % 50)"
            try await client.put(key, "\(count)")
            let text = try await client.get(key)?.text
            #expect(text == "\(count)")
            count += 1
          } while !stop.isSet
          stop.workerEnded()
        } catch {
          box.outcome.withLock { $0 = .failure(error) }
          stop.workerEnded()
        }
      }
    }
    for members in 2...4 {
      try cluster.coordinator.addNodes(reason: "test")
      cluster.settle(members)
    }
    stop.set()
    cluster.loop.run(until: "the workers have ended") { stop.ended == 8 }
    try box.outcome.withLock { try $0?.get() }
    let statistics = client.statistics
    #expect(statistics.extraHops < statistics.requests / 4)
    // A settled ring is known after a request to any node of it.
    try serve(cluster) {
      for number in 0..<100 { try await client.put("after \(number)", "") }
      let before = client.statistics
      for number in 0..<100 { #expect(try await client.get("after \(number)") != nil) }
      #expect(client.statistics.extraHops == before.extraHops)
    }
  }

  private final class Stop: Sendable {
    private let flag = Atomic(false)
    private let count = Atomic(0)

    var isSet: Bool { flag.load(ordering: .acquiring) }
    var ended: Int { count.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
    func workerEnded() { count.add(1, ordering: .releasing) }
  }

  @Test("Who may not see the placement learns where keys live from the answers")
  func learning() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(reason: "test")
    cluster.settle(2)
    let client = try connect(cluster, isTrusted: false)
    try serve(cluster) {
      for number in 0..<40 { try await client.put("\(number)", "") }
      let before = client.statistics
      #expect(before.extraHops == 40)
      for number in 0..<40 { #expect(try await client.get("\(number)") != nil) }
      // Keys whose hashes share a place in the table cost a hop each time: by chance, a few do.
      #expect(client.statistics.extraHops < before.extraHops + 12)
    }
  }

  @Test("The gateway alone is enough", arguments: [ForwardMode.return, .proxy])
  func gatewayAlone(forward: ForwardMode) throws {
    let cluster = try InProcessCluster(forward: forward)
    cluster.settle(1)
    let client = try connect(cluster, isTrusted: false, routing: .gateway)
    try serve(cluster) {
      for number in 0..<20 { try await client.put("\(number)", "\(number)") }
      #expect(try await client.get("7")?.text == "7")
      let made = try await client.call("update_data", "k", "text", as: Answer.self)
      #expect(made.data == "text")
    }
  }

  @Test("Many keys are read with a bound on what is under way, each once")
  func manyKeys() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try connect(cluster)
    try serve(cluster) {
      for number in 0..<100 where number % 2 == 0 { try await client.put("\(number)", "\(number)") }
      var seen: [String: String?] = [:]
      for try await (key, entry) in client.get(keys: (0..<100).map(String.init), concurrency: 7) {
        #expect(seen[key] == nil)
        seen[key] = .some(entry?.text)
      }
      #expect(seen.count == 100)
      for (key, text) in seen {
        #expect(text == (Int(key).map { $0 % 2 == 0 } == true ? key : nil))
      }
      var taken = 0
      for try await _ in client.get(keys: (0..<1_000).map(String.init), concurrency: 4) {
        taken += 1
        if taken == 3 { break }
      }
      #expect(taken == 3)
      await #expect(throws: ClientError.self) {
        for try await _ in client.get(keys: ["1", "", "2"]) {}
      }
    }
  }

  @Test("Reading ahead keeps to what the client may have under way")
  func boundedReadAhead() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try ClusterClient("http://\(cluster.address)", maximumOutstanding: 2)
    try serve(cluster) {
      var seen = 0
      for try await _ in client.get(keys: (0..<100).map(String.init), concurrency: 64) { seen += 1 }
      #expect(seen == 100)
    }
  }

  @Test("A wrong credential is told, and does not look like a missing key")
  func wrongCredential() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try ClusterClient(
      "http://\(cluster.address)", credential: Credential.random().text)
    try serve(cluster) {
      let error = await #expect(throws: ClientError.self) { try await client.get("a") }
      #expect(error?.code == .rejected && error?.serviceCode == "credential_refused")
    }
  }

  @Test("Tasks that prefer the client's executor need no other thread")
  func executor() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let client = try connect(cluster)
    try serve(cluster, on: client.executor) {
      try await client.put("a", "one")
      #expect(try await client.get("a")?.text == "one")
    }
  }
}

/// What the built-in methods answer.
private struct Answer: CandidRecord {
  var data: String
  var from: Principal

  static let candidFields = CandidFields(
    Answer.init(data:from:), CandidMember("data", \.data), CandidMember("from", \.from))
}
