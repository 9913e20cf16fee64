/// The request fields that ask to go on in HTTP/2 over plain text (RFC 7540 section 3.2).
enum H2CUpgrade {
  /// The payload of the client's SETTINGS frame, nil when the request does not ask for the change
  /// or asks for it wrongly: such a request is answered in HTTP/1.1.
  static func settings(of exchange: Exchange) -> [UInt8]? {
    guard
      exchange.withHeader("upgrade", { $0.equalsIgnoringCase("h2c") }) == true,
      exchange.fieldCount("http2-settings") == 1,
      exchange.withHeader("connection", { mentions($0, "upgrade") }) == true,
      exchange.withHeader("connection", { mentions($0, "http2-settings") }) == true,
      let payload = exchange.withHeader("http2-settings", decode) ?? nil,
      // Each setting takes six bytes.
      payload.count % 6 == 0
    else { return nil }
    return payload
  }

  /// Whether a comma-separated list has `token`, whatever its case.
  private static func mentions(_ list: UnsafeRawBufferPointer, _ token: StaticString) -> Bool {
    list.split(separator: 0x2C).contains { element in
      var element = element
      while let first = element.first, first == 0x20 || first == 0x09 { element.removeFirst() }
      while let last = element.last, last == 0x20 || last == 0x09 { element.removeLast() }
      return UnsafeRawBufferPointer(rebasing: element).equalsIgnoringCase(token)
    }
  }

  /// base64url without padding (RFC 4648 section 5); curl's padding is tolerated.
  private static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var width = 0
    for character in text {
      let value: UInt8
      switch character {
      case 0x41...0x5A: value = character - 0x41
      case 0x61...0x7A: value = character - 0x61 + 26
      case 0x30...0x39: value = character - 0x30 + 52
      case 0x2D, 0x2B: value = 62
      case 0x5F, 0x2F: value = 63
      case 0x3D: continue
      default: return nil
      }
      bits = (bits << 6 | UInt32(value)) & 0xFFFFFF
      width += 6
      if width >= 8 {
        width -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(width)))
      }
    }
    return bytes
  }
}
