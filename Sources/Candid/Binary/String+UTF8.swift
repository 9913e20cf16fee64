extension UnsafeRawBufferPointer {
  /// Whether the bytes are UTF-8. Linear; most texts are ASCII, which is found out 32 bytes a step.
  var isUTF8: Bool {
    var rest = self
    while rest.count >= 32 {
      let chunk = rest.loadUnaligned(as: SIMD32<UInt8>.self)
      guard (chunk & 0x80) == .zero else { break }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(32))
    }
    if rest.count < 32 {
      var high: UInt8 = 0
      for byte in rest { high |= byte }
      if high < 0x80 { return true }
    }
    return (try? UTF8Span(validating: rest.bindMemory(to: UInt8.self).span)) != nil
  }
}

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
