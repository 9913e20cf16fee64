import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// A line to a cluster: it follows forward responses, with a connection to each node, and repeats
/// what may be repeated.
final class ClusterLine: LoadLine {
  private let index: Int
  private let plan: BenchPlan
  private let body: LoadBody
  private let connection: ClusterEngine
  private unowned let owner: any LoadLineOwner
  private var underWay = 0

  init(
    _ index: Int, _ plan: BenchPlan, tls: TLSContext?, body: LoadBody, loop: EventLoop,
    owner: any LoadLineOwner
  ) throws(TransportError) {
    self.index = index
    self.plan = plan
    self.owner = owner
    self.body = body
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxStreamsPerConnection = plan.streams
    var settings = ClusterEngine.Settings(endpoint: plan.endpoint)
    settings.tls = tls
    settings.timeout = plan.timeout
    settings.connectPatience = plan.timeout
    settings.limits = limits
    connection = try ClusterEngine(loop: loop, settings)
    loop.mailbox.post { [bound = LoopBound(owner, loop: loop)] in
      bound.value.lineIsReady()
      bound.value.lineHasRoom(index)
    }
  }

  var room: Int { plan.streams - underWay }

  func send(_ request: LoadRequest) {
    underWay += 1
    connection.send(message(request)) { [self] result in
      underWay -= 1
      let now = MonotonicTime.current().nanoseconds
      switch result {
      case .success(let reply):
        if !reply.isSuccess { owner.noteProblem(reply.problem.sentence) }
        owner.requestEnded(request, status: reply.status, bytes: reply.body.count, at: now)
      case .failure(let error):
        owner.requestFailed(request, kind: "unanswered", error.description, at: now)
      }
      owner.lineHasRoom(index)
    }
  }

  private func message(_ request: LoadRequest) -> ClusterRequest {
    var message: ClusterRequest
    if let call = plan.call {
      // Done twice it need not be the same as done once.
      message = ClusterRequest(
        method: .post, target: "/" + call.method, body: body.bytes(of: request),
        isRepeatable: false)
    } else if request.isWrite {
      message = .put(plan.key(request.key), body.bytes(of: request))
    } else {
      message = .get(plan.key(request.key))
    }
    message.headers = plan.headers
    return message
  }

  /// Each request has a deadline of its own.
  func expire(sentBefore time: UInt64) {}

  func close() {
    connection.shutdown()
  }
}
