import Glibc

/// What a proxy needs of an exchange: its request as bytes, and an answer filled in piece by piece.
extension Exchange {
  /// Hands the target to `body` as it came, without copying it.
  package func withTarget<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    target.withUnsafeBytes { body($0) }
  }

  /// Whether the request has any of these fields.
  package func hasField(in names: FieldNames) -> Bool {
    for field in requestFields.elements
    where names.find(requestBytes[field.nameStart..<field.nameEnd]) != nil {
      return true
    }
    return false
  }

  /// Hands the value of an answer's field to `body`, nil when the answer has none of that name.
  package func withAnswerField<Result>(
    _ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    for field in responseFields.elements where field.name(in: responseBytes).equals(name) {
      return body(field.value(in: responseBytes))
    }
    return nil
  }

  /// Forgets what was filled in of the answer.
  package func resetAnswer() {
    status = 200
    responseFields.reset(keeping: 64)
    responseBytes.reset()
    announcedLength = nil
    if !responseBody.isEmpty { setBody([]) }
  }

  var requestBodyCount: Int { body.count }

  /// Copies a part of the request's body and returns how much.
  func copyBody(from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, body.count - offset)
    guard count > 0 else { return 0 }
    body.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
    }
    return count
  }

  /// Adds a field that HTTP/2's rules have been applied to.
  func addAnswerField(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    var field = ResponseField(name: name)
    field.valueStart = responseBytes.append(value)
    field.valueEnd = responseBytes.count
    responseFields.append(field)
  }

  func appendAnswer(_ bytes: UnsafeRawBufferPointer) {
    responseBody.append(contentsOf: bytes)
  }
}
