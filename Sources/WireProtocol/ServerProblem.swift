import Candid

/// An error as a server tells it: problem details (RFC 9457), in any of its representations.
package struct ServerProblem: Hashable {
  package let status: Int
  /// The server's sentence for people.
  package let detail: String
  /// The server's word for programs; empty when it gave none.
  package let code: String
  /// Whether the server says that the same request may be sent again.
  package let isRetryable: Bool

  /// Reads the body of an answer; what is no problem document becomes a sentence all the same.
  package init(status: Int, contentType: String?, body: [UInt8]) {
    self.status = status
    if let document = Document.read(contentType: contentType ?? "", body: body),
      let sentence = document.detail
    {
      detail = sentence
      code = document.code ?? ""
      isRetryable = document.isRetryable ?? false
    } else {
      code = ""
      isRetryable = false
      let text = String(decoding: body.prefix(200), as: UTF8.self)
        .split(whereSeparator: \.isNewline).joined(separator: " ")
      detail = text.isEmpty ? "without saying why" : text
    }
  }

  /// One sentence for standard error.
  package var sentence: String { "\(detail) (status \(status)\(code.isEmpty ? "" : ", \(code)"))" }

  /// Any of the fields may be missing: a program between client and server may have sent it.
  private struct Document: CandidRecord {
    var detail: String?
    var code: String?
    var isRetryable: Bool?

    static let candidFields = CandidFields(
      Document.init(detail:code:isRetryable:),
      CandidMember("detail", \.detail), CandidMember("code", \.code),
      CandidMember("retryable", \.isRetryable))

    static func read(contentType: String, body: [UInt8]) -> Document? {
      switch contentType.prefix(while: { $0 != ";" && $0 != " " }) {
      case "application/problem+json", "application/json":
        return try? Representation.json.arguments(body, as: Document.self)
      case "application/candid": return try? CandidArguments.decode(body, as: Document.self)
      case "text/candid":
        // In a message, unlike in text, values are optional by themselves where that is wanted.
        let values = try? CandidText.parseArguments(String(decoding: body, as: UTF8.self))
        guard let values, let message = try? CandidBinary.encode(values) else { return nil }
        return try? CandidArguments.decode(message, as: Document.self)
      default: return nil
      }
    }
  }
}
