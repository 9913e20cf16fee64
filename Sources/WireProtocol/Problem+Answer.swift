import Candid
package import HTTPTransport

extension Problem {
  /// What another program of the cluster answered, in JSON, that is no success.
  package init(answer response: ClientResponse) {
    let document = try? Representation.json.arguments(response.body, as: AnsweredProblem.self)
    let code = document?.code ?? response.header("ss-error") ?? "unknown"
    let text = String(decoding: response.body.prefix(300), as: UTF8.self)
    self.init(
      response.status, code, document?.detail ?? (text.isEmpty ? "without saying why" : text))
    isRetryable = document?.retryable ?? isRetryable
    retryAfter = response.header("retry-after").flatMap(Int.init) ?? retryAfter
  }
}

/// Any of the fields may be missing.
private struct AnsweredProblem: CandidRecord {
  var detail: String?
  var code: String?
  var retryable: Bool?

  static let candidFields = CandidFields(
    AnsweredProblem.init(detail:code:retryable:), CandidMember("detail", \.detail),
    CandidMember("code", \.code), CandidMember("retryable", \.retryable))
}
