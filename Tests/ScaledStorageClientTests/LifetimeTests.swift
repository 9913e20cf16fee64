import HTTPTransport
import Synchronization
import Testing

@testable import ScaledStorageClient

@Suite("The life of a client", .timeLimit(.minutes(2)))
struct LifetimeTests {
  /// A port on which connections are taken, and nothing is ever said.
  private static func mutePort() throws -> (EventLoop, FakeServer) {
    let loop = try EventLoop()
    return (loop, try FakeServer(loop, isMute: true) { _ in })
  }

  @Test("Whoever waits is told when the client is shut down")
  func shutDown() async throws {
    let (loop, server) = try LifetimeTests.mutePort()
    let client = try ClusterClient("http://\(server.address)")
    async let error = #expect(throws: ClientError.self) { try await client.put("a", "") }
    while client.statistics.attempts == 0 { await Task.yield() }
    client.shutDown()
    let told = await error
    #expect(told?.code == .cancelled && told?.isOutcomeUnknown == true)
    let later = await #expect(throws: ClientError.self) { try await client.get("a") }
    #expect(later?.code == .cancelled)
    withExtendedLifetime(loop) {}
  }

  @Test("A cancelled task waits no longer")
  func cancellation() async throws {
    let (loop, server) = try LifetimeTests.mutePort()
    let client = try ClusterClient("http://\(server.address)")
    let task = Task { try await client.get("a") }
    while client.statistics.attempts == 0 { await Task.yield() }
    task.cancel()
    let error = await #expect(throws: ClientError.self) { try await task.value }
    #expect(error?.code == .cancelled && error?.isOutcomeUnknown == false)
    withExtendedLifetime(loop) {}
  }

  @Test("A request ends when its time is up")
  func deadline() async throws {
    let (loop, server) = try LifetimeTests.mutePort()
    let client = try ClusterClient("http://\(server.address)")
    let error = await #expect(throws: ClientError.self) {
      try await client.put("a", "", timeout: .milliseconds(30))
    }
    #expect(error?.code == .deadlineExceeded)
    withExtendedLifetime(loop) {}
  }

  @Test("Tasks that preferred the executor of a client that has gone go on elsewhere")
  func executor() async throws {
    let client = try ClusterClient("http://127.0.0.1:1")
    let task = Task(executorPreference: client.executor) {
      client.shutDown()
      for _ in 0..<100 { await Task.yield() }
      return await #expect(throws: ClientError.self) { try await client.get("a") }
    }
    #expect(await task.value?.code == .cancelled)
  }

  @Test("Dropping the last reference to a client ends its thread and its connections")
  func dropping() async throws {
    weak var gone: ClientCounters?
    var client: ClusterClient? = try ClusterClient("http://127.0.0.1:1")
    gone = client?.core.counters
    #expect(gone != nil)
    client = nil
    while gone != nil { await Task.yield() }
  }

  @Test("A request that comes when the loop has just ended is told so")
  func endedLoop() async throws {
    let loop = try EventLoop()
    let settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint("http://127.0.0.1:1"))
    let core = ClientCore(try ClusterEngine(loop: loop, settings))
    loop.mailbox.disown()
    #expect(loop.mailbox.end().isEmpty)
    let error = await #expect(throws: ClientError.self) {
      try await core.perform(.get([0x61]), timeout: nil)
    }
    #expect(error?.code == .cancelled)
    withExtendedLifetime(loop) {}
  }

  @Test("The engine goes on its loop, before the loop ends, whoever still knows the client")
  func engineGoes() throws {
    let loop = try EventLoop()
    let settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint("http://127.0.0.1:1"))
    var engine: ClusterEngine? = try ClusterEngine(loop: loop, settings)
    weak let gone = engine
    let core = ClientCore(try #require(engine))
    engine = nil
    #expect(gone != nil)
    core.shutDown(endsLoop: true)
    loop.run()
    #expect(gone == nil)
    withExtendedLifetime(core) {}
  }

  @Test(
    "Parts of seconds let a value live longer, never shorter",
    arguments: [
      (Duration.seconds(1), Int64(1)), (.milliseconds(1), 1), (.milliseconds(1_900), 2),
      (.seconds(60) + .nanoseconds(1), 61), (.seconds(Int64.max) + .milliseconds(1), .max),
    ])
  func wholeSeconds(ttl: Duration, seconds: Int64) throws {
    #expect(try ClusterClient.wholeSeconds(ttl) == seconds)
    #expect(throws: ClientError.self) { try ClusterClient.wholeSeconds(.zero - ttl) }
  }

  @Test(
    "What cannot be used is told at once",
    arguments: [
      ("127.0.0.1:80", nil), ("http://127.0.0.1:80", "short"), ("ftp://127.0.0.1", nil),
    ])
  func badConfiguration(url: String, credential: String?) {
    let error = #expect(throws: ClientError.self) {
      try ClusterClient(url, credential: credential)
    }
    #expect(error?.code == .invalidRequest)
    #expect(throws: ClientError.self) {
      try ClusterClient("http://127.0.0.1", tls: .init(authorities: "ca.pem"))
    }
    #expect(throws: ClientError.self) { try ClusterClient("http://127.0.0.1", timeout: .zero) }
  }

  @Test("Keys and methods that nobody can have are not sent")
  func badRequests() async throws {
    let client = try ClusterClient("http://127.0.0.1:1")
    for key in ["", String(repeating: "k", count: 1_025)] {
      let error = await #expect(throws: ClientError.self) { try await client.get(key) }
      #expect(error?.code == .invalidRequest)
    }
    await #expect(throws: ClientError.self) { try await client.put("a", "", ttl: .zero) }
    await #expect(throws: ClientError.self) { try await client.call("a/b", "key") }
    #expect(client.statistics.attempts == 0)
  }
}
