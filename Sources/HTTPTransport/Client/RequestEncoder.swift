import CNghttp2

/// Checks requests and lays their header fields out for nghttp2, in buffers that are reused.
///
/// nghttp2 copies what it is given here before `nghttp2_submit_request` returns, except for the
/// static strings, so the buffers need to live no longer than that call.
package final class RequestEncoder {
  private let scratch: UnsafeMutableBufferPointer<UInt8>
  private var used = 0
  let fields: UnsafeMutablePointer<nghttp2_nv>
  private let capacity: Int
  private(set) var count = 0
  private let maxBytes: Int
  let scheme: StaticString
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
    if !request.trailers.isEmpty {
      // Only checked: they are laid out again when the body is sent.
      begin()
      for field in request.trailers { try append(field) }
    }
    begin()
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
      try appendAuthority(authority)
    }
    for header in request.headers { try append(header) }
    if !request.body.isEmpty { try append("content-length", decimal: request.body.count) }
  }

  func begin() {
    used = 0
    count = 0
    size = 0
  }

  func appendAuthority(_ authority: [UInt8]) throws(TransportError) {
    guard let bytes = authority.withUnsafeBytes({ room($0) }) else { throw tooLarge }
    try append(":authority", value: bytes)
  }

  /// The field added last differs from request to request.
  func keepLastOutOfTable() {
    guard count > 0 else { return }
    fields[count - 1].flags |= UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_INDEX.rawValue)
  }

  private func isOptionsTarget(_ request: ClientRequest) -> Bool {
    request.method == .options && request.target == "*"
  }

  func appendMethod(_ method: HTTPMethod) throws(TransportError) {
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

  func append(_ header: (name: String, value: String)) throws(TransportError) {
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

  package func append(
    _ name: StaticString, value: StaticString
  ) throws(TransportError) {
    try append(
      nghttp2_nv(
        name: UnsafeMutablePointer(mutating: name.utf8Start),
        value: UnsafeMutablePointer(mutating: value.utf8Start),
        namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
        flags: UInt8(
          truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue
            | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)))
  }

  func append(
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

  func copy(_ text: String) throws(TransportError) -> UnsafeMutableBufferPointer<UInt8> {
    var text = text
    guard let bytes = text.withUTF8({ room(UnsafeRawBufferPointer($0)) }) else { throw tooLarge }
    return bytes
  }

  func copy(
    _ bytes: UnsafeRawBufferPointer
  ) throws(TransportError) -> UnsafeMutableBufferPointer<UInt8> {
    guard let copied = room(bytes) else { throw tooLarge }
    return copied
  }

  /// A copy of the bytes; nil when there is no room for one.
  func room(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableBufferPointer<UInt8>? {
    guard bytes.count <= maxBytes - used else { return nil }
    let room = UnsafeMutableBufferPointer(rebasing: scratch[used..<used + bytes.count])
    UnsafeMutableRawBufferPointer(room).copyMemory(from: bytes)
    used += bytes.count
    return room
  }

  var tooLarge: TransportError {
    TransportError(
      .tooLarge,
      "the request's header section exceeds \(maxBytes) bytes; shorten the target or"
        + " the header fields")
  }
}
