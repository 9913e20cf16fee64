/// An answer that the transport gives by itself, in words that tell how to mend the request.
struct Rejection {
  /// Why requests are refused, as it is counted.
  enum Reason: String, CaseIterable {
    case malformed, slow, tooLarge = "too_large", unsupported
    /// The server holds as much as it may.
    case buffers
    /// The server cannot keep up.
    case shed
    case responsesPending = "responses_pending", connections
    case wrongScheme = "wrong_scheme", deadline
  }

  let reason: Reason
  let status: Int
  let code: String
  let detail: String
  var retryable = false
  var retryAfter = false

  func fill(_ exchange: Exchange) {
    exchange.setProblem(
      status: status, title: StatusLine.reason(status), code: code, detail: detail,
      retryable: retryable)
    if retryAfter { exchange.setHeader("retry-after", static: "1") }
  }

  static func malformed(_ detail: String) -> Rejection {
    Rejection(reason: .malformed, status: 400, code: "malformed_request", detail: detail)
  }

  static let otherHost = malformed(
    "The fields ':authority' and 'host' differ; send only ':authority'.")

  static let slowHeader = Rejection(
    reason: .slow, status: 408, code: "request_timeout",
    detail: "The header section did not arrive in time; send it in one piece.", retryable: true)

  static let slowBody = Rejection(
    reason: .slow, status: 408, code: "request_timeout",
    detail: "The body did not advance in time; send it faster or in smaller requests.",
    retryable: true)

  static func bodyTooLarge(_ limit: Int) -> Rejection {
    Rejection(
      reason: .tooLarge, status: 413, code: "body_too_large",
      detail: "The body exceeds \(limit) bytes; send it in smaller requests.")
  }

  static func targetTooLong(_ limit: Int) -> Rejection {
    Rejection(
      reason: .tooLarge, status: 414, code: "target_too_long",
      detail: "The request target exceeds \(limit) bytes; send the arguments in the body.")
  }

  static let expectation = Rejection(
    reason: .unsupported, status: 417, code: "expectation_failed",
    detail: "Only the expectation 100-continue is known; send the request without 'expect'.")

  static func tooManyHeaders(_ limit: Int) -> Rejection {
    Rejection(
      reason: .tooLarge, status: 431, code: "headers_too_large",
      detail: "The request has more than \(limit) header fields; send fewer.")
  }

  static func headersTooLarge(_ limit: Int) -> Rejection {
    Rejection(
      reason: .tooLarge, status: 431, code: "headers_too_large",
      detail: "The header fields exceed \(limit) bytes; send fewer or shorter ones.")
  }

  static func notImplemented(_ detail: String) -> Rejection {
    Rejection(reason: .unsupported, status: 501, code: "not_implemented", detail: detail)
  }

  static let overloaded = Rejection(
    reason: .buffers, status: 503, code: "overloaded",
    detail: "The server holds as much data as it may; repeat the request in a second.",
    retryable: true, retryAfter: true)

  static let busy = Rejection(
    reason: .shed, status: 503, code: "overloaded",
    detail: "The server has more to do than it can in time; repeat the request in a second.",
    retryable: true, retryAfter: true)

  static let pendingResponses = Rejection(
    reason: .responsesPending, status: 503, code: "responses_pending",
    detail: "Too many answers wait on this connection; read them before asking for more.",
    retryable: true, retryAfter: true)

  /// The request was handled; only one without effects may be repeated blindly.
  static func answerDropped(isSafe: Bool) -> Rejection {
    Rejection(
      reason: .responsesPending, status: 503, code: "responses_pending",
      detail: "Too many answers wait to be read, so this large one was dropped after its request "
        + "was carried out; read the others before asking for more.",
      retryable: isSafe, retryAfter: isSafe)
  }

  static let tooManyConnections = Rejection(
    reason: .connections, status: 503, code: "too_many_connections",
    detail: "The server has as many connections as it may; connect again in a second.",
    retryable: true, retryAfter: true)

  static let encrypted = Rejection(
    reason: .wrongScheme, status: 400, code: "plain_text_only",
    detail: "This port speaks plain HTTP, not TLS; use http:// for its URLs.")

  static let notEncrypted = Rejection(
    reason: .wrongScheme, status: 400, code: "tls_only",
    detail: "This port speaks TLS; use https:// for its URLs.")

  static let deadlineMalformed = Rejection(
    reason: .malformed, status: 400, code: "bad_header",
    detail: "ss-deadline tells how many milliseconds the answer is waited for, in digits only.")

  static let deadlineExceeded = Rejection(
    reason: .deadline, status: 504, code: "deadline_exceeded",
    detail: "The time that ss-deadline gave was up before the request was begun; nothing was done.",
    retryable: true)

  static let version = Rejection(
    reason: .unsupported, status: 505, code: "version_not_supported",
    detail: "The server speaks HTTP/1.0, HTTP/1.1 and HTTP/2.")
}

/// Writes RFC 9457's JSON by hand: the transport has no JSON library.
enum ProblemDocument {
  static func encode(
    status: Int, title: String, code: String, detail: String, retryable: Bool
  ) -> [UInt8] {
    var text: [UInt8] = []
    text.append(contentsOf: "{\"type\":\"about:blank\",\"title\":\"".utf8)
    escape(title, into: &text)
    text.append(contentsOf: "\",\"status\":\(status),\"detail\":\"".utf8)
    escape(detail, into: &text)
    text.append(contentsOf: "\",\"code\":\"".utf8)
    escape(code, into: &text)
    text.append(contentsOf: "\",\"retryable\":\(retryable)}\n".utf8)
    return text
  }

  /// RFC 8259 section 7.
  private static func escape(_ string: String, into text: inout [UInt8]) {
    for byte in string.utf8 {
      switch byte {
      case 0x22, 0x5C:
        text.append(0x5C)
        text.append(byte)
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        text.append(contentsOf: "\\u00".utf8)
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      default:
        text.append(byte)
      }
    }
  }
}
