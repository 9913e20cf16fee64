import CHTTPParser

/// Owns one http_parser. Callbacks reach the parser's owner through a pointer that is set for the
/// duration of one call only.
final class HTTP1Parser {
  /// What the callbacks fill in during one ``execute(_:for:)``.
  struct Sink {
    let exchange: Exchange
    let server: ServerCore
    let base: UnsafeRawPointer?
    var framing = FramingGuard()
    /// Up to where the framing was checked.
    var checked = 0
    var isComplete = false
    var rejection: Rejection?
  }

  private let parser = UnsafeMutablePointer<http_parser>.allocate(capacity: 1)
  private var framing = FramingGuard()

  deinit { parser.deallocate() }

  func reset() {
    http_parser_init(parser, HTTP_REQUEST)
    framing = FramingGuard()
  }

  struct Outcome {
    let count: Int
    let isComplete: Bool
    let rejection: Rejection?
  }

  /// Parses `bytes` into `exchange` until the message is complete.
  func execute(_ bytes: UnsafeRawBufferPointer, for exchange: Exchange, server: ServerCore)
    -> Outcome
  {
    var sink = Sink(exchange: exchange, server: server, base: bytes.baseAddress)
    sink.framing = framing
    let count = withUnsafeMutablePointer(to: &sink) { sink in
      parser.pointee.data = UnsafeMutableRawPointer(sink)
      defer { parser.pointee.data = nil }
      return http_parser_execute(
        parser, HTTP1Parser.settings, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        bytes.count)
    }
    if isChunked, exchange.headersComplete, sink.rejection == nil, count > sink.checked {
      sink.rejection = sink.framing.check(
        UnsafeRawBufferPointer(rebasing: bytes[sink.checked..<count]),
        bodyCount: exchange.bodyCount)
    }
    framing = sink.framing
    let error = http_errno(parser.pointee.http_errno)
    if error != HPE_OK, error != HPE_PAUSED, sink.rejection == nil {
      sink.rejection = HTTP1Parser.rejection(error)
    }
    if sink.isComplete { http_parser_pause(parser, 0) }
    return Outcome(count: count, isComplete: sink.isComplete, rejection: sink.rejection)
  }

  var method: HTTPMethod {
    guard let name = http_method_str(http_method(parser.pointee.method)) else { return .other("") }
    return HTTPMethod(String(cString: name))
  }

  var major: Int { Int(parser.pointee.http_major) }
  var minor: Int { Int(parser.pointee.http_minor) }
  var isChunked: Bool { UInt32(parser.pointee.flags) & F_CHUNKED.rawValue != 0 }
  /// `close` wins over `keep-alive` (RFC 9112 section 9.3); http_parser thinks so in HTTP/1.1 only.
  var keepsAlive: Bool {
    UInt32(parser.pointee.flags) & F_CONNECTION_CLOSE.rawValue == 0
      && http_should_keep_alive(parser) != 0
  }

  // MARK: Callbacks

  nonisolated(unsafe) private static let settings: UnsafeMutablePointer<http_parser_settings> = {
    let settings = UnsafeMutablePointer<http_parser_settings>.allocate(capacity: 1)
    http_parser_settings_init(settings)
    settings.pointee.on_url = { parser, at, count in
      HTTP1Parser.with(parser) { sink in
        sink.pointee.exchange.target.append(UnsafeRawBufferPointer(start: at, count: count))
        return 0
      }
    }
    settings.pointee.on_header_field = { parser, at, count in
      HTTP1Parser.with(parser) { sink in
        sink.pointee.exchange.beginField(UnsafeRawBufferPointer(start: at, count: count))
        return 0
      }
    }
    settings.pointee.on_header_value = { parser, at, count in
      HTTP1Parser.with(parser) { sink in
        sink.pointee.exchange.endField(UnsafeRawBufferPointer(start: at, count: count))
        return 0
      }
    }
    settings.pointee.on_body = { parser, at, count in
      HTTP1Parser.with(parser) { sink in
        HTTP1Parser.body(sink, UnsafeRawBufferPointer(start: at, count: count))
      }
    }
    settings.pointee.on_message_complete = { parser in
      HTTP1Parser.with(parser) { sink in
        sink.pointee.isComplete = true
        http_parser_pause(parser, 1)
        return 0
      }
    }
    return settings
  }()

  private static func with(
    _ parser: UnsafeMutablePointer<http_parser>?, _ body: (UnsafeMutablePointer<Sink>) -> Int32
  ) -> Int32 {
    guard let data = parser?.pointee.data else { return 1 }
    return body(data.assumingMemoryBound(to: Sink.self))
  }

  private static func body(
    _ sink: UnsafeMutablePointer<Sink>, _ bytes: UnsafeRawBufferPointer
  ) -> Int32 {
    guard let base = sink.pointee.base, let start = bytes.baseAddress else { return 0 }
    let offset = base.distance(to: start)
    if offset > sink.pointee.checked {
      sink.pointee.rejection = sink.pointee.framing.check(
        UnsafeRawBufferPointer(
          start: base.advanced(by: sink.pointee.checked), count: offset - sink.pointee.checked),
        bodyCount: sink.pointee.exchange.bodyCount)
    }
    sink.pointee.framing.skipBody()
    sink.pointee.checked = offset + bytes.count
    if sink.pointee.rejection == nil {
      sink.pointee.exchange.receive(bytes, server: sink.pointee.server)
      sink.pointee.rejection = sink.pointee.exchange.rejection
    }
    return sink.pointee.rejection == nil ? 0 : 1
  }

  private static func rejection(_ error: http_errno) -> Rejection {
    switch error {
    case HPE_INVALID_METHOD:
      return .notImplemented("The method is unknown; use GET, HEAD, PUT, POST or DELETE.")
    case HPE_INVALID_VERSION:
      return .version
    case HPE_HEADER_OVERFLOW:
      return .malformed("The header section or the chunk framing is too large; send fewer bytes.")
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return .malformed(
        "Content-Length comes twice or beside Transfer-Encoding; send exactly one of them.")
    case HPE_INVALID_TRANSFER_ENCODING:
      return .malformed("Transfer-Encoding must end with 'chunked' in a request.")
    case HPE_INVALID_CHUNK_SIZE:
      return .malformed("A chunk's size is not a hexadecimal number.")
    case HPE_INVALID_CONTENT_LENGTH:
      return .malformed("Content-Length or a chunk's size is not a number that fits.")
    default:
      let text = http_errno_description(error).map { String(cString: $0) } ?? "unknown error"
      return .malformed("The request is not valid HTTP/1.1: \(text).")
    }
  }
}

extension Exchange {
  /// Starts a field of HTTP/1.1; trailers are dropped.
  func beginField(_ name: UnsafeRawBufferPointer) {
    guard !headersComplete else { return }
    let start = requestBytes.append(name)
    for (offset, byte) in name.enumerated() where byte >= 0x41 && byte <= 0x5A {
      requestBytes.replace(at: start + offset, with: byte | 0x20)
    }
    let end = requestBytes.count
    requestFields.append(FieldRange(nameStart: start, nameEnd: end, valueEnd: end))
  }

  /// Gives the field its value, without the white space that may follow it.
  func endField(_ value: UnsafeRawBufferPointer) {
    guard !headersComplete, !requestFields.isEmpty else { return }
    var count = value.count
    while count > 0, value[count - 1] == 0x20 || value[count - 1] == 0x09 { count -= 1 }
    requestBytes.append(UnsafeRawBufferPointer(rebasing: value[..<count]))
    var field = requestFields[requestFields.count - 1]
    field.valueEnd = requestBytes.count
    requestFields[requestFields.count - 1] = field
  }
}
