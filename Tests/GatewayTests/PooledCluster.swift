import Candid
import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Storage
import Testing
import WireProtocol

/// A gateway whose nodes are instances that the test runs, all on one event loop.
final class PooledCluster {
  /// An instance with a fixed address, as a service manager runs it.
  final class Instance {
    let loop: EventLoop
    let credential: Credential
    private(set) var address: SocketAddress
    private(set) var engine = MemoryEngine()
    private(set) var retirements = 0
    private var server: NodeServer?
    private var runtime: NodeRuntime?

    init(loop: EventLoop, credential: Credential) throws {
      self.loop = loop
      self.credential = credential
      address = .loopback()
      try start()
    }

    var node: Principal? { runtime?.node.id }
    var isRunning: Bool { server != nil }

    func start() throws {
      let runtime = try NodeRuntime(
        .builtIn, loop: loop, store: engine, access: AccessControl(Credentials(credential)),
        settings: NodeRuntime.Settings(), logger: .silent)
      runtime.onRetire = { [weak self] completion in
        completion(.success(()))
        self?.retire()
      }
      let server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
      address = try server.listen(on: address)
      runtime.address = address.description
      (self.server, self.runtime) = (server, runtime)
    }

    /// Ends the instance as a crash does; what it has stored stays.
    func crash() {
      server?.shutdown(within: .zero) {}
      (server, runtime) = (nil, nil)
    }

    /// What a node does that has left: it comes back blank.
    private func retire() {
      retirements += 1
      server?.shutdown(within: .seconds(5)) { [self] in
        (server, runtime) = (nil, nil)
        engine = MemoryEngine()
        do {
          try start()
        } catch {
          Issue.record("the instance cannot start again: \(error)")
        }
      }
    }

    /// Loses what is stored, as a disk that is replaced does.
    func loseData() {
      engine = MemoryEngine()
    }
  }

  let loop: EventLoop
  let credential: Credential
  let store: MemoryEngine
  let instances: [Instance]
  let client: HTTPClient
  private(set) var pool: InstancePool
  private(set) var coordinator: Coordinator

  /// - Parameters:
  ///   - count: of instances that run; `names` are those that the gateway knows instead.
  ///   - store: the coordinator's, of an earlier gateway.
  init(
    _ count: Int, instances earlier: [Instance]? = nil, store: MemoryEngine = MemoryEngine(),
    loop: EventLoop? = nil, credential: Credential = .random(), names: [String]? = nil,
    source: (any InstanceSource)? = nil
  ) throws {
    let loop = try loop ?? EventLoop()
    self.loop = loop
    self.store = store
    self.credential = credential
    instances =
      try earlier
      ?? (0..<count).map { _ in
        try Instance(loop: loop, credential: credential)
      }
    client = HTTPClient(loop: loop)
    let listed = names ?? instances.map(\.address.description)
    pool =
      source.map { InstancePool(source: $0, loop: loop, tls: nil, logger: .silent) }
      ?? InstancePool(names: listed, loop: loop, tls: nil, logger: .silent)
    coordinator = try Coordinator(
      loop: loop, store: store, launcher: pool, credentials: Credentials(credential),
      policy: .threshold(keys: .max), logger: .silent)
    pool.cluster = coordinator
    coordinator.start(gatewayAddress: "127.0.0.1:1")
  }

  /// A gateway that starts again on what the one of before has stored.
  func successor(names: [String]? = nil) throws -> PooledCluster {
    coordinator.detach(within: .zero) {}
    pool.stopAll(within: .zero) {}
    return try PooledCluster(
      0, instances: instances, store: store, loop: loop, credential: credential, names: names)
  }

  func settle(_ members: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    loop.run(until: "\(members) members in step", sourceLocation: sourceLocation) { [self] in
      coordinator.machine.isSettled && coordinator.map.members.count == members
    }
  }

  func instance(of node: Principal) -> Instance? { instances.first { $0.node == node } }

  func put(_ key: String, _ value: String) throws -> Int {
    try send(.put, key, value).status
  }

  func get(_ key: String) throws -> String {
    String(decoding: try send(.get, key).body, as: UTF8.self)
  }

  private func send(_ method: HTTPMethod, _ key: String, _ value: String = "") throws
    -> ClientResponse
  {
    let owner = try #require(coordinator.map.owner(of: Array(key.utf8)))
    let address = try SocketAddress(try #require(coordinator.map.addresses[owner]))
    return try client.sendAndWait(
      ClientRequest(method: method, target: "/kv/" + key, headers: [], body: Array(value.utf8)),
      to: address, deadline: .seconds(20))
  }
}
