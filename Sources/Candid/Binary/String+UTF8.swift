extension UnsafeRawBufferPointer {
  /// Whether the bytes are UTF-8. Linear; most texts are ASCII, which is found out 32 bytes a step.
  var isUTF8: Bool {
    var high = SIMD4<UInt64>.zero
    var offset = 0
    while offset &+ 32 <= count {
      high |= loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      offset &+= 32
    }
    var rest = high[0] | high[1] | high[2] | high[3]
    while offset &+ 8 <= count {
      rest |= loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < count {
      rest |= UInt64(self[offset])
      offset &+= 1
    }
    if rest & 0x8080_8080_8080_8080 == 0 { return true }
    return (try? UTF8Span(validating: bindMemory(to: UInt8.self).span)) != nil
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
