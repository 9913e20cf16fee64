import Candid
import Cluster
package import HTTPTransport
import Placement
package import ScaledStorage
import WireProtocol

/// The gateway's HTTP interface: it routes keys to their owners and tells of the whole cluster.
package final class GatewayServer: RequestHandler {
  let coordinator: Coordinator
  let access: AccessControl
  private let forward: ForwardMode
  private let application: Application
  private let documents: InterfaceDocuments
  private let routes: Routes
  let forwarder: Forwarder
  let board: StatusBoard
  private let page = StatusPage()
  // Set at the end of init, since the server calls this handler.
  private(set) var server: HTTPServer?
  /// What requests are counted as.
  let kinds: RequestKinds
  let meter: WorkMeter
  let slowFigures: SlowFigureReader
  let tracer: Tracer
  /// Seconds since 1970.
  let startedAt = Double(WallClock.milliseconds) / 1_000
  var upload: ModuleUpload

  package init(
    _ application: Application = .builtIn, coordinator: Coordinator, access: AccessControl,
    forward: ForwardMode, loop: EventLoop, limits: ServerLimits,
    tracing: TracingSettings = TracingSettings()
  ) {
    self.coordinator = coordinator
    self.access = access
    self.forward = forward
    self.application = application
    documents = InterfaceDocuments(application, of: .gateway)
    kinds = RequestKinds(GatewayServer.ownMethods + application.methods.keys.sorted())
    meter = WorkMeter(loop: loop)
    slowFigures = SlowFigureReader(loop: loop, store: coordinator.store)
    tracer = Tracer(
      loop: loop, settings: tracing, service: "scaled-storage-gateway", kinds: kinds,
      quiet: GatewayServer.ownMethods, logger: coordinator.logger)
    board = StatusBoard(coordinator, loop: loop)
    upload = coordinator.loader.newUpload
    let routes = Routes(
      client: HTTPClient(
        forwarding: limits, credentials: access.credentials, tls: coordinator.tls, loop: loop))
    self.routes = routes
    forwarder = Forwarder(
      loop: loop, routes: routes, access: access, passing: application.passedFields
    ) { [unowned coordinator] in
      routes.table(revision: coordinator.machine.routingRevision) ?? routes.renew(coordinator.map)
    }
    let server = HTTPServer(loop: loop, limits: limits, tls: coordinator.tls, handler: self)
    self.server = server
    meter.answerTimes = server.answerTimes
    tracer.follow(server)
    // Whoever may not watch any more does not watch on.
    access.onChange = { [weak board] in board?.endStreams() }
  }

  /// Listens; port 0 takes a free one. Returns the address that was bound.
  /// - Throws: `TransportError` when the address cannot be had.
  package func listen(on address: SocketAddress) throws(TransportError) -> SocketAddress {
    guard let server else { throw TransportError(.connectionClosed, "the gateway was shut down") }
    let bound = try server.listen(on: address)
    tracer.name(bound.description)
    return bound
  }

  /// Stops accepting and answers what has come. `done` is called once, on the loop.
  package func shutdown(within limit: Duration, _ done: @escaping () -> Void) {
    guard let server else { return done() }
    board.stop()
    server.shutdown(within: limit) { [self] in
      routes.client.shutdown()
      self.server = nil
      done()
    }
  }

  // MARK: - Requests

  /// Methods that every gateway has.
  private static let ownMethods = [
    "node_info", "nodes", "ring", "cluster_map", "metrics", "metrics/targets", "scale", "init_wasm",
    "module_info", "module_rollback", "rolling_restart", "service.did", "openapi.json", "whoami",
    "status",
    "status/events", "locate",
  ]

  package func handle(_ exchange: Exchange) -> Disposition {
    meter.countRequest()
    tracer.begin(exchange)
    if KeyedRequest.isKeyPath(exchange) { exchange.kind = RequestKinds.ofValue(exchange.method) }
    do throws(Problem) {
      if !access.isOpen { try admit(exchange) }
      if forward == .proxy, forwarder.forwardPlain(exchange) { return .later }
      return try route(exchange)
    } catch {
      var answer = Answer(error, as: .ofProblem(for: exchange))
      answer.headers.append(("ss-epoch", String(coordinator.map.ring.epoch)))
      answer.write(to: exchange)
      return .done
    }
  }

  /// Requests for keys; neither the cluster's control nor its health checks.
  package func isSheddable(_ exchange: Exchange) -> Bool {
    KeyedRequest.isKeyPath(exchange) || application.methods[exchange.methodName] != nil
      || coordinator.moduleMethod(named: exchange.methodName) != nil
  }

  /// Lets a request pass whose sender may send it.
  /// - Throws: `Problem` as `AccessControl.admit`.
  private func admit(_ exchange: Exchange) throws(Problem) {
    let isKey = KeyedRequest.isKeyPath(exchange)
    // What is refused counts as what it asked for.
    if !isKey { exchange.kind = kinds[name: exchange.methodName] }
    guard let role = isKey ? Role.ofValue(exchange) : neededRole(exchange.methodName),
      role > .none
    else { return }
    try access.admit(
      exchange, as: role, to: "\(exchange.method) \(isKey ? "/kv" : "/" + exchange.methodName)")
  }

  /// Nil for methods that look at their callers themselves.
  private func neededRole(_ name: String) -> Role? {
    if let method = coordinator.moduleMethod(named: name) { return method.isQuery ? .read : .write }
    if let method = application.methods[name] { return method.isQuery ? .read : .write }
    switch name {
    case "scale", "init_wasm", "module_rollback", "rolling_restart", "cluster_map": return nil
    default: return Role.ofPublicName(name)
    }
  }

  private func route(_ exchange: Exchange) throws(Problem) -> Disposition {
    try ContentCoding.refuse(exchange)
    if KeyedRequest.isKeyPath(exchange) {
      return try pass(KeyedRequest(value: exchange), exchange)
    }
    let name = exchange.methodName
    exchange.kind = kinds[name: name]
    if name == "whoami", let disposition = try access.reportToCluster(exchange) {
      return disposition
    }
    if let method = coordinator.moduleMethod(named: name) {
      exchange.kind = kinds.add(name)
      return try pass(KeyedRequest(module: method, exchange), exchange)
    }
    if let method = application.methods[name] {
      return try pass(
        KeyedRequest(call: method, exchange, .passing(exchange, method: name)), exchange)
    }
    exchange.leaveUntimed()
    if GatewayServer.leadersMethods.contains(name), !coordinator.isLeading {
      return try passToLeader(exchange, name)
    }
    if name.hasPrefix("locate/") {
      exchange.kind = kinds[name: "locate"]
      return try locate(exchange)
    }
    switch name {
    case "metrics": return try metrics(exchange)
    case "metrics/targets": return try metricsTargets(exchange)
    case "": return try page.write(to: exchange)
    case "status": return try status(exchange)
    case "status/events": return try statusEvents(exchange)
    case "node_info": return try clusterInfo(exchange)
    case "nodes": return try nodes(exchange)
    case "ring": return try ring(exchange)
    case "whoami": return try access.report(to: exchange)
    case "cluster_map": return try clusterMap(exchange)
    case "init_wasm": return try initWasm(exchange)
    case "service.did":
      return try documents.candid(ofModule: coordinator.interface?.candidText, to: exchange)
    case "openapi.json":
      return try documents.openAPI(
        ofModule: coordinator.interface, digest: coordinator.machine.state.moduleDigest,
        to: exchange)
    case "module_info": return try moduleInfo(exchange)
    case "module_rollback": return try rollBackModule(exchange)
    case "scale": return try scale(exchange)
    case "rolling_restart": return try rollingRestart(exchange)
    case _ where ControlMethod(rawValue: name) != nil:
      throw Problem(
        404, "unknown_method", "\(name) is a method of nodes; GET /nodes lists their addresses")
    default:
      let names = application.methods.keys.sorted().prefix(40) + ["node_info", "nodes", "ring"]
      throw Problem(
        404, "unknown_method",
        "there is no \"/\(name.prefix(60))\" here; use /kv/KEY, "
          + names.joined(separator: ", "))
    }
  }

  /// Answers where the key lives, or with what its owner answers.
  private func pass(_ request: KeyedRequest, _ exchange: Exchange) throws(Problem) -> Disposition {
    let map = coordinator.map
    // A service's method without a key runs anywhere; a module's has its memory at one node.
    let chosen = request.runsAnywhere ? map.members.randomElement() : nil
    switch request.forward ?? forward {
    case .return:
      let home = request.key.isEmpty ? chosen ?? map.members.first : map.owner(of: request.key)
      guard let owner = home, let address = map.addresses[owner] else {
        throw Problem(503, "no_owner", "the owner of the key is not running yet; try again")
      }
      var answer = ForwardResponse.answer(
        owner: owner, address: address, isSecure: exchange.isSecure, target: exchange.target,
        as: request.representation)
      answer.headers.append(("ss-epoch", String(map.ring.epoch)))
      answer.write(to: exchange)
      return .done
    case .proxy:
      try forwarder.forward(exchange, request, to: chosen)
      return .later
    }
  }

  func later(_ exchange: Exchange) throws(Problem) -> PendingExchange {
    guard let server else { throw Problem(503, "shutting_down", "the gateway is shutting down") }
    return PendingExchange(exchange, of: server)
  }
}
