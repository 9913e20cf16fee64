import Candid

/// An error as a server tells it: problem details (RFC 9457), in any of its representations.
struct ServerProblem: Hashable {
  let status: Int
  /// The server's sentence for people.
  let detail: String
  /// The server's word for programs; empty when it gave none.
  let code: String
  /// Whether the server says that the same request may be sent again.
  let isRetryable: Bool

  /// Reads the body of an answer; what is no problem document becomes a sentence all the same.
  init(status: Int, contentType: String?, body: [UInt8]) {
    self.status = status
    if let document = Document.read(contentType: contentType ?? "", body: body) {
      detail = document.detail
      code = document.code
      isRetryable = document.isRetryable
    } else {
      code = ""
      isRetryable = false
      let text = String(decoding: body.prefix(200), as: UTF8.self)
        .split(whereSeparator: \.isNewline).joined(separator: " ")
      detail = text.isEmpty ? "without saying why" : text
    }
  }

  /// One sentence for standard error.
  var sentence: String { "\(detail) (status \(status)\(code.isEmpty ? "" : ", \(code)"))" }

  private struct Document {
    var detail: String
    var code = ""
    var isRetryable = false

    private static let whole = CandidType.record(fields: [
      "detail": .text, "code": .text, "retryable": .bool,
    ])
    /// What a program between client and server may send.
    private static let least = CandidType.record(fields: ["detail": .text])

    static func read(contentType: String, body: [UInt8]) -> Document? {
      let name = String(contentType.prefix { $0 != ";" && $0 != " " })
      if let record = record(name, body, as: whole),
        let detail = try? record.field("detail", as: String.self),
        let code = try? record.field("code", as: String.self),
        let isRetryable = try? record.field("retryable", as: Bool.self)
      {
        return Document(detail: detail, code: code, isRetryable: isRetryable)
      }
      guard let record = record(name, body, as: least),
        let detail = try? record.field("detail", as: String.self)
      else { return nil }
      return Document(detail: detail)
    }

    private static func record(
      _ contentType: String, _ body: [UInt8], as type: CandidType
    ) -> CandidRecord? {
      guard let signature = try? CandidSignature([type]) else { return nil }
      let values: [CandidValue]? =
        switch contentType {
        case "application/problem+json", "application/json":
          try? CandidJSON.readArguments(body, as: signature)
        case "text/candid": try? CandidText.parseArguments(body, as: signature)
        case "application/candid": try? CandidBinary.decode(body, as: signature)
        default: nil
        }
      return (values?.first).flatMap { try? CandidRecord($0) }
    }
  }
}
