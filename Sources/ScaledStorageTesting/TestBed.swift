import Candid
import Cluster
import ClusterTestKit
import ScaledStorage
import Synchronization
import WireProtocol

/// What a test's cluster is made of, whatever its values are: the machines, the service at each
/// node, and the clients.
final class TestBed {
  let cluster: InProcessCluster
  let executor = HandlerExecutor()
  let tally = HandlerTally()
  private let application: Application
  private var services: [ObjectIdentifier: NodeService] = [:]
  private var hasGivenUp = false
  private(set) var logged: [String] = []
  /// What each call carries.
  var headers: [String: String] = [:]
  var isSecure = false

  /// How long a client waits and asks again, in virtual time.
  static let patience = Duration.seconds(30)
  /// How long a handler may wait for what is not of the cluster, in real time.
  private static let realPatience = Duration.seconds(10)
  static let maximumValueBytes = 1 << 20

  /// - Throws: `CallError` when the service's definition has mistakes, or there cannot be so many
  ///   nodes.
  init(_ application: Application, nodes: Int, seed: UInt64) throws(CallError) {
    guard application.mistakes.isEmpty else {
      throw CallError(
        status: 500, code: "bad_definition", application.mistakes.joined(separator: "; "))
    }
    self.application = application
    var settings = InProcessCluster.Settings()
    settings.seed = seed
    settings.policy = application.policy
    settings.firstNode = application.firstNode
    cluster = InProcessCluster(settings)
    cluster.betweenEvents = { [unowned self] in runHandlers() }
    cluster.onStart = { [unowned self] in begin($0) }
    cluster.onMap = { [unowned self] in service(at: $0).mapChanged() }
    cluster.onEnd = { [unowned self] in services.removeValue(forKey: ObjectIdentifier($0))?.ended()
    }
    cluster.onStop = { [unowned self] node, done in service(at: node).stop(done) }
    try perform { () throws(ClusterError) in
      cluster.begin()
      try cluster.settle()
      if nodes != 1 {
        try cluster.beginScaling(to: nodes)
        try cluster.settle()
      }
    }
  }

  private func begin(_ node: InProcessNode) {
    services[ObjectIdentifier(node)] = NodeService(node, application, self)
  }

  private func service(at node: InProcessNode) -> NodeService {
    if let service = services[ObjectIdentifier(node)] { return service }
    let service = NodeService(node, application, self)
    services[ObjectIdentifier(node)] = service
    return service
  }

  /// Ends all handlers, so that no task waits for ever.
  func close() {
    for (_, service) in services { service.ended() }
    services = [:]
    executor.runReady()
  }

  /// Virtual time stands still while a handler runs, and while all that one waits for is elsewhere.
  private func runHandlers() {
    executor.runReady()
    while tally.isWaitingElsewhere, !hasGivenUp {
      hasGivenUp = !executor.waitForWork(atMost: TestBed.realPatience)
      executor.runReady()
    }
    if !tally.isWaitingElsewhere { hasGivenUp = false }
  }

  func perform<Result>(
    _ body: () throws(ClusterError) -> Result
  ) throws(CallError) -> Result {
    do throws(ClusterError) {
      return try body()
    } catch {
      throw CallError(error)
    }
  }

  // MARK: - Requests

  /// Lets virtual time pass until a request has its outcome.
  func outcome<Value>(
    of request: ClientRequest<Value>
  ) throws(CallError) -> ClientRequest<Value>.Outcome {
    _ = try perform { () throws(ClusterError) in
      try cluster.run(within: TestBed.patience + .seconds(1)) { request.outcome != nil }
    }
    guard let outcome = request.outcome else {
      throw CallError.noAnswer("no answer came in time")
    }
    return try outcome.get()
  }

  /// Sends a call to any node, or to `node`.
  func begin(
    _ method: String, _ arguments: [UInt8], at node: Principal?, followsForwards: Bool = true
  ) -> ClientRequest<CallResult> {
    let fields = headers.map { (name: $0.key.lowercased(), value: $0.value) }
      .sorted { $0.name < $1.name }
    return send(
      ServiceCall(method: method, arguments: arguments, headers: fields, isSecure: isSecure),
      to: node, followsForwards: followsForwards)
  }

  /// Calls a method for a handler of another node.
  func forward(
    _ call: ServiceCall, to node: Principal,
    _ completion: @escaping (Result<[UInt8], CallError>) -> Void
  ) {
    _ = send(call, to: node, followsForwards: true) { outcome in
      completion(
        outcome.flatMap { outcome in
          guard case .answered(let result, _) = outcome else {
            return .failure(.unreachable("the nodes disagree about who owns the key"))
          }
          return .success(result.body)
        })
    }
  }

  private func send(
    _ call: ServiceCall, to node: Principal?, followsForwards: Bool,
    _ completion:
      @escaping (Result<ClientRequest<CallResult>.Outcome, CallError>) -> Void = { _ in }
  ) -> ClientRequest<CallResult> {
    ClientRequest(cluster, at: node, followsForwards: followsForwards) { [unowned self] in
      service(at: $0).serve(call, $1)
    } completion: {
      completion($0)
    }
  }

  func isQuery(_ method: String) -> Bool { application.methods[method]?.isQuery == true }

  /// Runs a command on a key at its owner, past the service.
  func execute(_ command: KeyCommand, key: [UInt8]) throws(CallError) -> KeyReply {
    do throws(Problem) {
      _ = try KeyedMethod.validKey(key)
    } catch {
      throw CallError(error)
    }
    let request = ClientRequest<KeyReply>(cluster, at: nil, followsForwards: true) {
      (node, answer: @escaping (NodeAnswer<KeyReply>) -> Void) in
      node.execute(command, key: key) { reply in
        switch reply {
        case .elsewhere(let owner, let address):
          answer(.elsewhere(owner: owner, address: address))
        case .refused(let error): answer(.refused(CallError(error)))
        default: answer(.answered(reply))
        }
      }
    }
    guard case .answered(let reply, _) = try outcome(of: request) else {
      throw CallError.unreachable("the nodes disagree about who owns the key")
    }
    return reply
  }

  // MARK: - Errors

  /// What a caller is told of an error. What the service did not mean for callers is in the log.
  func told(_ error: any Error) -> CallError {
    let problem = KeyedMethod.problem(error)
    if let cause = problem.cause { log("a method threw \(cause)") }
    return CallError(problem)
  }

  func log(_ sentence: String) {
    logged.append(sentence)
    if logged.count > 10_000 { logged.removeFirst(5_000) }
  }
}

/// Counts the asynchronous handlers under way, and what they wait for from the cluster.
final class HandlerTally: Sendable {
  private struct Counts {
    var handlers = 0
    var operations = 0
  }

  private let counts = Mutex(Counts())

  func handlerBegan() { counts.withLock { $0.handlers += 1 } }
  func handlerEnded() { counts.withLock { $0.handlers -= 1 } }
  func operationBegan() { counts.withLock { $0.operations += 1 } }
  func operationEnded() { counts.withLock { $0.operations -= 1 } }

  /// Whether handlers are under way, and none waits for the cluster.
  var isWaitingElsewhere: Bool {
    counts.withLock { $0.handlers > 0 && $0.operations == 0 }
  }
}
