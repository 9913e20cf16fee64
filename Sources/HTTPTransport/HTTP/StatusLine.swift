/// Reason phrases (RFC 9110 section 15), which HTTP/1.1 carries and problem documents show.
enum StatusLine {
  /// The digits of the statuses from 100 to 599, at places that never move.
  nonisolated(unsafe) private static let table: UnsafeMutableRawBufferPointer = {
    let table = UnsafeMutableRawBufferPointer.allocate(byteCount: 500 * 3, alignment: 1)
    for status in 100..<600 {
      table[(status - 100) * 3] = UInt8(0x30 + status / 100)
      table[(status - 100) * 3 + 1] = UInt8(0x30 + status / 10 % 10)
      table[(status - 100) * 3 + 2] = UInt8(0x30 + status % 10)
    }
    return table
  }()

  /// The three digits of a status from 100 to 599.
  static func digits(_ status: Int) -> UnsafeRawBufferPointer {
    let start = min(max(status - 100, 0), 499) * 3
    return UnsafeRawBufferPointer(rebasing: table[start..<start + 3])
  }

  static func reason(_ status: Int) -> String { "\(phrase(status))" }

  static func phrase(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 507: "Insufficient Storage"
    case 508: "Loop Detected"
    case 200..<300: "Success"
    case 300..<400: "Redirect"
    case 400..<500: "Client Error"
    default: "Server Error"
    }
  }
}
