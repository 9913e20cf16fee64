package import Candid
import Cluster
package import HTTPTransport

/// Fetches the answer for a key from the node that owns it.
package final class Forwarder {
  /// Where a request goes, as the ring stands at this moment.
  package struct Route {
    package var owner: Principal
    package var address: String
    package var epoch: UInt64

    package init(owner: Principal, address: String, epoch: UInt64) {
      self.owner = owner
      self.address = address
      self.epoch = epoch
    }
  }

  private let loop: EventLoop
  private let client: HTTPClient
  private static let patience = Duration.seconds(10)
  private static let pause = Duration.milliseconds(20)
  private static let passedOn: [StaticString] = [
    "accept", "content-type", "if-match", "if-none-match", "traceparent",
  ]
  private static let passedBack: [StaticString] = [
    "content-type", "etag", "ss-node", "ss-epoch", "ss-error", "retry-after", "cache-control",
  ]

  package init(loop: EventLoop, client: HTTPClient) {
    self.loop = loop
    self.client = client
  }

  private struct Attempt {
    let request: ClientRequest
    let isSafe: Bool
    let representation: Representation
    let until: MonotonicTime
    /// Whether the client still waits for the answer.
    let isWanted: () -> Bool
    let resolve: () -> Route?
    let completion: (Answer) -> Void
  }

  /// Sends the exchange's request to the key's owner and hands the answer over.
  ///
  /// While the owner restarts or the ring changes, it asks `resolve` again and repeats what was
  /// certainly not done, or does no harm when done twice.
  package func forward(
    _ exchange: Exchange, _ keyed: KeyedRequest, for pending: PendingExchange,
    resolve: @escaping () -> Route?
  ) {
    let completion = { (answer: Answer) in pending.answer(answer) }
    guard keyed.hops < KeyedRequest.maximumHops else {
      let problem = Problem(
        508, "too_many_hops",
        "the request was passed on \(keyed.hops) times, so nodes disagree about the key's owner")
      return completion(Answer(problem, as: keyed.representation))
    }
    var headers = [("ss-forward", "proxy"), ("ss-hops", String(keyed.hops + 1))]
    for name in Forwarder.passedOn {
      if let value = exchange.header(name) { headers.append(("\(name)", value)) }
    }
    var isSafe = exchange.method == .get || exchange.method == .head
    if case .call(let call) = keyed.kind, case .get = call.command { isSafe = true }
    attempt(
      Attempt(
        request: ClientRequest(
          method: exchange.method, target: exchange.target, headers: headers, body: exchange.body),
        isSafe: isSafe, representation: keyed.representation, until: loop.now + Forwarder.patience,
        isWanted: { pending.current != nil }, resolve: resolve, completion: completion))
  }

  private func attempt(_ attempt: Attempt) {
    // Who has gone may have asked for something else meanwhile, which this must not undo.
    guard attempt.isWanted() else { return }
    guard let route = attempt.resolve(), let address = try? SocketAddress(route.address)
    else {
      return retry(
        attempt, or: Problem(503, "no_owner", "the owner of the key is not known yet; try again"))
    }
    var request = attempt.request
    request.headers.append(("ss-epoch", String(route.epoch)))
    let remaining = attempt.until - loop.now
    client.send(request, to: address, deadline: max(remaining, .milliseconds(1))) {
      [weak self] result in
      switch result {
      case .success(let response):
        if response.header("ss-error") == ClusterError.Code.staleEpoch.rawValue {
          self?.retry(attempt, or: Problem(503, "ring_changing", "the ring changes; try again"))
        } else {
          attempt.completion(Forwarder.answer(response))
        }
      case .failure(let error):
        let status = error.code == .timedOut ? 504 : 502
        var problem = Problem(
          status, "node_unreachable",
          "\(route.owner.text) at \(route.address) did not answer: \(error.message)"
            + (attempt.isSafe || error.isRetryable ? "" : "; whether it acted is not known"))
        problem.isRetryable = attempt.isSafe || error.isRetryable
        if problem.isRetryable, !Forwarder.isPermanent(error) {
          self?.retry(attempt, or: problem)
        } else {
          attempt.completion(Answer(problem, as: attempt.representation))
        }
      }
    }
  }

  /// Whether another attempt would fail as well.
  private static func isPermanent(_ error: TransportError) -> Bool {
    switch error.code {
    case .tooLarge, .protocolViolation, .invalidRequest, .invalidAddress, .tls: true
    default: false
    }
  }

  private func retry(_ attempt: Attempt, or problem: Problem) {
    guard loop.now + Forwarder.pause < attempt.until else {
      return attempt.completion(Answer(problem, as: attempt.representation))
    }
    loop.schedule(after: Forwarder.pause) { [weak self] in self?.attempt(attempt) }
  }

  private static func answer(_ response: ClientResponse) -> Answer {
    var answer = Answer(status: response.status, body: response.body)
    for name in passedBack {
      if let value = response.header(name) { answer.headers.append((name, value)) }
    }
    return answer
  }
}
