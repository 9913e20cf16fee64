import Candid
import Cluster
import Gateway
import HTTPTransport
import Logging
import ScaledStorage
import Storage
import Testing
import WireProtocol

/// A gateway and its nodes on one event loop, with stores in memory.
final class InProcessCluster {
  let loop: EventLoop
  let credential = Credential.random()
  let launcher: InProcessLauncher
  let store: MemoryEngine
  private(set) var coordinator: Coordinator
  private(set) var gateway: GatewayServer
  private(set) var address: SocketAddress
  let client: HTTPClient

  init(
    _ application: Application = .builtIn, policy: ScalePolicy = .threshold(keys: .max),
    isDryRun: Bool = false, forward: ForwardMode = .return,
    store: MemoryEngine = MemoryEngine(), launcher earlier: InProcessLauncher? = nil,
    loop own: EventLoop? = nil, tracing: TracingSettings = TracingSettings(),
    rules: AccessControl.Rules = AccessControl.Rules(), tls: TLSContext? = nil,
    audit: AuditLog = AuditLog(), logger: Logger = .silent
  ) throws {
    loop = try own ?? earlier?.loop ?? EventLoop()
    self.store = store
    launcher = earlier ?? InProcessLauncher(application, loop: loop, credential: credential)
    launcher.settings.tracing = tracing
    launcher.logger = logger
    launcher.rules = rules
    launcher.tls = tls
    client = HTTPClient(loop: loop, tls: tls)
    let credentials = Credentials(launcher.credential)
    coordinator = try Coordinator(
      loop: loop, store: store, launcher: launcher, credentials: credentials, tls: tls,
      policy: policy, isDryRun: isDryRun, firstNode: application.firstNode, logger: logger)
    gateway = GatewayServer(
      application, coordinator: coordinator,
      access: AccessControl(credentials, rules, audit: audit), forward: forward,
      loop: loop, limits: ServerLimits(), tracing: tracing)
    address = try gateway.listen(on: .loopback())
    coordinator.start(gatewayAddress: address.description)
  }

  func settle(_ members: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    loop.run(until: "\(members) members in step", sourceLocation: sourceLocation) { [self] in
      coordinator.machine.isSettled && coordinator.map.members.count == members
    }
  }

  /// Asks, following forward responses.
  func send(
    _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
    headers: [(name: String, value: String)] = [], to first: SocketAddress? = nil
  ) throws -> ClientResponse {
    var address = first ?? address
    var target = target
    while true {
      let request = ClientRequest(method: method, target: target, headers: headers, body: body)
      let response = try client.sendAndWait(request, to: address, deadline: .seconds(20))
      guard response.status == 307, let location = response.header("location") else {
        return response
      }
      let endpoint = try HTTPEndpoint(location)
      address = try endpoint.resolve()
      target = endpoint.target
    }
  }

  /// Ends the gateway as a crash does: its nodes go on.
  func abandonGateway() {
    coordinator.detach(within: .zero) {}
    gateway.shutdown(within: .zero) {}
  }
}

/// Runs nodes on the loop of the test.
final class InProcessLauncher: Launcher {
  let loop: EventLoop
  let credential: Credential
  private(set) var destroyed: [Principal] = []
  private(set) var launches = 0
  /// Those of nodes that are launched from now on.
  var settings = NodeRuntime.Settings()
  var logger = Logger.silent
  var rules = AccessControl.Rules()
  var tls: TLSContext?
  /// How many launches are still to fail.
  var failures = 0
  private var engines: [Principal: MemoryEngine] = [:]
  private var reports: [Principal: (LauncherEvent) -> Void] = [:]
  private var running: [Principal: (server: NodeServer, runtime: NodeRuntime)] = [:]

  private let application: Application

  init(_ application: Application, loop: EventLoop, credential: Credential) {
    self.application = application
    self.loop = loop
    self.credential = credential
  }

  var isEmpty: Bool { engines.isEmpty }
  var nodes: Set<Principal> { Set(engines.keys) }

  func runtime(_ node: Principal) -> NodeRuntime? { running[node]?.runtime }

  func launch(
    _ node: Principal, previousAddress: String?, _ report: @escaping (LauncherEvent) -> Void
  ) {
    launches += 1
    reports[node] = report
    if failures > 0 {
      failures -= 1
      loop.schedule(after: .zero) { report(.stopped(reason: "the test lets it fail")) }
      return
    }
    let event: LauncherEvent
    do {
      event = .running(address: try start(node))
    } catch {
      event = .stopped(reason: "\(error)")
    }
    loop.schedule(after: .zero) { [self] in
      // It may have been ended meanwhile.
      if case .running(let address) = event, running[node]?.runtime.address != address {
        return report(.stopped(reason: "it was ended"))
      }
      report(event)
    }
  }

  private func start(_ node: Principal) throws -> String {
    if let running = running[node] { return running.runtime.address }
    let engine = engines[node] ?? MemoryEngine()
    engines[node] = engine
    let runtime = try NodeRuntime(
      application, loop: loop, store: engine,
      access: AccessControl(Credentials(credential), rules), tls: tls, settings: settings,
      logger: logger)
    let server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    runtime.address = try server.listen(on: .loopback()).description
    running[node] = (server, runtime)
    return runtime.address
  }

  func kill(_ node: Principal) {
    running.removeValue(forKey: node)?.server.shutdown(within: .zero) {}
  }

  func destroy(_ node: Principal, _ done: @escaping () -> Void) {
    destroyed.append(node)
    guard let server = running.removeValue(forKey: node)?.server else {
      engines[node] = nil
      loop.schedule(after: .zero, done)
      return
    }
    server.shutdown(within: .seconds(5)) { [self] in
      engines[node] = nil
      done()
    }
  }

  func stopAll(within limit: Duration, _ done: @escaping () -> Void) {
    for node in Array(running.keys) { kill(node) }
    loop.schedule(after: .zero, done)
  }

  /// What ``leavingOrder(of:)`` answers; nil for the usual order.
  var orderOfLeaving: (([Principal]) -> [Principal])?

  func leavingOrder(of members: [Principal]) -> [Principal] {
    orderOfLeaving?(members) ?? members.reversed()
  }

  func restart(
    _ node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard running[node] != nil else {
      let error = ClusterError(.overloaded, "the node does not run")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    loop.schedule(after: .zero) { [self] in
      completion(.success(()))
      kill(node)
      // Whoever watches it by now.
      reports[node]?(.stopped(reason: "it starts again"))
    }
  }
}

extension Logger {
  static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
