/// Splits text into tokens (Candid spec, "Textual Format", "Lexical Syntax"), one at a time.
struct TextLexer {
  private let source: [UInt8]
  private var position = 0

  /// - Throws: `syntax` for bytes that are not UTF-8, wherever they are.
  init(_ source: [UInt8]) throws(CandidError) {
    self.source = source
    guard (try? UTF8Span(validating: source.span)) == nil else { return }
    throw CandidError(.syntax, "the text is not UTF-8", at: Self.validPrefix(source))
  }

  private static func validPrefix(_ source: [UInt8]) -> Int {
    var parser = Unicode.UTF8.ForwardParser()
    var bytes = source.makeIterator()
    var count = 0
    while case .valid(let scalar) = parser.parseScalar(from: &bytes) { count += scalar.count }
    return count
  }

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
      return try number(start)
    case UInt8(ascii: "-"):
      if following(1) == UInt8(ascii: ">") {
        position += 2
        return TextToken(kind: .arrow, offset: start)
      }
      return try number(start)
    case UInt8(ascii: "\""):
      return TextToken(kind: .string, offset: start, bytes: try string())
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "}"),
      UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="),
      UInt8(ascii: "."):
      position += 1
      return TextToken(kind: .mark(byte), offset: start)
    default:
      throw CandidError(.syntax, "a character that has no meaning here", at: start)
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
      if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
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

  /// A number by the grammar; `inf`, `nan` and `NaN` behind a sign too.
  private mutating func number(_ start: Int) throws(CandidError) -> TextToken {
    var bytes: [UInt8] = []
    if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { take(into: &bytes) }
    var isWhole: Bool
    if current == UInt8(ascii: "0"), following(1) == UInt8(ascii: "x") {
      take(into: &bytes)
      take(into: &bytes)
      isWhole = floating(into: &bytes, exponent: "p", Self.isHexadecimal)
    } else if let byte = current, Self.isDecimal(byte) {
      isWhole = floating(into: &bytes, exponent: "e", Self.isDecimal)
    } else {
      while let byte = current, Self.startsName(byte) { take(into: &bytes) }
      isWhole = ["inf", "nan", "NaN"].contains(String(decoding: bytes.dropFirst(), as: UTF8.self))
    }
    if let byte = current, Self.continuesName(byte) { isWhole = false }
    guard isWhole else {
      throw CandidError(
        .syntax,
        "a malformed number; numbers are written 1_000, -5, 0xff, 1.5, 1e-3 or 0x1.8p3",
        at: start)
    }
    return TextToken(kind: .number, offset: start, bytes: bytes)
  }

  /// Digits, perhaps a point and digits, perhaps an exponent. False when digits are missing.
  private mutating func floating(
    into bytes: inout [UInt8], exponent: Unicode.Scalar, _ isDigit: (UInt8) -> Bool
  ) -> Bool {
    guard digits(into: &bytes, isDigit) else { return false }
    if current == UInt8(ascii: ".") {
      take(into: &bytes)
      if let byte = current, isDigit(byte), !digits(into: &bytes, isDigit) { return false }
    }
    guard let byte = current, byte | 0x20 == UInt8(ascii: exponent) else { return true }
    take(into: &bytes)
    if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { take(into: &bytes) }
    return digits(into: &bytes, Self.isDecimal)
  }

  /// Digits with single underscores between them, which are left out.
  private mutating func digits(into bytes: inout [UInt8], _ isDigit: (UInt8) -> Bool) -> Bool {
    guard let first = current, isDigit(first) else { return false }
    while let byte = current {
      if isDigit(byte) {
        take(into: &bytes)
      } else if byte == UInt8(ascii: "_"), let next = following(1), isDigit(next) {
        position += 1
      } else {
        break
      }
    }
    return true
  }

  private mutating func take(into bytes: inout [UInt8]) {
    bytes.append(source[position])
    position += 1
  }

  private static func isDecimal(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
  private static func isHexadecimal(_ byte: UInt8) -> Bool { hexadecimal(byte) != nil }

  private mutating func string() throws(CandidError) -> [UInt8] {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while true {
      let runStart = position
      while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        guard byte >= 0x20, byte != 0x7f else {
          throw CandidError(
            .syntax, "a control character in a string; write it as an escape, like \\n or \\t",
            at: position)
        }
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
    var hexadecimal: [UInt8] = []
    if current == UInt8(ascii: "{") {
      position += 1
      var isValid = digits(into: &hexadecimal, Self.isHexadecimal)
      for digit in hexadecimal {
        isValid = isValid && code <= 0xfff_ffff
        code = code << 4 | UInt32(Self.hexadecimal(digit) ?? 0)
      }
      if isValid, current == UInt8(ascii: "}"), let scalar = Unicode.Scalar(code) {
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
