package import HTTPTransport
package import WireProtocol

/// What the `content-encoding` of requests may be: our own programs compress what they hand over,
/// clients send their bodies as they are.
package enum ContentCoding {
  /// - Parameter path: where the body is read by `body`, which knows more.
  /// - Throws: `Problem` 415 for a body that is encoded (RFC 9110 section 8.4).
  package static func refuse(_ exchange: Exchange, except path: String? = nil) throws(Problem) {
    guard let coding = exchange.header("content-encoding") else { return }
    if let path, exchange.path.elementsEqual(path.utf8) { return }
    guard coding.trimmed.isEmpty || coding.trimmed.lowercased() == "identity" else {
      throw unknown(coding, accepted: "identity")
    }
  }

  /// The body of a request between our programs, as it was before it was compressed.
  /// - Parameter limit: the most bytes that it may have.
  /// - Throws: `Problem` 415 for another coding than "deflate", 413 for a body beyond the limit,
  ///   400 for one that is damaged.
  static func body(of exchange: Exchange, limit: Int) throws(Problem) -> [UInt8] {
    guard let coding = exchange.header("content-encoding") else { return exchange.body }
    switch coding.trimmed.lowercased() {
    case "", "identity": return exchange.body
    case "deflate": break
    default: throw unknown(coding, accepted: "deflate")
    }
    do throws(TransportError) {
      return try Deflate.expanded(exchange.body, limit: limit)
    } catch {
      throw error.code == .tooLarge
        ? Problem(413, "body_too_large", error.message) : Problem(400, "bad_body", error.message)
    }
  }

  private static func unknown(_ coding: String, accepted: String) -> Problem {
    var problem = Problem(
      415, "unsupported_content_encoding",
      "the content-encoding \"\(coding.prefix(60))\" is not taken here; "
        + "send the body as it is, without a content-encoding")
    problem.acceptEncoding = accepted
    return problem
  }
}
