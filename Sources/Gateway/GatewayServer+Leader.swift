import Cluster
import HTTPTransport
import ScaledStorage
import WireProtocol

/// What a gateway that follows passes on to the one that leads.
extension GatewayServer {
  /// Methods that change the cluster.
  static let leadersMethods: Set<String> = [
    "scale", "init_wasm", "module_rollback", "rolling_restart",
  ]

  /// A module may have to be compiled.
  private static let patience = Duration.seconds(90)
  private static let passedOn: [StaticString] = [
    "content-type", "accept", "content-encoding", "x-request-id",
  ]
  private static let passedBack: [StaticString] = [
    "content-type", "ss-epoch", "ss-error", "retry-after", "cache-control", "allow", "vary",
    "accept-encoding",
  ]

  /// Lets the leading gateway answer, in the name of whoever asks here.
  /// - Throws: `Problem` 503 while nobody leads, and as `AccessControl.admit`.
  func passToLeader(_ exchange: Exchange, _ name: String) throws(Problem) -> Disposition {
    let identity = try access.admit(exchange, as: .admin, to: name)
    // Two gateways that each take the other for the leader would pass it to and fro.
    guard exchange.header("ss-hops") == nil, let leader = coordinator.log.leader,
      let address = try? SocketAddress(leader)
    else { throw .noLeader }
    let passed = GatewayServer.passedOn.compactMap { name in
      exchange.header(name).map { (name: "\(name)", value: $0) }
    }
    let request = ClientRequest(
      method: exchange.method, target: exchange.target,
      headers: passed + access.fields(for: identity.caller) + [("ss-hops", "1")],
      body: exchange.body)
    let pending = try later(exchange)
    coordinator.peers.client.send(request, to: address, deadline: GatewayServer.patience) {
      result in
      switch result {
      case .success(let response): pending.answer(GatewayServer.answer(response))
      case .failure(let error):
        var problem = Problem(
          502, "leader_unreachable",
          "the gateway that leads, \(leader), did not answer: \(error.message)"
            + (error.isRetryable ? "" : "; whether it acted is not known"))
        problem.isRetryable = error.isRetryable
        pending.answer(Answer(problem, as: .json))
      }
    }
    return pending.disposition()
  }

  private static func answer(_ response: ClientResponse) -> Answer {
    var answer = Answer(status: response.status, body: response.body)
    answer.headers = passedBack.compactMap { name in
      response.header(name).map { (name: name, value: $0) }
    }
    return answer
  }
}

extension Problem {
  static let noLeader = Problem(
    503, "no_leader",
    "no gateway leads at this moment, so nothing of the cluster can be changed; try again shortly")

  /// An order that is taken, and that a crash could still undo.
  static let notStored = Problem(
    504, ClusterError.Code.outcomeUnknown.rawValue,
    "the gateway cannot store the order now (its log says why); it is carried out once it can, "
      + "unless the gateway ends before; look at what the cluster does before you repeat it")

  /// An order that may be taken or not: the next leader knows.
  static let superseded = Problem(
    504, ClusterError.Code.outcomeUnknown.rawValue,
    "another gateway leads since the order came, so it is not known here whether it was stored; "
      + "look at what the cluster does before you repeat it")
}
