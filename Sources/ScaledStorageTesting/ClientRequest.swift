import Candid
import Cluster
import ClusterTestKit
import ScaledStorage

/// What a node says to a request.
enum NodeAnswer<Value> {
  case answered(Value)
  /// The forward response.
  case elsewhere(owner: Principal, address: String)
  /// Nothing was done.
  case refused(CallError)
}

/// A request on its way: to any node, from there to the owner of its key, and once more after a
/// while when nothing was done and that may pass. It goes on whenever virtual time does.
final class ClientRequest<Value> {
  typealias Serve = (InProcessNode, @escaping (NodeAnswer<Value>) -> Void) -> Void

  /// The answer and who gave it, or the owner when forward responses are not followed.
  enum Outcome {
    case answered(Value, from: Principal)
    case elsewhere(Principal)
  }

  private let cluster: InProcessCluster
  /// The node to ask; nil: any.
  private let node: Principal?
  private let followsForwards: Bool
  private let serve: Serve
  private let deadline: Duration
  private let completion: (Result<Outcome, CallError>) -> Void
  private var attempts = 0
  private(set) var outcome: Result<Outcome, CallError>?

  private static var mostHops: Int { 4 }

  /// - Parameters:
  ///   - node: who is asked first; nil: any node.
  ///   - completion: called with the outcome, once.
  init(
    _ cluster: InProcessCluster, at node: Principal?, followsForwards: Bool,
    serve: @escaping Serve,
    completion: @escaping (Result<Outcome, CallError>) -> Void = { _ in }
  ) {
    self.cluster = cluster
    self.node = node
    self.followsForwards = followsForwards
    self.serve = serve
    self.completion = completion
    deadline = cluster.time + TestBed.patience
    attempt()
    cluster.after(TestBed.patience) { [weak self] in
      self?.finish(
        .failure(
          .noAnswer("no answer came within \(TestBed.patience) of the cluster's time")))
    }
  }

  private func finish(_ result: Result<Outcome, CallError>) {
    guard outcome == nil else { return }
    outcome = result
    completion(result)
  }

  private func attempt() {
    guard outcome == nil else { return }
    let members = cluster.members
    guard
      let asked = node ?? (members.isEmpty ? nil : members[cluster.random(below: members.count)])
    else { return attemptLater(.unreachable("no node runs")) }
    guard let process = cluster.node(asked) else {
      return attemptLater(.unreachable("\(asked.text) does not run"))
    }
    ask(process.address, hops: ClientRequest.mostHops)
  }

  private func attemptLater(_ reason: CallError) {
    attempts += 1
    let pause = Duration.milliseconds(1 << min(attempts, 10))
    guard reason.isRetryable, cluster.time + pause < deadline else {
      return finish(.failure(reason))
    }
    cluster.after(pause) { self.attempt() }
  }

  private func ask(_ address: String, hops: Int) {
    cluster.request(at: address) { [serve] node, answer in
      serve(node) { answer((node.id, $0)) }
    } completion: { (delivery: InProcessCluster.Delivery<(Principal, NodeAnswer<Value>)>) in
      switch delivery {
      case .notDelivered:
        self.attemptLater(.unreachable("nobody listens at \(address)"))
      case .lost:
        self.finish(
          .failure(.noAnswer("the node ended before it answered; whether it was done is not known"))
        )
      case .answered((let node, .answered(let value))):
        self.finish(.success(.answered(value, from: node)))
      case .answered((_, .refused(let error))):
        self.attemptLater(error)
      case .answered((_, .elsewhere(let owner, let address))):
        guard self.followsForwards else { return self.finish(.success(.elsewhere(owner))) }
        guard hops > 0 else {
          return self.attemptLater(.unreachable("the nodes disagree about who owns the key"))
        }
        self.ask(address, hops: hops - 1)
      }
    }
  }
}

extension CallError {
  /// Whether the call was carried out is not known.
  static func noAnswer(_ message: String) -> CallError {
    CallError(status: 504, code: "no_answer", message)
  }

  static func unreachable(_ message: String) -> CallError {
    CallError(status: 503, code: "unreachable", message, isRetryable: true)
  }
}
