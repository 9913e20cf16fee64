extension Exchange {
  /// Adds a field to the answer. `name` is lower-case. Control characters in the value become
  /// spaces, so that a value cannot end the field. Fields that belong to the transport
  /// (`content-length`, `connection`, `transfer-encoding`, `date`, and the like) are ignored.
  public func setHeader(_ name: StaticString, _ value: String) {
    var value = value
    value.withUTF8 { setHeader(name, bytes: UnsafeRawBufferPointer($0)) }
  }

  /// The same with the value's bytes.
  public func setHeader(_ name: StaticString, _ value: [UInt8]) {
    value.withUnsafeBytes { setHeader(name, bytes: $0) }
  }

  /// The same with a value that is never copied.
  public func setHeader(_ name: StaticString, static value: StaticString) {
    guard !isTransportField(bytes(of: name)) else { return }
    var field = ResponseField(name: name)
    field.staticValue = value.utf8Start
    field.valueEnd = value.utf8CodeUnitCount
    responseFields.append(field)
  }

  /// The same with a name that is known at run time only. A name that is not a token
  /// (RFC 9110 section 5.6.2) is ignored; upper case becomes lower case.
  public func setHeader(name: String, _ value: String) {
    var name = name.lowercased()
    var value = value
    name.withUTF8 { name in
      let name = UnsafeRawBufferPointer(name)
      guard !name.isEmpty, name.allSatisfy(isTokenByte), !isTransportField(name) else { return }
      var field = ResponseField()
      field.nameStart = responseBytes.append(name)
      field.nameEnd = responseBytes.count
      value.withUTF8 { addValue(UnsafeRawBufferPointer($0), to: &field) }
    }
  }

  /// The answer's body. It is sent straight from this array, with its length; a HEAD request gets
  /// the length only, and the statuses 204 and 304 neither.
  public func setBody(_ body: consuming [UInt8]) {
    givenBody = body
    responseArena.reset()
    responseCount = givenBody.count
  }

  /// Adds to the answer's body by copying into memory that is used again.
  package func appendBody(_ bytes: UnsafeRawBufferPointer) {
    if !givenBody.isEmpty {
      givenBody.withUnsafeBytes { _ = responseArena.append($0) }
      givenBody = []
    }
    responseArena.append(bytes)
    responseCount = responseArena.count
  }

  func withResponseBody<Result>(_ read: (UnsafeRawBufferPointer) -> Result) -> Result {
    givenBody.isEmpty ? read(responseArena.bytes) : givenBody.withUnsafeBytes(read)
  }

  /// Adds a field whose name is not the transport's, and whose value has no control characters:
  /// both are the caller's to know.
  package func setHeader(_ name: StaticString, verbatim value: UnsafeRawBufferPointer) {
    var field = ResponseField(name: name)
    field.valueStart = responseBytes.append(value)
    field.valueEnd = responseBytes.count
    responseFields.append(field)
  }

  /// Adds a field with a number in quotes, such as an entity tag.
  package func setHeader(_ name: StaticString, quoted number: UInt64) {
    var field = ResponseField(name: name)
    field.valueStart = responseBytes.count
    responseBytes.append(0x22)
    responseBytes.append(decimal: number)
    responseBytes.append(0x22)
    field.valueEnd = responseBytes.count
    responseFields.append(field)
  }

  /// Adds a field with a number.
  package func setHeader(_ name: StaticString, decimal number: UInt64) {
    var field = ResponseField(name: name)
    field.valueStart = responseBytes.append(decimal: number)
    field.valueEnd = responseBytes.count
    responseFields.append(field)
  }

  /// Answers with `application/problem+json` (RFC 9457). `code` is a stable word; `detail` tells
  /// what was wrong and how to mend it.
  public func setProblem(
    status: Int, title: String, code: String, detail: String, retryable: Bool = false
  ) {
    self.status = status
    responseFields.reset(keeping: 64)
    responseBytes.reset()
    setHeader("content-type", static: "application/problem+json")
    setBody(
      ProblemDocument.encode(
        status: status, title: title, code: code, detail: detail, retryable: retryable))
  }

  /// The status that goes on the wire.
  var validStatus: Int { (200..<600).contains(status) ? status : 500 }

  /// Whether the answer has a body on the wire.
  var sendsBody: Bool {
    responseCount > 0 && method != .head && sendsLength
  }

  /// Whether the answer tells the length of its body. A 304 would have to tell the length of what
  /// it does not send (RFC 9110 section 8.6).
  var sendsLength: Bool { status != 204 && status != 304 }

  /// The length that the answer tells.
  var answerLength: Int { announcedLength ?? responseCount }

  private func setHeader(_ name: StaticString, bytes value: UnsafeRawBufferPointer) {
    guard !isTransportField(bytes(of: name)) else { return }
    var field = ResponseField(name: name)
    addValue(value, to: &field)
  }

  private func addValue(_ value: UnsafeRawBufferPointer, to field: inout ResponseField) {
    field.valueStart = responseBytes.append(value)
    field.valueEnd = responseBytes.count
    for (offset, byte) in value.enumerated() where (byte < 0x20 && byte != 0x09) || byte == 0x7F {
      responseBytes.replace(at: field.valueStart + offset, with: 0x20)
    }
    responseFields.append(field)
  }

  private func bytes(of literal: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
  }

  private func isTransportField(_ name: UnsafeRawBufferPointer) -> Bool {
    switch name.count {
    case 4: name.equals("date")
    case 7: name.equals("upgrade") || name.equals("trailer")
    case 10: name.equals("connection") || name.equals("keep-alive")
    case 14: name.equals("content-length")
    case 16: name.equals("proxy-connection")
    case 17: name.equals("transfer-encoding")
    default: false
    }
  }
}

extension Exchange.ResponseField {
  func name(in arena: borrowing ByteArena) -> UnsafeRawBufferPointer {
    guard let staticName else { return arena[nameStart..<nameEnd] }
    return UnsafeRawBufferPointer(start: staticName, count: nameEnd)
  }

  func value(in arena: borrowing ByteArena) -> UnsafeRawBufferPointer {
    guard let staticValue else { return arena[valueStart..<valueEnd] }
    return UnsafeRawBufferPointer(start: staticValue, count: valueEnd)
  }
}
