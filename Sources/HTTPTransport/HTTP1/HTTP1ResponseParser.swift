import CHTTPParser

/// Reads one response of HTTP/1.1: its status and its body, however that is framed (RFC 9112
/// section 6.3). Interim responses are skipped.
final class HTTP1ResponseParser {
  private(set) var body: [UInt8] = []
  private(set) var isComplete = false
  private let mostBytes: Int
  private var isTooLarge = false
  private let parser = UnsafeMutablePointer<http_parser>.allocate(capacity: 1)

  init(mostBytes: Int) {
    self.mostBytes = mostBytes
    http_parser_init(parser, HTTP_RESPONSE)
  }

  deinit { parser.deallocate() }

  var status: Int { Int(parser.pointee.status_code) }

  /// Takes the next bytes; none at all are the connection's end.
  /// - Throws: `.protocolViolation` for what is no response, `.tooLarge` for a body beyond the
  ///   bound.
  func take(_ bytes: ArraySlice<UInt8>) throws(TransportError) {
    guard !isComplete else { return }
    parser.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    defer { parser.pointee.data = nil }
    bytes.withUnsafeBytes { bytes in
      _ = http_parser_execute(
        parser, HTTP1ResponseParser.settings,
        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    if isTooLarge {
      throw TransportError(.tooLarge, "the answer's body is larger than \(mostBytes) bytes")
    }
    let error = http_errno(parser.pointee.http_errno)
    guard error == HPE_OK || isComplete else {
      let text = http_errno_description(error).map { String(cString: $0) } ?? "unknown error"
      throw TransportError(.protocolViolation, "the answer is not valid HTTP/1.1: \(text)")
    }
  }

  nonisolated(unsafe) private static let settings: UnsafeMutablePointer<http_parser_settings> = {
    let settings = UnsafeMutablePointer<http_parser_settings>.allocate(capacity: 1)
    http_parser_settings_init(settings)
    settings.pointee.on_body = { parser, at, count in
      HTTP1ResponseParser.with(parser) { own in
        guard own.body.count + count <= own.mostBytes else {
          own.isTooLarge = true
          return 1
        }
        own.body.append(contentsOf: UnsafeRawBufferPointer(start: at, count: count))
        return 0
      }
    }
    settings.pointee.on_message_complete = { parser in
      HTTP1ResponseParser.with(parser) { own in
        guard own.status >= 200 else { return 0 }
        own.isComplete = true
        http_parser_pause(parser, 1)
        return 0
      }
    }
    return settings
  }()

  private static func with(
    _ parser: UnsafeMutablePointer<http_parser>?, _ body: (HTTP1ResponseParser) -> Int32
  ) -> Int32 {
    guard let data = parser?.pointee.data else { return 1 }
    return body(Unmanaged<HTTP1ResponseParser>.fromOpaque(data).takeUnretainedValue())
  }
}
