/// What a proxy needs of an exchange: its request as bytes, and an answer filled in piece by piece.
extension Exchange {
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
    if responseCount > 0 { setBody([]) }
  }

  /// Copies a part of the request's body and returns how much.
  func copyBody(from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, bodyCount - offset)
    guard count > 0 else { return 0 }
    withBody { body in
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: body[offset..<offset + count]))
    }
    return count
  }
}
