import Candid

/// An error as a server tells it: problem details (RFC 9457), in any of its representations.
struct ServerProblem: Hashable {
  let status: Int
  /// The server's sentence for people.
  let detail: String
  /// The server's word for programs; empty when it gave none.
  let code: String

  /// Reads the body of an answer; what is no problem document becomes a sentence all the same.
  init(status: Int, contentType: String?, body: [UInt8]) {
    self.status = status
    if let document = Document.read(contentType: contentType ?? "", body: body) {
      detail = document.detail
      code = document.code
    } else {
      code = ""
      let text = String(decoding: body.prefix(200), as: UTF8.self)
        .split(whereSeparator: \.isNewline).joined(separator: " ")
      detail = text.isEmpty ? "without saying why" : text
    }
  }

  /// One sentence for standard error.
  var sentence: String { "\(detail) (status \(status)\(code.isEmpty ? "" : ", \(code)"))" }

  private struct Document: CandidConvertible {
    var detail: String
    var code: String

    static let candidType = CandidType.record(fields: ["detail": .text, "code": .text])
    var candidValue: CandidValue {
      .record(fields: ["detail": .text(detail), "code": .text(code)])
    }

    init(candidValue: CandidValue) throws(CandidError) {
      let record = try CandidRecord(candidValue)
      detail = try record.field("detail")
      code = try record.field("code")
    }

    static func read(contentType: String, body: [UInt8]) -> Document? {
      guard let signature = try? CandidSignature([candidType]) else { return nil }
      let name = contentType.prefix { $0 != ";" && $0 != " " }
      let values: [CandidValue]? =
        switch name {
        case "application/problem+json", "application/json":
          try? CandidJSON.readArguments(body, as: signature)
        case "text/candid": try? CandidText.parseArguments(body, as: signature)
        case "application/candid": try? CandidBinary.decode(body, as: signature)
        default: nil
        }
      return (values?.first).flatMap { try? Document(candidValue: $0) }
    }
  }
}
