import Cluster
import HTTPTransport
import Logging
import Storage
import Testing
import WireProtocol

@testable import ScaledStorage

/// What a node does that may have lost its identity.
@Suite(.timeLimit(.minutes(1))) struct FenceTests {
  private let loop: EventLoop
  private let runtime: NodeRuntime
  private let server: NodeServer
  private let client: HTTPClient
  private let address: SocketAddress

  private static let ended = MonotonicTime(nanoseconds: 0)
  private static let endless = MonotonicTime(nanoseconds: .max)

  init() throws {
    let loop = try EventLoop()
    self.loop = loop
    client = HTTPClient(loop: loop)
    runtime = try NodeRuntime(
      loop: loop, store: MemoryEngine(), access: AccessControl(Credentials(.random())),
      settings: NodeRuntime.Settings(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    address = try server.listen(on: .loopback())
    runtime.address = address.description
    runtime.initialise(InitCanisterManagerParam(args: nil)) { _ in loop.stop() }
    loop.run()
    try #require(runtime.isInitialised)
  }

  private func send(_ method: HTTPMethod, _ target: String) throws -> ClientResponse {
    let body: [UInt8] = method == .put ? [1] : []
    return try client.sendAndWait(
      ClientRequest(method: method, target: target, body: body), to: address,
      deadline: .seconds(20))
  }

  @Test("It answers for no key, says so when it is asked how it is, and serves again unfenced")
  func refusal() throws {
    #expect(try send(.put, "/kv/x").status == 201)
    runtime.node.servesUntil = Self.ended
    for (method, target) in [
      (HTTPMethod.get, "/kv/x"), (.head, "/kv/x"), (.put, "/kv/x"), (.delete, "/kv/x"),
      (.get, "/kv/none"), (.get, "/kv/x?x=1"),
    ] {
      let answer = try send(method, target)
      #expect(answer.status == 503 || target.contains("?"))
      #expect(answer.status != 200 && answer.status != 404)
      guard answer.status == 503 else { continue }
      #expect(answer.header("ss-error") == "fenced" && answer.header("retry-after") == "1")
    }
    let info = try send(.get, "/node_info")
    #expect(info.status == 503)
    #expect(String(decoding: info.body, as: UTF8.self).contains("fenced"))
    runtime.node.servesUntil = Self.endless
    #expect(try send(.get, "/kv/x").body == [1])
    #expect(try send(.get, "/node_info").status == 200)
  }

  @Test("A write that is stored when the fence falls is not acknowledged, and may have been done")
  func lateWrite() throws {
    var reply: KeyReply?
    runtime.node.execute(.put(value: [2], ttl: nil, condition: .none), key: [7]) { [loop] in
      reply = $0
      loop.stop()
    }
    // It was taken while the node was certain, and becomes durable after that.
    runtime.node.servesUntil = Self.ended
    loop.run()
    guard case .refused(let error)? = reply else {
      Issue.record("it was answered with \(String(describing: reply))")
      return
    }
    #expect(error.code == .outcomeUnknown && !error.isRetryable)
    runtime.node.servesUntil = Self.endless
    #expect(try send(.get, "/kv/%07").body == [2])
  }
}
