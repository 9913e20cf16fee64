package import Candid
import Cluster
package import HTTPTransport
package import WireProtocol

/// What goes back to a client, before it is written to its exchange.
package struct Answer {
  package var status: Int
  package var contentType: StaticString?
  package var headers: [(name: StaticString, value: String)] = []
  package var body: [UInt8]

  package init(status: Int, contentType: StaticString? = nil, body: [UInt8] = []) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  package init(status: Int, _ representation: Representation, body: [UInt8]) {
    self.init(status: status, contentType: representation.contentType, body: body)
  }

  /// What a call gives.
  init(_ result: CallResult, as representation: Representation) {
    self.init(status: 200, representation, body: result.body)
    if let version = result.version { headers.append(("etag", EntityTag.text(version))) }
    if let fuel = result.fuel { headers.append(("ss-fuel", String(fuel))) }
  }

  /// A problem as its reader asked for it; JSON is what RFC 9457 names.
  package init(_ problem: Problem, as representation: Representation = .json) {
    let contentType: StaticString =
      representation == .json ? "application/problem+json" : representation.contentType
    self.init(
      status: problem.status, contentType: contentType, body: problem.body(representation))
    headers.append(("ss-error", problem.code))
    if let seconds = problem.retryAfter { headers.append(("retry-after", String(seconds))) }
    if let allow = problem.allow { headers.append(("allow", allow)) }
    if let tag = problem.entityTag { headers.append(("etag", tag)) }
    if let coding = problem.acceptEncoding { headers.append(("accept-encoding", coding)) }
    // RFC 9110 section 15.5.2: a 401 names the scheme to use.
    if problem.status == 401 { headers.append(("www-authenticate", "Bearer")) }
  }

  /// Fills the exchange's answer.
  package func write(to exchange: Exchange) {
    exchange.status = status
    if let contentType { exchange.setHeader("content-type", static: contentType) }
    for header in headers { exchange.setHeader(header.name, header.value) }
    if status >= 400, let id = RequestID.given(exchange) {
      exchange.setHeader(RequestID.field, id)
    }
    exchange.setBody(body)
  }
}

/// The forward response: the key lives at another node.
package enum ForwardResponse {
  /// 307, since a permanent redirect would be cached; `location` is the same request at the owner.
  ///
  /// The programs of a cluster speak TLS all or none, so that the owner is reached as the program
  /// that answers was: `isSecure` tells whether over TLS.
  package static func answer(
    owner: Principal, address: String, isSecure: Bool, target: String,
    as representation: Representation
  ) -> Answer {
    let body = (try? representation.body(NodeResult<String>.nodeID(owner))) ?? []
    var answer = Answer(status: 307, representation, body: body)
    answer.headers = [
      ("location", "\(isSecure ? "https" : "http")://\(address)\(target)"), ("ss-node", owner.text),
      ("cache-control", "no-store"),
    ]
    return answer
  }
}
