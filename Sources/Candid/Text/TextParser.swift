/// What the parsers of values, types and `.did` files share: the current token, and nesting.
struct TextParser {
  private var lexer: TextLexer
  private(set) var token: TextToken
  private var depthLeft = CandidLimits.standard.depth

  init(_ source: [UInt8]) throws(CandidError) {
    lexer = TextLexer(source)
    token = try lexer.next()
  }

  mutating func advance() throws(CandidError) { token = try lexer.next() }

  /// The token after the current one.
  func peek() throws(CandidError) -> TextToken {
    var ahead = lexer
    return try ahead.next()
  }

  func unexpected(_ wanted: String) -> CandidError {
    CandidError(.syntax, "expected \(wanted), found \(token.description)", at: token.offset)
  }

  mutating func accept(_ mark: Unicode.Scalar) throws(CandidError) -> Bool {
    guard token.kind == .mark(mark) else { return false }
    try advance()
    return true
  }

  mutating func expect(_ mark: Unicode.Scalar) throws(CandidError) {
    guard try accept(mark) else { throw unexpected("\(mark)") }
  }

  mutating func acceptKeyword(_ word: String) throws(CandidError) -> Bool {
    guard token.kind == .identifier, token.name == word else { return false }
    try advance()
    return true
  }

  mutating func expectEnd() throws(CandidError) {
    guard token.kind == .end else { throw unexpected("the end") }
  }

  mutating func enter() throws(CandidError) {
    depthLeft -= 1
    guard depthLeft > 0 else {
      throw CandidError(
        .limitExceeded,
        "the text is nested more than \(CandidLimits.standard.depth) deep", at: token.offset)
    }
  }

  mutating func leave() { depthLeft += 1 }

  mutating func string() throws(CandidError) -> String {
    guard token.kind == .string else { throw unexpected("a string") }
    let text = try Self.text(token)
    try advance()
    return text
  }

  static func text(_ token: TextToken) throws(CandidError) -> String {
    guard let text = String(utf8: token.bytes) else {
      throw CandidError(.syntax, "the string is not UTF-8", at: token.offset)
    }
    return text
  }

  /// An identifier or a string.
  mutating func name() throws(CandidError) -> String {
    guard token.kind == .identifier else { return try string() }
    let name = token.name
    try advance()
    return name
  }

  /// A name, or a number for an id.
  mutating func label() throws(CandidError) -> CandidLabel {
    guard token.kind == .number else { return CandidLabel(try name()) }
    guard let id = Self.integer(token.bytes)?.exactly(UInt32.self) else {
      throw CandidError(.syntax, "a field's number is from 0 to 4294967295", at: token.offset)
    }
    try advance()
    return CandidLabel(id: id)
  }

  /// The label of an element without one: one above the label before.
  func implied(after previous: CandidLabel?) throws(CandidError) -> CandidLabel {
    guard let previous else { return CandidLabel(id: 0) }
    guard previous.id < .max else {
      throw CandidError(.syntax, "the field needs a label: ids end here", at: token.offset)
    }
    return CandidLabel(id: previous.id + 1)
  }

  /// Elements up to the closing mark, with separators between and perhaps after them.
  mutating func list(
    until end: Unicode.Scalar, separator: Unicode.Scalar,
    _ element: (inout TextParser) throws(CandidError) -> Void
  ) throws(CandidError) {
    while token.kind != .mark(end) {
      try element(&self)
      guard try accept(separator) else { break }
    }
    try expect(end)
  }

  /// Sorts labelled elements, and refuses equal labels.
  static func sorted<Element>(
    _ elements: [Element], _ label: (Element) -> CandidLabel, at offset: Int
  ) throws(CandidError) -> [Element] {
    let sorted = elements.sorted { label($0) < label($1) }
    for (left, right) in zip(sorted, sorted.dropFirst()) where label(left) == label(right) {
      throw CandidError(
        .syntax, "the labels \(label(left)) and \(label(right)) are the same", at: offset)
    }
    return sorted
  }

  /// A number token as an integer, decimal or hexadecimal, or nil when it is none.
  static func integer(_ bytes: [UInt8]) -> CandidInteger? {
    let isNegative = bytes.first == UInt8(ascii: "-")
    let digits = bytes.dropFirst(isNegative || bytes.first == UInt8(ascii: "+") ? 1 : 0)
    if digits.starts(with: [0x30, 0x78]) || digits.starts(with: [0x30, 0x58]) {
      let sign: [UInt8] = isNegative ? [UInt8(ascii: "-")] : [UInt8(ascii: "+")]
      return CandidInteger(digits: sign + digits.dropFirst(2), radix: 16)
    }
    return CandidInteger(digits: bytes)
  }
}
