import HTTPTransport
import ScaledStorage

/// A line to a cluster: it follows forward responses, with a connection to each node, and repeats
/// what may be repeated.
final class ClusterLine: LoadLine {
  private let index: Int
  private let plan: BenchPlan
  private let body: [UInt8]
  private let connection: ClusterConnection
  private unowned let owner: any LoadLineOwner
  private var underWay = 0

  /// - Parameter body: values are its first bytes.
  init(
    _ index: Int, _ plan: BenchPlan, tls: TLSContext?, body: [UInt8], loop: EventLoop,
    owner: any LoadLineOwner
  ) throws(TransportError) {
    self.index = index
    self.plan = plan
    self.owner = owner
    self.body = body
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxStreamsPerConnection = plan.streams
    connection = try ClusterConnection(
      loop: loop, endpoint: plan.endpoint, tls: tls, timeout: plan.timeout,
      connectPatience: plan.timeout,
      limits: limits)
    loop.mailbox.post { [bound = LoopBound(owner, loop: loop)] in
      bound.value.lineIsReady()
      bound.value.lineHasRoom(index)
    }
  }

  var room: Int { plan.streams - underWay }

  func send(_ request: LoadRequest) {
    underWay += 1
    let key = Array((plan.keyPrefix + String(request.key)).utf8)
    let value = request.bodyBytes == body.count ? body : Array(body.prefix(request.bodyBytes))
    var message: ClusterRequest = request.isWrite ? .put(key, value) : .get(key)
    message.headers = plan.headers
    connection.send(message) { [self] result in
      underWay -= 1
      let now = MonotonicTime.current().nanoseconds
      switch result {
      case .success(let reply):
        if !reply.isSuccess { owner.noteProblem(reply.problem.sentence) }
        owner.requestEnded(request, status: reply.status, bytes: reply.body.count, at: now)
      case .failure(let error):
        owner.requestFailed(request, kind: "unanswered", error.message, at: now)
      }
      owner.lineHasRoom(index)
    }
  }

  /// Each request has a deadline of its own.
  func expire(sentBefore time: UInt64) {}

  func close() {
    connection.shutdown()
  }
}
