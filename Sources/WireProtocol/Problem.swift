import Candid
package import Cluster

/// An error as clients see it: problem details (RFC 9457) with a stable code.
package struct Problem: Error, Hashable, Sendable {
  package var status: Int
  /// A stable word for programs.
  package var code: String
  /// A sentence for people: what was wrong and how to mend it.
  package var detail: String
  /// Whether the same request may succeed a little later.
  package var isRetryable: Bool
  /// Seconds after which a retry is worth while.
  package var retryAfter: Int?
  /// The methods that the path has, where another one was used.
  package var allow: String?
  /// The entity tag that stands, where a condition named another one.
  package var entityTag: String?
  /// The content codings that are taken, where another one was used.
  package var acceptEncoding: String?
  /// What the log is to have and clients are not.
  package var cause: String?

  package init(_ status: Int, _ code: String, _ detail: String) {
    self.status = status
    self.code = code
    self.detail = detail
    isRetryable = status == 429 || status == 503
    retryAfter = isRetryable ? 1 : nil
  }

  /// 405: the path has only the methods in `allow` (RFC 9110 section 15.5.6).
  package static func methodNotAllowed(allow: String, _ detail: String) -> Problem {
    var problem = Problem(405, "method_not_allowed", detail)
    problem.allow = allow
    return problem
  }

  package init(_ error: ClusterError) {
    let status =
      switch error.code {
      case .notInitialised, .storage, .overloaded, .fenced: 503
      case .alreadyInitialised, .staleEpoch, .conflict: 409
      case .unknownNode, .unknownMethod: 404
      case .malformed: 400
      case .corruption, .outcomeUnknown: 500
      case .deadlineExceeded: 504
      case .noSpace: 507
      }
    // What the store says of a failed write names its files, which are not the client's to know;
    // the log has it.
    let detail =
      error.code == .noSpace
      ? "the node's disk is full; it goes on reading, and writes again once there is space"
      : error.message
    self.init(status, error.code.rawValue, detail)
    isRetryable = error.isRetryable
  }

  package var title: String {
    switch status {
    case 400: "Bad request"
    case 401: "Credential missing"
    case 403: "Credential refused"
    case 404: "Not found"
    case 405: "Method not allowed"
    case 406: "Not acceptable"
    case 409: "Conflict"
    case 412: "Precondition failed"
    case 413: "Too large"
    case 415: "Unsupported content type"
    case 422: "Refused by the module"
    case 429: "Too many requests"
    case 501: "Not available"
    case 502: "Bad answer from a node"
    case 503: "Not ready"
    case 504: "No answer in time"
    case 507: "Disk full"
    case 508: "Loop detected"
    default: "Internal error"
    }
  }

  /// The body of the answer. JSON is the default.
  package func body(_ representation: Representation) -> [UInt8] {
    let document = Document(
      type: "about:blank", title: title, status: UInt16(clamping: status), detail: detail,
      code: code, retryable: isRetryable)
    return (try? representation.body(document)) ?? []
  }

  private struct Document: CandidRecord {
    var type: String
    var title: String
    var status: UInt16
    var detail: String
    var code: String
    var retryable: Bool

    static let candidFields = CandidFields(
      Document.init(type:title:status:detail:code:retryable:),
      CandidMember("type", \.type), CandidMember("title", \.title),
      CandidMember("status", \.status), CandidMember("detail", \.detail),
      CandidMember("code", \.code), CandidMember("retryable", \.retryable))
  }
}
