import Candid
import Cluster
import HTTPTransport
import WireProtocol

/// Requests that the service's own code has a part in: its middleware, and its methods that wait.
extension NodeServer {
  /// Runs the middleware on a request for a value.
  /// - Throws: `Problem` when it refuses.
  func admitValue(_ exchange: Exchange) throws(Problem) {
    guard !application.middleware.isEmpty else { return }
    let isUpdate = exchange.method == .put || exchange.method == .delete
    _ = try admit(request(exchange, method: nil, isUpdate: isUpdate))
  }

  /// What a call of a method runs in, once the middleware has let it pass.
  /// - Throws: `Problem` when it does not.
  func admitCall(
    of method: String, isUpdate: Bool, _ exchange: Exchange
  ) throws(Problem) -> CallSetting {
    let request = try admit(request(exchange, method: method, isUpdate: isUpdate))
    return CallSetting(
      request: request, node: runtime.node.id ?? .anonymous, now: runtime.node.now.wall,
      maximumValueBytes: runtime.settings.maximumValueBytes)
  }

  private func request(_ exchange: Exchange, method: String?, isUpdate: Bool) -> CallRequest {
    var request = CallRequest(exchange, method: method, isUpdate: isUpdate)
    request.sender = access.passing(exchange)
    return request
  }

  private func admit(_ request: CallRequest) throws(Problem) -> CallRequest {
    var request = request
    for middleware in application.middleware {
      do {
        try middleware(&request)
      } catch {
        throw KeyedMethod.problem(error)
      }
    }
    return request
  }

  /// A problem as its client is told; what the service's code did not mean for clients goes to the
  /// log.
  func refusal(
    _ problem: Problem, of name: @autoclosure () -> String, as representation: Representation
  ) -> Answer {
    if let cause = problem.cause { runtime.logFailure("/\(name()) failed: \(cause)") }
    return Answer(problem, as: representation)
  }

  private static let maximumTasks = 4_096

  /// Runs a method that waits, unless its key lives elsewhere.
  func run(
    _ task: @escaping KeyedCall.Task, _ request: KeyedRequest, _ exchange: Exchange
  ) throws(Problem) -> Disposition {
    guard exchange.header("if-match") == nil, exchange.header("if-none-match") == nil else {
      throw Problem(
        400, "bad_condition",
        "\(exchange.methodName) may use several keys, so there is no one version to compare; "
          + "leave if-match and if-none-match out")
    }
    let pending = try later(exchange)
    if !request.key.isEmpty {
      switch runtime.node.machine.route(request.key) {
      case .elsewhere(let owner, let address):
        try forward(request, exchange, pending, owner: owner, address: address)
        return pending.disposition()
      case .refused(let error): throw Problem(error)
      // What the task does with the key waits for the fence.
      case .here, .fenced: break
      }
    }
    guard let space = runtime.keySpace else {
      throw Problem(503, "shutting_down", "the node is shutting down")
    }
    // Their clients may have gone, so that the server's own bounds do not count them.
    guard runningTasks < NodeServer.maximumTasks else {
      throw Problem(
        503, "overloaded", "\(runningTasks) methods that wait are under way already; try again")
    }
    runningTasks += 1
    let representation = request.representation
    let reply = TaskReply(pending, request, self, name: exchange.methodName)
    Task.immediate(executorPreference: runtime.node.loop.executor) {
      do {
        reply.deliver(.success(try await task(space, representation)))
      } catch {
        reply.deliver(.failure(error))
      }
    }
    return pending.disposition()
  }

  /// Ends a method that waited.
  fileprivate func conclude(
    _ result: Result<CallResult, any Error>, of name: String, _ request: KeyedRequest,
    _ pending: PendingExchange
  ) {
    runningTasks -= 1
    var answer: Answer
    do throws(Problem) {
      switch result {
      case .success(let result):
        answer = Answer(result, as: request.representation)
      case .failure(let error as ForwardRequired):
        guard let exchange = pending.current else { return }
        return try forwardLate(error.node, request, exchange, pending)
      case .failure(let error):
        throw KeyedMethod.problem(error)
      }
    } catch {
      answer = refusal(error, of: name, as: request.representation)
    }
    stamp(&answer)
    pending.answer(answer)
  }

  private func forwardLate(
    _ owner: Principal, _ request: KeyedRequest, _ exchange: Exchange, _ pending: PendingExchange
  ) throws(Problem) {
    // The call's own key decides where the call goes; a method that found another key elsewhere
    // has to call the other node itself.
    let home = request.key.isEmpty ? owner : runtime.node.map?.owner(of: request.key)
    guard home == owner, let address = runtime.node.map?.addresses[owner] else {
      throw Problem(
        500, "other_key",
        "the method needs a value of \(owner.text), to which the call itself does not belong; "
          + "it has to call that node by forwardRequest")
    }
    try forward(request, exchange, pending, owner: owner, address: address)
  }
}

/// Where the result of one task goes.
private final class TaskReply: @unchecked Sendable {
  // Unchecked: everything is used on the loop's thread only.
  private let pending: PendingExchange
  private let request: KeyedRequest
  private let server: NodeServer
  private let name: String
  private let loop: EventLoop

  init(
    _ pending: PendingExchange, _ request: KeyedRequest, _ server: NodeServer, name: String
  ) {
    self.pending = pending
    self.request = request
    self.server = server
    self.name = name
    loop = server.runtime.node.loop
  }

  func deliver(_ result: Result<CallResult, any Error>) {
    guard loop.isCurrent else {
      loop.mailbox.post { [self] in deliver(result) }
      return
    }
    server.conclude(result, of: name, request, pending)
  }
}
