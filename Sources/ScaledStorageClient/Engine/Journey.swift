import HTTPTransport

/// One request with its repetitions and forwards.
package final class Journey {
  let request: ClusterRequest
  let completion: ClusterEngine.Completion
  let begin: MonotonicTime
  let until: MonotonicTime
  /// Where it goes each time, unless that is the engine's to find.
  let start: SocketAddress?
  /// Its place among those under way; nil when it has ended.
  var slot: Int32?
  /// What waits: an attempt, or the pause before one.
  var sent: RequestID?
  var timer: TimerID?

  var address: SocketAddress
  var target = ""
  /// Who is asked, where that is known.
  var node: OwnerTable.Node?
  var hops = 0
  var backoff = Backoff()
  /// Whether an attempt may have been carried out, unseen.
  var isUncertain = false
  /// Whether the owner could not be reached, so that the gateway is asked instead.
  var asksGateway = false
  var hasBeenGoneFrom = false
  /// Whether the last attempt asked to be passed on.
  var asksForProxy = false

  init(
    _ request: ClusterRequest, from start: SocketAddress?, origin: SocketAddress,
    timeout: Duration, completion: @escaping ClusterEngine.Completion
  ) {
    self.request = request
    self.completion = completion
    self.start = start
    begin = .current()
    until = begin + timeout
    address = start ?? origin
  }

  var remaining: Duration { until - .current() }
}
