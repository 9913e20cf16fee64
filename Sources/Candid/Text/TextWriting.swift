/// The words of the text format that a name must not be taken for.
private let keywords: Set<String> = [
  "import", "service", "func", "type", "opt", "vec", "record", "variant", "blob", "principal",
  "nat", "nat8", "nat16", "nat32", "nat64", "int", "int8", "int16", "int32", "int64",
  "float32", "float64", "bool", "text", "null", "reserved", "empty", "oneway", "query",
  "composite_query", "true", "false",
]

extension [UInt8] {
  /// A label: a name, in quotation marks where needed, or a number.
  mutating func appendLabel(_ label: CandidLabel) {
    if let name = label.name { appendName(name) } else { appendGrouped(String(label.id)) }
  }

  mutating func appendName(_ name: String) {
    let bytes = name.utf8
    let isIdentifier =
      bytes.first.map(TextLexer.startsName) == true && bytes.allSatisfy(TextLexer.continuesName)
      && !keywords.contains(name)
    if isIdentifier { append(contentsOf: bytes) } else { appendQuoted(name) }
  }

  /// Digits, perhaps behind a sign, with underscores between groups of three.
  mutating func appendGrouped(_ number: String) {
    let isNegative = number.utf8.first == UInt8(ascii: "-")
    var left = number.utf8.count - (isNegative ? 1 : 0)
    let group = left
    for byte in number.utf8 {
      if byte != UInt8(ascii: "-") {
        if left < group, left % 3 == 0 { append(UInt8(ascii: "_")) }
        left -= 1
      }
      append(byte)
    }
  }

  mutating func appendQuoted(_ text: String) {
    append(UInt8(ascii: "\""))
    var text = text
    let isPlain = text.withUTF8 { utf8 in
      let isPlain = utf8.allSatisfy(Self.needsNoEscape)
      if isPlain { append(contentsOf: utf8) }
      return isPlain
    }
    if !isPlain { appendEscaped(text) }
    append(UInt8(ascii: "\""))
  }

  private static func needsNoEscape(_ byte: UInt8) -> Bool {
    byte &- 0x20 < 0x5f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      && byte != UInt8(ascii: "'")
  }

  private mutating func appendEscaped(_ text: String) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": append(contentsOf: "\\n".utf8)
      case "\r": append(contentsOf: "\\r".utf8)
      case "\t": append(contentsOf: "\\t".utf8)
      case "\\", "\"", "'":
        append(UInt8(ascii: "\\"))
        append(UInt8(ascii: scalar))
      case " "..."~": append(UInt8(ascii: scalar))
      default:
        if scalar.isPrintable {
          append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        } else {
          append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".utf8)
        }
      }
    }
  }

  /// As text when every byte is printable ASCII, else each byte in hexadecimal.
  mutating func appendBlob(_ blob: [UInt8]) {
    append(contentsOf: "blob \"".utf8)
    if blob.allSatisfy({ (0x20...0x7e).contains($0) }) {
      for byte in blob {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "'") {
          append(UInt8(ascii: "\\"))
        }
        append(byte)
      }
    } else {
      for byte in blob {
        append(UInt8(ascii: "\\"))
        appendHexadecimal(byte >> 4)
        appendHexadecimal(byte & 15)
      }
    }
    append(UInt8(ascii: "\""))
  }

  private mutating func appendHexadecimal(_ digit: UInt8) {
    append(digit < 10 ? digit + 48 : digit + 87)
  }
}

extension Unicode.Scalar {
  /// Whether a reader would see it, so that it needs no escape.
  fileprivate var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      false
    default: !properties.isGraphemeExtend
    }
  }
}
