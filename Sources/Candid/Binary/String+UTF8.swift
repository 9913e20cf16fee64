extension String {
  /// Nil for bytes that are not UTF-8. Several times as fast as `init(validating:as:)` for the
  /// short texts of which most messages consist.
  init?(utf8 bytes: UnsafeRawBufferPointer) {
    let span = bytes.bindMemory(to: UInt8.self).span
    guard let text = try? UTF8Span(validating: span) else { return nil }
    self.init(copying: text)
  }

  init?(utf8 bytes: [UInt8]) {
    guard let text = try? UTF8Span(validating: bytes.span) else { return nil }
    self.init(copying: text)
  }
}
