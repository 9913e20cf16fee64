/// Rules for HTTP/1.x requests that http_parser leaves to its user (RFC 9112).
struct HTTP1Validator {
  let limits: ServerLimits
  let major: Int
  let minor: Int
  let isChunked: Bool
  /// Bytes of the request line without its end.
  let lineLength: Int

  /// Why the request is refused, nil when it is well. Puts an absolute target in origin form.
  func check(_ exchange: Exchange) -> Rejection? {
    guard major == 1 else { return .version }
    // http_parser takes several spaces for one.
    let method = exchange.method.description.utf8.count
    guard lineLength == method + exchange.target.count + 10 else {
      return .malformed("The request line must be the method, the target and HTTP/1.1.")
    }
    return checkFields(exchange) ?? checkTarget(exchange) ?? checkHost(exchange)
      ?? checkFraming(exchange)
  }

  private func checkFields(_ exchange: Exchange) -> Rejection? {
    var total = 0
    for field in exchange.requestFields.elements {
      total += field.valueEnd - field.nameStart + 32
      let name = exchange.requestBytes[field.nameStart..<field.nameEnd]
      if Exchange.isCredential(name) { exchange.carriesCredential = true }
      if name.equals(Deadline.field) {
        exchange.noteDeadline(exchange.requestBytes[field.nameEnd..<field.valueEnd])
      }
    }
    guard total <= limits.maxHeaderBytes else { return .headersTooLarge(limits.maxHeaderBytes) }
    return exchange.rejection
  }

  /// RFC 9112 section 3.2.
  private func checkTarget(_ exchange: Exchange) -> Rejection? {
    if case .other("CONNECT") = exchange.method {
      return .notImplemented("The server is no proxy and knows no CONNECT.")
    }
    guard exchange.target.count <= limits.maxTargetBytes else {
      return .targetTooLong(limits.maxTargetBytes)
    }
    guard exchange.target.bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return .malformed("The target has bytes outside ASCII; percent-encode them.")
    }
    guard !exchange.target.bytes.contains(0x23) else {
      return .malformed("The target contains a fragment; leave out '#' and what follows.")
    }
    let isAsterisk = exchange.target.bytes.equals("*") && exchange.method == .options
    if exchange.target.bytes.first != 0x2F, !isAsterisk {
      guard takeAuthority(exchange) else {
        return .malformed("The target must start with '/' or be an absolute http URI.")
      }
    }
    exchange.indexTarget()
    return nil
  }

  /// The authority of an absolute target counts, and `host` does not (RFC 9112 section 3.2.2).
  private func takeAuthority(_ exchange: Exchange) -> Bool {
    let target = Array(exchange.target.bytes)
    guard
      let scheme = ["http://", "https://"].first(where: { scheme in
        target.count > scheme.utf8.count
          && zip(target, scheme.utf8).allSatisfy { lowercased($0) == $1 }
      })
    else { return false }
    let start = scheme.utf8.count
    let end = target[start...].firstIndex { $0 == 0x2F || $0 == 0x3F } ?? target.count
    guard end > start, !target[start..<end].contains(0x40) else { return false }
    exchange.target.reset()
    if end == target.count || target[end] != 0x2F { exchange.target.append("/") }
    target[end...].withUnsafeBytes { _ = exchange.target.append($0) }
    guard
      let index = exchange.requestFields.elements.firstIndex(where: {
        exchange.requestBytes[$0.nameStart..<$0.nameEnd].equals("host")
      })
    else { return true }
    // A field's name and value lie side by side, so both are written again.
    let nameStart = exchange.requestBytes.append("host")
    let nameEnd = exchange.requestBytes.count
    target[start..<end].withUnsafeBytes { _ = exchange.requestBytes.append($0) }
    exchange.requestFields[index] = Exchange.FieldRange(
      nameStart: nameStart, nameEnd: nameEnd, valueEnd: exchange.requestBytes.count)
    return true
  }

  private func checkHost(_ exchange: Exchange) -> Rejection? {
    let count = exchange.fieldCount("host")
    if count > 1 { return .malformed("The field 'host' comes more than once; send it once.") }
    if count == 0, minor > 0 {
      return .malformed("The field 'host' is missing; HTTP/1.1 demands it.")
    }
    let isClean = exchange.withHeader("host") { value in
      value.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x2C && $0 != 0x40 }
    }
    return isClean == false ? .malformed("The field 'host' is not a host and a port.") : nil
  }

  /// RFC 9112 section 6: exactly one way to tell where the body ends.
  private func checkFraming(_ exchange: Exchange) -> Rejection? {
    let encodings = exchange.fieldCount("transfer-encoding")
    let lengths = exchange.fieldCount("content-length")
    if lengths > 1 || (encodings > 0 && lengths > 0) {
      return .malformed(
        "Content-Length comes twice or beside Transfer-Encoding; send exactly one of them.")
    }
    if encodings > 0 {
      let isChunkedOnly = exchange.withHeader("transfer-encoding") {
        $0.equalsIgnoringCase("chunked")
      }
      guard encodings == 1, isChunkedOnly == true, isChunked else {
        return .notImplemented("The only transfer coding is 'chunked'; send the body plainly.")
      }
      guard minor > 0 else {
        return .malformed("HTTP/1.0 has no transfer codings; send Content-Length.")
      }
    }
    if lengths == 1 {
      guard let length = exchange.declaredLength else {
        return .malformed("Content-Length is not a decimal number.")
      }
      guard length <= limits.maxBodyBytes else { return .bodyTooLarge(limits.maxBodyBytes) }
    }
    let expects = exchange.withHeader("expect") { $0.equalsIgnoringCase("100-continue") }
    return expects == false ? .expectation : nil
  }
}
