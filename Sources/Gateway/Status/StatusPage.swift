import CStatusPage
import HTTPTransport
import WireProtocol

/// The page for a browser: one document without outside resources. It has no data in it, so that
/// anyone may have it; it fetches them as whoever looks at it.
final class StatusPage {
  private let document: [UInt8]
  private let compressed: [UInt8]?
  private let tag: String
  private let policy: String

  init() {
    let style = StatusPage.trimmed(StatusPage.bytes(scaled_storage_page_style))
    let script = StatusPage.trimmed(StatusPage.bytes(scaled_storage_page_script))
    document =
      StatusPage.bytes(scaled_storage_page_head) + Array("<style>".utf8) + style
      + Array("</style>".utf8) + StatusPage.bytes(scaled_storage_page_body)
      + Array("<script>".utf8) + script + Array("</script></body></html>\n".utf8)
    compressed = Deflate.compressed(document, format: .gzip)
    tag = SHA256.hexadecimal(Array(SHA256.digest(document).prefix(8)))
    // The browser runs what has these hashes and nothing else, whatever a key or a node is called
    // (CSP Level 3 section 2.3.1); it talks to this gateway only.
    policy =
      "default-src 'none'; style-src '\(StatusPage.hash(style))'; "
      + "script-src '\(StatusPage.hash(script))'; connect-src 'self'; img-src data:; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }

  private static func bytes(
    _ part: (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt8>?
  ) -> [UInt8] {
    var count = 0
    let start = part(&count)
    return Array(UnsafeBufferPointer(start: start, count: count))
  }

  /// Without indentation and lines of comment, which are for those who read the source. No text in
  /// style and script goes over lines.
  static func trimmed(_ source: [UInt8]) -> [UInt8] {
    var trimmed: [UInt8] = []
    for line in source.split(separator: UInt8(ascii: "\n")) {
      let line = line.drop { $0 == UInt8(ascii: " ") }
      guard !line.isEmpty, !line.starts(with: "//".utf8) else { continue }
      trimmed += line
      trimmed.append(UInt8(ascii: "\n"))
    }
    return trimmed
  }

  private static func hash(_ bytes: [UInt8]) -> String {
    "sha256-" + Base64.text(SHA256.digest(bytes))
  }

  /// - Throws: `Problem` for other methods than GET and HEAD.
  func write(to exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "ask by GET")
    }
    exchange.setHeader("content-type", static: "text/html; charset=utf-8")
    exchange.setHeader("content-security-policy", policy)
    exchange.setHeader("x-content-type-options", static: "nosniff")
    exchange.setHeader("referrer-policy", static: "no-referrer")
    exchange.setHeader("cache-control", static: "no-cache")
    exchange.setHeader("vary", static: "accept-encoding")
    let codings = exchange.header("accept-encoding") ?? ""
    let isCompressed = compressed != nil && StatusPage.accepts(gzip: codings)
    let entity = isCompressed ? "\"\(tag)-gzip\"" : "\"\(tag)\""
    exchange.setHeader("etag", entity)
    if let known = exchange.header("if-none-match"), StatusPage.matches(known, entity) {
      exchange.status = 304
      return .done
    }
    if isCompressed { exchange.setHeader("content-encoding", static: "gzip") }
    exchange.setBody(isCompressed ? compressed ?? document : document)
    return .done
  }

  /// Whether a list of content codings takes gzip (RFC 9110 section 12.5.3).
  static func accepts(gzip codings: String) -> Bool {
    codings.lowercased().split(separator: ",").contains { coding in
      let parts = coding.split(separator: ";").map(\.trimmed)
      guard parts.first == "gzip" || parts.first == "x-gzip" else { return false }
      return !parts.dropFirst().contains { part in
        part.hasPrefix("q=") && (Double(part.dropFirst(2)) ?? 0) <= 0
      }
    }
  }

  /// Weak comparison (RFC 9110 section 13.1.2).
  private static func matches(_ list: String, _ entity: String) -> Bool {
    list.split(separator: ",").contains { item in
      let item = item.trimmed
      return item == "*" || (item.hasPrefix("W/") ? String(item.dropFirst(2)) : item) == entity
    }
  }
}

/// RFC 4648 section 4.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func text(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var word: UInt32 = 0
      for index in 0..<3 {
        let at = start + index
        word = word << 8 | (at < bytes.count ? UInt32(bytes[at]) : 0)
      }
      for index in 0..<4 {
        let digit = Int(word >> UInt32(18 - 6 * index) & 63)
        text.append(index <= group.count ? alphabet[digit] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
