/// Splits text into tokens (Candid spec, "Textual Format", "Lexical Syntax"), one at a time.
struct TextLexer {
  private let source: [UInt8]
  private var position = 0

  init(_ source: [UInt8]) { self.source = source }

  private var current: UInt8? { position < source.count ? source[position] : nil }

  private func following(_ distance: Int) -> UInt8? {
    position + distance < source.count ? source[position + distance] : nil
  }

  mutating func next() throws(CandidError) -> TextToken {
    try skipSpace()
    let start = position
    guard let byte = current else { return TextToken(kind: .end, offset: start) }
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"):
      while let byte = current, Self.continuesName(byte) { position += 1 }
      let name = String(decoding: source[start..<position], as: UTF8.self)
      return TextToken(kind: .identifier, offset: start, name: name)
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"):
      return number(start)
    case UInt8(ascii: "-"):
      if following(1) == UInt8(ascii: ">") {
        position += 2
        return TextToken(kind: .arrow, offset: start)
      }
      return number(start)
    case UInt8(ascii: "\""):
      return TextToken(kind: .string, offset: start, bytes: try string())
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "}"),
      UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="),
      UInt8(ascii: "."):
      position += 1
      return TextToken(kind: .mark(byte), offset: start)
    default:
      throw CandidError(.syntax, "an unexpected character", at: start)
    }
  }

  static func startsName(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || (byte | 0x20) &- UInt8(ascii: "a") < 26
  }

  static func continuesName(_ byte: UInt8) -> Bool {
    startsName(byte) || byte &- UInt8(ascii: "0") < 10
  }

  private mutating func skipSpace() throws(CandidError) {
    while let byte = current {
      if byte == 0x20 || (0x09...0x0d).contains(byte) {
        position += 1
      } else if byte == UInt8(ascii: "/"), following(1) == UInt8(ascii: "/") {
        position = source[position...].firstIndex(of: 0x0a) ?? source.count
      } else if byte == UInt8(ascii: "/"), following(1) == UInt8(ascii: "*") {
        try skipComment()
      } else {
        return
      }
    }
  }

  /// Comments nest.
  private mutating func skipComment() throws(CandidError) {
    let start = position
    var depth = 0
    repeat {
      guard let byte = current else {
        throw CandidError(.syntax, "the comment is not closed with */", at: start)
      }
      if byte == UInt8(ascii: "/"), following(1) == UInt8(ascii: "*") {
        depth += 1
        position += 2
      } else if byte == UInt8(ascii: "*"), following(1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
      } else {
        position += 1
      }
    } while depth > 0
  }

  private mutating func number(_ start: Int) -> TextToken {
    var bytes = [source[position]]
    position += 1
    let isHexadecimal = source[start...].prefix(3).contains { $0 | 0x20 == UInt8(ascii: "x") }
    while let byte = current {
      switch byte {
      case UInt8(ascii: "_"): break
      case UInt8(ascii: "+"), UInt8(ascii: "-"):
        let exponent = isHexadecimal ? UInt8(ascii: "p") : UInt8(ascii: "e")
        guard let last = bytes.last, last | 0x20 == exponent else {
          return TextToken(kind: .number, offset: start, bytes: bytes)
        }
        bytes.append(byte)
      default:
        guard byte == UInt8(ascii: ".") || Self.continuesName(byte) else {
          return TextToken(kind: .number, offset: start, bytes: bytes)
        }
        bytes.append(byte)
      }
      position += 1
    }
    return TextToken(kind: .number, offset: start, bytes: bytes)
  }

  private mutating func string() throws(CandidError) -> [UInt8] {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while true {
      let runStart = position
      while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        position += 1
      }
      bytes.append(contentsOf: source[runStart..<position])
      guard let byte = current else { break }
      position += 1
      if byte == UInt8(ascii: "\"") { return bytes }
      try escape(into: &bytes)
    }
    throw CandidError(.syntax, "the string is not closed with a quotation mark", at: start)
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(CandidError) {
    let start = position - 1
    guard let byte = current else {
      throw CandidError(.syntax, "the string is not closed with a quotation mark", at: start)
    }
    position += 1
    switch byte {
    case UInt8(ascii: "n"): bytes.append(0x0a)
    case UInt8(ascii: "r"): bytes.append(0x0d)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): bytes.append(byte)
    case UInt8(ascii: "u"):
      bytes.append(contentsOf: try unicodeEscape(start))
    default:
      guard let high = Self.hexadecimal(byte), let low = current.flatMap(Self.hexadecimal) else {
        throw CandidError(
          .syntax, "an unknown escape; write \\n \\r \\t \\\\ \\\" \\' \\u{hex} or two hex digits",
          at: start)
      }
      position += 1
      bytes.append(high << 4 | low)
    }
  }

  private mutating func unicodeEscape(_ start: Int) throws(CandidError) -> String.UTF8View {
    var code: UInt32 = 0
    var digits = 0
    if current == UInt8(ascii: "{") {
      position += 1
      while let byte = current, byte != UInt8(ascii: "}") {
        position += 1
        if byte == UInt8(ascii: "_"), digits > 0 { continue }
        guard let digit = Self.hexadecimal(byte), code <= 0xff_ffff else {
          digits = 0
          break
        }
        code = code << 4 | UInt32(digit)
        digits += 1
      }
      if digits > 0, current == UInt8(ascii: "}"), let scalar = Unicode.Scalar(code) {
        position += 1
        return String(scalar).utf8
      }
    }
    throw CandidError(
      .syntax, "a Unicode escape is written \\u{hex}, with a scalar value", at: start)
  }

  static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 97...102: byte - 87
    case 65...70: byte - 55
    default: nil
    }
  }
}
