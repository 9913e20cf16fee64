import CNghttp2

/// Requests that are passed on: their fields are found in the exchange that brought them.
extension RequestEncoder {
  /// Fills `fields` with those of a relay's request.
  /// - Throws: `.invalidRequest` or `.tooLarge`.
  func encode(_ relay: Relay, of exchange: Exchange, peer authority: [UInt8])
    throws(TransportError)
  {
    begin()
    try appendMethod(exchange.method)
    try append(":scheme", value: scheme)
    let target = try copy(exchange.target.bytes)
    guard target.first == 0x2F, nghttp2_check_path(target.baseAddress, target.count) != 0 else {
      throw TransportError(
        .invalidRequest, "the target is not a percent-encoded path that begins with '/'")
    }
    try append(":path", value: target)
    try appendAuthority(authority)
    for field in exchange.requestFields.elements {
      let name = exchange.requestBytes[field.nameStart..<field.nameEnd]
      guard let known = relay.rules.passedOn.find(name) else { continue }
      let value = try copy(exchange.requestBytes[field.nameEnd..<field.valueEnd])
      // HTTP/1.1 allows bytes that HTTP/2 does not.
      guard nghttp2_check_header_value_rfc9113(value.baseAddress, value.count) != 0 else {
        throw TransportError(
          .invalidRequest, "the value of '\(known)' has control characters; remove them")
      }
      try append(known, value: value)
    }
    if let owner = relay.owner { try owner.addFields(relay, to: self) }
    let length = exchange.bodyCount
    if length > 0 { try append("content-length", decimal: length) }
  }

  /// Adds a field. The value must be one that HTTP/2 allows (RFC 9113 section 8.2.1).
  package func append(
    _ name: StaticString, bytes value: UnsafeRawBufferPointer
  ) throws(TransportError) {
    try append(name, value: copy(value))
  }

  package func append(_ name: StaticString, text: [UInt8]) throws(TransportError) {
    guard let value = text.withUnsafeBytes({ room($0) }) else { throw tooLarge }
    try append(name, value: value)
  }

  package func append(_ name: StaticString, decimal value: Int) throws(TransportError) {
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    try withUnsafeMutableBytes(of: &digits) { digits throws(TransportError) in
      var rest = value.magnitude
      var index = digits.count
      repeat {
        index -= 1
        digits[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
        rest /= 10
      } while rest > 0
      try append(name, bytes: UnsafeRawBufferPointer(rebasing: digits[index...]))
    }
  }

  /// Tells the peer how long the answer is waited for.
  ///
  /// Times that are no whole second would fill the compression's table without ever being used
  /// again, so that they are kept out of it (RFC 7541 section 6.2.3).
  func appendDeadline(_ remaining: UInt64) throws(TransportError) {
    let milliseconds = Int(clamping: remaining / 1_000_000)
    try append(Deadline.field, decimal: milliseconds)
    if milliseconds % 1_000 != 0 { keepLastOutOfTable() }
  }
}
