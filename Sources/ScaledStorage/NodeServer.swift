import Candid
import Cluster
package import HTTPTransport
import Placement
import WireProtocol

/// A node's HTTP interface: keys, methods, control and health.
package final class NodeServer: RequestHandler {
  package let runtime: NodeRuntime
  /// The largest body, compressed or not.
  let maxBodyBytes: Int
  // Set at the end of init, since the server calls this handler.
  private(set) var server: HTTPServer?
  let application: Application
  private let documents: InterfaceDocuments
  /// Methods that wait and have not ended.
  var runningTasks = 0
  /// Whether values go in and out as they are, and nobody looks at requests before.
  private let servesPlainly: Bool
  let keyScanner = KeyScanner()
  let access: AccessControl
  private let me = BackReference<NodeServer>()
  let forwarder: Forwarder
  private let routes: Routes

  /// - Parameter limits: bodies are bounded by the runtime's largest value, unless they are control
  ///   messages; both fit in `limits.maxBodyBytes`.
  package init(runtime: NodeRuntime, loop: EventLoop, limits: ServerLimits) {
    self.runtime = runtime
    access = runtime.access
    application = runtime.application
    documents = InterfaceDocuments(application, of: .node)
    servesPlainly = runtime.application.servesPlainly
    maxBodyBytes = limits.maxBodyBytes
    let routes = Routes(
      client: HTTPClient(
        forwarding: limits, credentials: runtime.access.credentials, tls: runtime.tls, loop: loop))
    self.routes = routes
    forwarder = Forwarder(
      loop: loop, routes: routes, access: runtime.access,
      passing: runtime.application.passedFields
    ) { [unowned runtime] in
      routes.table(runtime.node.map)
    }
    runtime.serve(by: routes.client)
    let server = HTTPServer(loop: loop, limits: limits, tls: runtime.tls, handler: self)
    self.server = server
    runtime.measure(server)
    me.set(self)
    runtime.node.onReply = { [me] token, held, reply in
      me.target?.runtime.modules.waitingBytes -= held
      me.target?.concludeValue(token, reply)
    }
  }

  deinit { me.clear() }

  /// Listens; port 0 takes a free one. Returns the address that was bound.
  /// - Throws: `TransportError` when the address cannot be had.
  package func listen(on address: SocketAddress) throws(TransportError) -> SocketAddress {
    guard let server else { throw TransportError(.connectionClosed, "the node was shut down") }
    return try server.listen(on: address)
  }

  /// Listens by a socket that does already. Returns its address.
  /// - Throws: `TransportError` when that cannot be.
  package func listen(
    by socket: consuming ListeningSocket
  ) throws(TransportError) -> SocketAddress {
    guard let server else { throw TransportError(.connectionClosed, "the node was shut down") }
    return try server.listen(by: socket)
  }

  /// The socket that the node listens by, for whoever takes its place; nil without one.
  package func listeningSocket() throws(TransportError) -> ListeningSocket? {
    try server?.listeningSocket()
  }

  /// Stops accepting, answers what has come, stops the node. `done` is called once, on the loop.
  ///
  /// - Parameter drain: the time for requests that are under way, besides `limit` for the hooks;
  ///   nil leaves them what the hooks leave of `limit`.
  package func shutdown(
    within limit: Duration, drain: Duration? = nil, _ done: @escaping () -> Void
  ) {
    runtime.beginShutdown()
    guard let server else { return done() }
    let end = MonotonicTime.current() + limit
    runtime.stopHooks(within: limit) { [self] in
      server.shutdown(within: drain ?? max(end - .current(), .zero)) { [self] in
        runtime.node.stop()
        routes.client.shutdown()
        self.server = nil
        done()
      }
    }
  }

  // MARK: - Requests

  /// Methods that every node has.
  static let ownMethods =
    ["node_info", "metrics", "service.did", "openapi.json", "whoami"]
    + ControlMethod.allCases.map(\.rawValue)

  package func handle(_ exchange: Exchange) -> Disposition {
    runtime.countRequest()
    runtime.tracer.begin(exchange)
    if exchange.carriesCredential { trust(exchange) }
    let isKey = KeyedRequest.isKeyPath(exchange)
    if isKey { exchange.kind = RequestKinds.ofValue(exchange.method) }
    do throws(Problem) {
      if !access.isOpen {
        if !isKey { exchange.kind = runtime.kinds[name: exchange.methodName] }
        try admit(exchange, isKey: isKey)
      }
      if servesPlainly,
        let disposition = isKey ? serveValue(exchange) : serveCall(exchange)
      {
        return disposition
      }
      if !isKey { exchange.kind = runtime.kinds[name: exchange.methodName] }
      return try route(exchange, isKey: isKey)
    } catch {
      var answer = refusal(error, of: exchange.methodName, as: .ofProblem(for: exchange))
      stamp(&answer)
      answer.write(to: exchange)
      return .done
    }
  }

  /// Requests for keys; neither the cluster's control nor its health checks.
  package func isSheddable(_ exchange: Exchange) -> Bool {
    KeyedRequest.isKeyPath(exchange) || application.methods[exchange.methodName] != nil
      || runtime.modules.interface?.method(named: exchange.methodName) != nil
  }

  /// The cluster's own programs are no attackers: a gateway that takes back many requests at once
  /// must not lose its connection.
  private func trust(_ exchange: Exchange) {
    if access.trusts(exchange) { exchange.trustConnection() }
  }

  private func route(_ exchange: Exchange, isKey: Bool) throws(Problem) -> Disposition {
    try ContentCoding.refuse(exchange, except: "/handle_event")
    if isKey {
      try admitValue(exchange)
      return try run(KeyedRequest(value: exchange), exchange)
    }
    let name = exchange.methodName
    if name == "whoami", let disposition = try access.reportToCluster(exchange) {
      return disposition
    }
    if let method = runtime.modules.interface?.method(named: name) {
      _ = try admitCall(of: name, isUpdate: !method.isQuery, exchange)
      return try call(method, exchange)
    }
    // The module that cannot run here would answer in the built-in method's place.
    if let problem = runtime.loadProblem, runtime.missingInterface?.method(named: name) != nil {
      throw problem
    }
    if let method = application.methods[name] {
      let setting = try admitCall(of: name, isUpdate: !method.isQuery, exchange)
      return try run(KeyedRequest(call: method, exchange, setting), exchange)
    }
    // What keeps the cluster going says nothing of what its users ask and how long they wait.
    exchange.leaveUntimed()
    runtime.discountRequest()
    if name == "node_info" { return try nodeInfo(exchange) }
    if name == "whoami" { return try access.report(to: exchange) }
    if name == "metrics" { return try metrics(exchange) }
    if name == "service.did" {
      return try documents.candid(
        ofModule: runtime.modules.interface?.candidText, to: exchange)
    }
    if name == "openapi.json" {
      return try documents.openAPI(
        ofModule: runtime.modules.interface, digest: runtime.modules.digest, to: exchange)
    }
    if let method = ControlMethod(rawValue: name) { return try control(method, exchange) }
    if exchange.method == .post, let problem = runtime.missingModule { throw problem }
    throw Problem(
      404, "unknown_method",
      "there is no \"/\(name.prefix(60))\" here; use /kv/KEY or one of the methods \(methodNames)")
  }

  private var methodNames: String {
    let names = Set(application.methods.keys)
      .union(runtime.modules.interface?.methods.map(\.name) ?? [])
    return (names.sorted().prefix(40) + ["node_info"]).joined(separator: ", ")
  }

  func run(_ request: KeyedRequest, _ exchange: Exchange) throws(Problem) -> Disposition {
    let command = try request.command(
      exchange, application.values, maximumValueBytes: runtime.settings.maximumValueBytes)
    if case .get = command {} else { try refuseStaleEpoch(exchange) }
    if case .call(let call) = request.kind, let task = call.task {
      return try run(task, request, exchange)
    }
    let pending = try later(exchange)
    runtime.node.execute(command, key: request.key, deadline: exchange.deadline) { [me] reply in
      me.target?.conclude(reply, request, pending)
    }
    return pending.disposition()
  }

  /// - Parameter isWaiting: its handler returned already.
  func later(
    _ exchange: Exchange, isWaiting: Bool = false
  ) throws(Problem) -> PendingExchange {
    guard let server else { throw Problem(503, "shutting_down", "the node is shutting down") }
    return PendingExchange(exchange, of: server, isWaiting: isWaiting)
  }

  /// Rule 1 of the data: who routes a write by a ring that has passed has to look again.
  private func refuseStaleEpoch(_ exchange: Exchange) throws(Problem) {
    guard let epoch = try KeyedRequest.epoch(of: exchange) else { return }
    guard let known = runtime.node.map?.ring.epoch else { return }
    runtime.node.noticeEpoch(epoch)
    guard epoch < known else { return }
    var problem = Problem(ClusterError(.staleEpoch, "epoch \(epoch) has passed; it is \(known)"))
    problem.isRetryable = true
    throw problem
  }

  private func conclude(_ reply: KeyReply, _ request: KeyedRequest, _ pending: PendingExchange) {
    guard let exchange = pending.current else { return }
    noteCommit(exchange)
    var answer: Answer
    do throws(Problem) {
      switch (reply, request.kind) {
      case (.refused(let error), _):
        throw Problem(error)
      case (.elsewhere(let owner, let address), _):
        return try forward(request, exchange, pending, owner: owner, address: address)
      case (.preconditionFailed, _), (_, .value):
        answer = try ValueAnswer.make(reply, application.values, to: exchange)
      case (_, .call(let call)):
        let representation = request.representation
        let result = try call.conclude(reply, runtime.node.id ?? .anonymous, representation)
        answer = Answer(result, as: representation)
      }
    } catch {
      answer = refusal(error, of: exchange.methodName, as: request.representation)
    }
    stamp(&answer)
    pending.answer(answer)
  }

  /// What is answered in the turn in which a commit ended has waited for that.
  func noteCommit(_ exchange: Exchange) {
    guard exchange.span != nil, let commit = runtime.node.commitTimes.last,
      commit.end == runtime.node.loop.now
    else { return }
    Span.of(exchange)?.commit = commit
  }

  /// Answers a request for a value that had to wait, in the way of those that are not plain.
  func concludeGenerally(_ exchange: Exchange, _ reply: KeyReply) {
    do throws(Problem) {
      let request = try KeyedRequest(value: exchange)
      conclude(reply, request, try later(exchange, isWaiting: true))
    } catch {
      var answer = Answer(error, as: .ofProblem(for: exchange))
      stamp(&answer)
      answer.write(to: exchange)
      exchange.finish()
    }
  }

  func forward(
    _ request: KeyedRequest, _ exchange: Exchange, _ pending: PendingExchange, owner: Principal,
    address: String
  ) throws(Problem) {
    switch request.forward ?? runtime.settings.forward {
    case .proxy:
      try forwarder.forward(exchange, request, to: request.key.isEmpty ? owner : nil)
    case .return:
      var answer = ForwardResponse.answer(
        owner: owner, address: address, isSecure: exchange.isSecure, target: exchange.target,
        as: request.representation)
      answer.headers.append(("ss-epoch", String(runtime.node.map?.ring.epoch ?? 0)))
      pending.answer(answer)
    }
  }

  /// Every keyed answer names who gave it, and by which ring.
  func stamp(_ answer: inout Answer) {
    let stamp = runtime.node.stamp
    guard stamp.epoch != nil else { return }
    answer.headers.append(("ss-node", stamp.nodeText))
    answer.headers.append(("ss-epoch", stamp.epochText))
  }
}
