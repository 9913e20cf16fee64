import CNghttp2

/// Checks requests and lays their header fields out for nghttp2, in buffers that are reused.
///
/// nghttp2 copies what it is given here before `nghttp2_submit_request` returns, except for the
/// static strings, so the buffers need to live no longer than that call.
final class RequestEncoder {
  private let scratch: UnsafeMutableBufferPointer<UInt8>
  private var used = 0
  let fields: UnsafeMutablePointer<nghttp2_nv>
  private let capacity: Int
  private(set) var count = 0
  private let maxBytes: Int
  private let scheme: StaticString
  /// Size as RFC 9113 section 6.5.2 counts: names, values and 32 a field.
  private var size = 0

  init(maxBytes: Int, scheme: StaticString = "http") {
    self.maxBytes = maxBytes
    self.scheme = scheme
    scratch = .allocate(capacity: maxBytes)
    capacity = maxBytes / 32 + 1
    fields = .allocate(capacity: capacity)
  }

  deinit {
    scratch.deallocate()
    fields.deallocate()
  }

  /// Fills `fields` with `count` fields.
  /// - Throws: `.invalidRequest` or `.tooLarge`, naming the part that cannot be sent.
  func encode(_ request: ClientRequest, peer authority: [UInt8]) throws(TransportError) {
    used = 0
    count = 0
    size = 0
    try appendMethod(request.method)
    try append(":scheme", value: scheme)
    let target = try copy(request.target)
    guard let first = target.first, first == 0x2F || isOptionsTarget(request),
      nghttp2_check_path(target.baseAddress, target.count) != 0
    else {
      throw TransportError(
        .invalidRequest,
        "the target '\(request.target)' is not a percent-encoded path that begins with '/'")
    }
    try append(":path", value: target)
    if let name = request.authority {
      let bytes = try copy(name)
      guard !bytes.isEmpty, nghttp2_check_authority(bytes.baseAddress, bytes.count) != 0 else {
        throw TransportError(
          .invalidRequest, "the authority '\(name)' is not of the form HOST or HOST:PORT")
      }
      try append(":authority", value: bytes)
    } else {
      let bytes = try copy(count: authority.count) { room in
        for index in 0..<authority.count { room[index] = authority[index] }
      }
      try append(":authority", value: bytes)
    }
    for header in request.headers { try append(header) }
    if !request.body.isEmpty { try appendContentLength(request.body.count) }
  }

  private func isOptionsTarget(_ request: ClientRequest) -> Bool {
    request.method == .options && request.target == "*"
  }

  private func appendMethod(_ method: HTTPMethod) throws(TransportError) {
    switch method {
    case .get: try append(":method", value: "GET")
    case .head: try append(":method", value: "HEAD")
    case .put: try append(":method", value: "PUT")
    case .post: try append(":method", value: "POST")
    case .delete: try append(":method", value: "DELETE")
    case .options: try append(":method", value: "OPTIONS")
    case .patch: try append(":method", value: "PATCH")
    case .other(let name):
      let bytes = try copy(name)
      guard name != "CONNECT", nghttp2_check_method(bytes.baseAddress, bytes.count) != 0 else {
        throw TransportError(
          .invalidRequest, "the method '\(name)' is not a token, or it is CONNECT")
      }
      try append(":method", value: bytes)
    }
  }

  private func append(_ header: (name: String, value: String)) throws(TransportError) {
    let name = try copy(header.name)
    for index in 0..<name.count { name[index] = lowercased(name[index]) }
    // The library's check allows a leading ":", which only pseudo-header fields have.
    guard let first = name.first, first != 0x3A,
      nghttp2_check_header_name(name.baseAddress, name.count) != 0
    else {
      throw TransportError(
        .invalidRequest, "'\(header.name)' is not a header field's name: use a token of RFC 9110")
    }
    guard !isReserved(UnsafeRawBufferPointer(name), value: header.value) else {
      throw TransportError(
        .invalidRequest,
        "the header field '\(header.name)' is set by the transport or has no place in HTTP/2;"
          + " leave it out")
    }
    let value = try copy(header.value)
    guard nghttp2_check_header_value_rfc9113(value.baseAddress, value.count) != 0 else {
      throw TransportError(
        .invalidRequest,
        "the value of '\(header.name)' has control characters or blanks at an end; remove them")
    }
    try append(
      nghttp2_nv(
        name: name.baseAddress, value: value.baseAddress, namelen: name.count,
        valuelen: value.count, flags: UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NONE.rawValue)))
  }

  /// RFC 9113 section 8.2.2, and what the transport sets itself.
  private func isReserved(_ name: UnsafeRawBufferPointer, value: String) -> Bool {
    switch name.count {
    case 2: name.equals("te") && value != "trailers"
    case 4: name.equals("host")
    case 7: name.equals("upgrade")
    case 10: name.equals("connection") || name.equals("keep-alive")
    case 14: name.equals("content-length")
    case 16: name.equals("proxy-connection")
    case 17: name.equals("transfer-encoding")
    default: false
    }
  }

  private func appendContentLength(_ length: Int) throws(TransportError) {
    var digits = 1
    var rest = length
    while rest >= 10 {
      rest /= 10
      digits += 1
    }
    let bytes = try copy(count: digits) { room in
      var rest = length
      for index in (0..<digits).reversed() {
        room[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
        rest /= 10
      }
    }
    try append("content-length", value: bytes)
  }

  private func append(_ name: StaticString, value: StaticString) throws(TransportError) {
    try append(
      nghttp2_nv(
        name: UnsafeMutablePointer(mutating: name.utf8Start),
        value: UnsafeMutablePointer(mutating: value.utf8Start),
        namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
        flags: UInt8(
          truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue
            | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)))
  }

  private func append(
    _ name: StaticString, value: UnsafeMutableBufferPointer<UInt8>
  ) throws(TransportError) {
    try append(
      nghttp2_nv(
        name: UnsafeMutablePointer(mutating: name.utf8Start), value: value.baseAddress,
        namelen: name.utf8CodeUnitCount, valuelen: value.count,
        flags: UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)))
  }

  private func append(_ field: nghttp2_nv) throws(TransportError) {
    size += field.namelen + field.valuelen + 32
    guard size <= maxBytes, count < capacity else { throw tooLarge }
    fields[count] = field
    count += 1
  }

  private func copy(_ text: String) throws(TransportError) -> UnsafeMutableBufferPointer<UInt8> {
    var text = text
    let count = text.utf8.count
    return try copy(count: count) { room in
      text.withUTF8 { bytes in
        for index in 0..<count { room[index] = bytes[index] }
      }
    }
  }

  private func copy(
    count: Int, _ fill: (UnsafeMutableBufferPointer<UInt8>) -> Void
  ) throws(TransportError) -> UnsafeMutableBufferPointer<UInt8> {
    guard count <= maxBytes - used else { throw tooLarge }
    let room = UnsafeMutableBufferPointer(rebasing: scratch[used..<used + count])
    fill(room)
    used += count
    return room
  }

  private var tooLarge: TransportError {
    TransportError(
      .tooLarge,
      "the request's header section exceeds \(maxBytes) bytes; shorten the target or"
        + " the header fields")
  }
}
