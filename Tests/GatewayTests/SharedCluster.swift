import Candid
import Cluster
import Gateway
import HTTPTransport
import Logging
import Placement
import ScaledStorage
import Storage
import Testing
import WireProtocol

/// What the gateways of a test share: the state, the modules, and who may write.
final class SharedState {
  private(set) var state: CoordinatorState
  fileprivate var modules: [[UInt8]: Module] = [:]
  private(set) var leader: SharedLog?
  private var logs: [SharedLog] = []
  let loop: EventLoop

  init(loop: EventLoop) throws {
    self.loop = loop
    state = try CoordinatorState.fresh(hashKey: .random(), capacity: 64)
  }

  func open() -> SharedLog {
    let log = SharedLog(self)
    logs.append(log)
    return log
  }

  /// Lets another gateway lead, or none. The one of before hears of it later, or not at all as long
  /// as it is said to be paused.
  func elect(_ log: SharedLog?) {
    let before = leader
    leader = log
    if let before, before !== log, !before.isPaused { before.lose() }
    log?.win()
  }

  fileprivate func write(_ bytes: [UInt8], by log: SharedLog) -> Bool {
    guard leader === log, let state = try? CoordinatorState(encoded: bytes) else { return false }
    self.state = state
    for other in logs where other !== log && !other.isPaused { other.follow(state) }
    return true
  }
}

/// A log in memory that several gateways share.
final class SharedLog: CoordinatorLog {
  var silence: Duration? = .zero
  private let shared: SharedState
  private(set) var isLeading = false
  /// As a process that is stopped: it hears of nothing, and believes what it knew.
  var isPaused = false {
    didSet { if !isPaused, isLeading, shared.leader !== self { lose() } }
  }
  private(set) var refused = 0
  private(set) var address = ""
  var onEvent: (CoordinatorLogEvent) -> Void = { _ in }
  private var term = 0

  fileprivate init(_ shared: SharedState) { self.shared = shared }

  var state: CoordinatorState { shared.state }
  var leader: String? { shared.leader === self ? nil : shared.leader?.address }

  func start(address: String) { self.address = address }

  fileprivate func win() {
    isLeading = true
    term += 1
    onEvent(.leads(shared.state))
  }

  fileprivate func lose() {
    isLeading = false
    term += 1
    onEvent(.follows(shared.state))
  }

  fileprivate func follow(_ state: CoordinatorState) { onEvent(.follows(state)) }

  func submit(_ state: [UInt8], desired: [Principal], sequence: UInt64) {
    let term = term
    shared.loop.schedule(after: .milliseconds(1)) { [weak self] in
      guard let self, self.term == term else { return }
      guard shared.write(state, by: self) else { return refused += 1 }
      if !isPaused { onEvent(.persisted(through: sequence)) }
    }
  }

  func release(_ done: @escaping () -> Void) {
    if shared.leader === self { shared.elect(nil) }
    shared.loop.schedule(after: .zero, done)
  }

  func close() {}

  func add(_ module: Module, _ completion: @escaping (Result<Void, ClusterError>) -> Void) {
    shared.modules[module.digest] = module
    shared.loop.schedule(after: .milliseconds(1)) { completion(.success(())) }
  }

  func module(
    _ digest: [UInt8], _ completion: @escaping (Result<Module?, ClusterError>) -> Void
  ) {
    shared.loop.schedule(after: .milliseconds(1)) { [shared] in
      completion(.success(shared.modules[digest]))
    }
  }

  func keepOnlyModules(_ digests: @escaping () -> [[UInt8]]) {
    shared.loop.schedule(after: .milliseconds(1)) { [shared] in
      let kept = digests()
      shared.modules = shared.modules.filter { kept.contains($0.key) }
    }
  }
}

/// Several gateways with one log and the same nodes, on one event loop.
final class SharedCluster {
  struct Gateway {
    let log: SharedLog
    let coordinator: Coordinator
    let server: GatewayServer
    let address: SocketAddress
  }

  let loop: EventLoop
  let launcher: InProcessLauncher
  let shared: SharedState
  private(set) var gateways: [Gateway] = []
  let client: HTTPClient

  init(_ count: Int, forward: ForwardMode = .proxy) throws {
    loop = try EventLoop()
    launcher = InProcessLauncher(.builtIn, loop: loop, credential: .random())
    shared = try SharedState(loop: loop)
    client = HTTPClient(loop: loop)
    for _ in 0..<count { try addGateway(forward: forward) }
    shared.elect(gateways[0].log)
  }

  private func addGateway(forward: ForwardMode) throws {
    let log = shared.open()
    let credentials = Credentials(launcher.credential)
    let coordinator = try Coordinator(
      loop: loop, log: log, store: MemoryEngine(), credentials: credentials,
      policy: .threshold(keys: .max), logger: .silent
    ) { [launcher] _ in launcher }
    let server = GatewayServer(
      coordinator: coordinator, access: AccessControl(credentials), forward: forward, loop: loop,
      limits: ServerLimits())
    let address = try server.listen(on: .loopback())
    coordinator.start(gatewayAddress: address.description)
    gateways.append(
      Gateway(log: log, coordinator: coordinator, server: server, address: address))
  }

  /// The coordinator that leads.
  var leading: Coordinator {
    get throws { try #require(gateways.first { $0.coordinator.isLeading }).coordinator }
  }

  /// Waits until all gateways see so many members in step.
  func settle(_ members: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    loop.run(until: "\(members) members in step", sourceLocation: sourceLocation) { [self] in
      gateways.allSatisfy {
        $0.coordinator.machine.isSettled && $0.coordinator.machine.state.isBootstrapped
          && $0.coordinator.map.members.count == members
      }
    }
  }

  func send(
    _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
    headers: [(name: String, value: String)] = [], to gateway: Int
  ) throws -> ClientResponse {
    let request = ClientRequest(method: method, target: target, headers: headers, body: body)
    return try client.sendAndWait(
      request, to: gateways[gateway].address, deadline: .seconds(20))
  }

  /// Sends a control message with the cluster's credential.
  func control(
    _ method: String, _ body: String, to gateway: Int
  ) throws -> ClientResponse {
    try client.sendAndWait(
      order(method, body), to: gateways[gateway].address, deadline: .seconds(20))
  }

  /// A control message with the cluster's credential.
  func order(_ method: String, _ body: String) -> ClientRequest {
    ClientRequest(
      method: .post, target: "/" + method,
      headers: [
        ("content-type", "text/candid"), ("accept", "application/json"),
        ("authorization", launcher.credential.headerValue),
      ], body: Array(body.utf8))
  }
}
