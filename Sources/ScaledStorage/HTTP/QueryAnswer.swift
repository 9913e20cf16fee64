package import Candid
package import HTTPTransport
package import WireProtocol

/// The answer of a query without arguments, which may be called by GET, then in JSON, or by POST.
package enum QueryAnswer {
  /// - Throws: `Problem` for another HTTP method, for arguments, and for unknown representations.
  package static func make<Result: CandidConvertible>(
    _ result: Result, to exchange: Exchange, status: Int = 200
  ) throws(Problem) -> Answer {
    let fallback: Representation
    switch exchange.method {
    case .get, .head:
      fallback = .json
    case .post:
      fallback = try Representation.ofRequest(contentType: exchange.header("content-type"))
      if !exchange.body.isEmpty {
        try fallback.arguments(exchange.body)
      }
    default:
      throw .methodNotAllowed(allow: "GET, HEAD, POST", "ask by GET or by POST")
    }
    let representation = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: fallback)
    return Answer(status: status, representation, body: try representation.body(result))
  }
}
