/// The token in the value of an `authorization` field (RFC 6750 section 2.1).
package enum BearerToken {
  /// Longer ones are users' own: nothing that is given out here is that long.
  package static let longest = 256

  /// The bytes of the token; nil for another scheme, an empty token and one that is too long.
  package static func bytes(in header: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    let scheme: StaticString = "bearer "
    let length = scheme.utf8CodeUnitCount
    guard header.count > length else { return nil }
    for index in 0..<length {
      let byte = header[index]
      let isUpper = byte >= 0x41 && byte <= 0x5A
      guard (isUpper ? byte | 0x20 : byte) == scheme.utf8Start[index] else { return nil }
    }
    var start = length
    var end = header.count
    while start < end, header[start] == 0x20 { start += 1 }
    while end > start, header[end - 1] == 0x20 || header[end - 1] == 0x09 { end -= 1 }
    guard end > start, end - start <= longest else { return nil }
    return UnsafeRawBufferPointer(rebasing: header[start..<end])
  }
}
