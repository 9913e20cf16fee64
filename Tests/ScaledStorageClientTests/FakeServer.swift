import Candid
import HTTPTransport
import WireProtocol

@testable import ScaledStorageClient

/// A server whose answers a test decides.
final class FakeServer: RequestHandler {
  private var server: HTTPServer?
  private(set) var address = SocketAddress.loopback()
  private let answer: (Exchange) -> Void
  private(set) var requests = 0

  /// Whether it keeps its answers to itself.
  let isMute: Bool

  init(_ loop: EventLoop, isMute: Bool = false, _ answer: @escaping (Exchange) -> Void) throws {
    self.answer = answer
    self.isMute = isMute
    let server = HTTPServer(loop: loop, limits: ServerLimits(), handler: self)
    self.server = server
    address = try server.listen(on: .loopback())
  }

  func handle(_ exchange: Exchange) -> Disposition {
    requests += 1
    answer(exchange)
    return isMute ? .later : .done
  }

  /// Stops listening at once.
  func close() {
    server?.shutdown(within: .zero) {}
    server = nil
  }

  var endpoint: HTTPEndpoint { get throws { try HTTPEndpoint("http://\(address)") } }
}

extension Exchange {
  /// Tells of a failure as servers of a cluster do.
  func refuse(_ status: Int, _ code: String, isRetryable: Bool = false, retryAfter: Int? = nil) {
    var problem = Problem(status, code, "it says \(code)")
    problem.isRetryable = isRetryable
    self.status = status
    setHeader("content-type", "application/problem+json")
    setHeader("ss-error", code)
    if let retryAfter { setHeader("retry-after", String(retryAfter)) }
    setBody(problem.body(.json))
  }

  /// Leads to the same request at another server.
  func forward(to address: SocketAddress, _ node: Principal? = nil, epoch: UInt64? = nil) {
    status = 307
    setHeader("location", "http://\(address)\(String(decoding: rawTarget, as: UTF8.self))")
    if let node { setHeader("ss-node", node.text) }
    if let epoch { setHeader("ss-epoch", String(epoch)) }
  }

  /// A value, as a node gives it.
  func give(_ value: String, by node: Principal, epoch: UInt64) {
    setHeader("etag", "\"7\"")
    setHeader("ss-node", node.text)
    setHeader("ss-epoch", String(epoch))
    setBody(Array(value.utf8))
  }
}

extension ClusterEngine {
  /// Sends a request and runs the loop until it has ended.
  func ask(
    _ request: ClusterRequest, timeout: Duration? = nil
  ) throws(ClientError) -> ClusterReply {
    var outcome: Result<ClusterReply, ClientError>?
    send(request, timeout: timeout) { [loop] result in
      outcome = result
      loop.stop()
    }
    loop.run()
    guard let outcome else { throw ClientError(.cancelled, "the loop was stopped") }
    return try outcome.get()
  }
}
