/// What the parsers of values, types and `.did` files share: the current token, and nesting.
struct TextParser {
  private var lexer: TextLexer
  private(set) var token: TextToken
  private var lookahead: TextToken?
  private var depthLeft = CandidLimits.textDepth
  /// The types written behind values, compiled as they are met.
  var stated: TypeCompiler
  /// The names of types that were met, to be checked when all definitions are known.
  var typeNames: [TypeName] = []

  /// A name used as a type.
  struct TypeName {
    let name: String
    let offset: Int
    /// Whether it stands behind a method's name, where only functions may.
    let isMethod: Bool
  }

  /// - Parameter environment: what the types behind values may refer to.
  init(
    _ source: [UInt8], in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) {
    lexer = try TextLexer(source)
    token = try lexer.next()
    stated = TypeCompiler(environment)
  }

  mutating func advance() throws(CandidError) {
    token = if let next = lookahead.take() { next } else { try lexer.next() }
  }

  /// The kind of the token after the current one.
  mutating func peek() throws(CandidError) -> TextToken.Kind {
    let next = if let lookahead { lookahead } else { try lexer.next() }
    lookahead = next
    return next.kind
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

  mutating func expectArrow() throws(CandidError) {
    guard token.kind == .arrow else { throw unexpected("->") }
    try advance()
  }

  func isKeyword(_ word: String) -> Bool { token.kind == .identifier && token.name == word }

  mutating func acceptKeyword(_ word: String) throws(CandidError) -> Bool {
    guard isKeyword(word) else { return false }
    try advance()
    return true
  }

  func expectEnd() throws(CandidError) {
    guard token.kind == .end else { throw unexpected("the end") }
  }

  mutating func enter() throws(CandidError) {
    depthLeft -= 1
    guard depthLeft > 0 else {
      throw CandidError(
        .limitExceeded,
        "the text is nested more than \(CandidLimits.textDepth) deep", at: token.offset)
    }
  }

  mutating func leave() { depthLeft += 1 }

  mutating func string() throws(CandidError) -> String {
    guard token.kind == .string else { throw unexpected("a string") }
    guard let text = String(utf8: token.bytes) else {
      throw CandidError(
        .syntax, "the string is not UTF-8; bytes are written as blob \"…\"", at: token.offset)
    }
    try advance()
    return text
  }

  /// An identifier that is no keyword.
  mutating func identifier(_ wanted: String) throws(CandidError) -> String {
    guard token.kind == .identifier, !Self.keywords.contains(token.name),
      token.name != "true", token.name != "false"
    else { throw unexpected(wanted) }
    let name = token.name
    try advance()
    return name
  }

  /// An identifier or a string.
  mutating func name() throws(CandidError) -> String {
    guard token.kind == .identifier else {
      guard token.kind == .string else { throw unexpected("a name") }
      return try string()
    }
    guard !Self.keywords.contains(token.name) else {
      throw CandidError(
        .syntax, "\(token.name) is a keyword; as a name it is written \"\(token.name)\"",
        at: token.offset)
    }
    let name = token.name
    try advance()
    return name
  }

  /// The words that are no names without quotation marks. The words for primitive types are, as
  /// fields of such names are common; and so are `true` and `false`, for the reference prints them.
  private static let keywords: Set<String> = [
    "blob", "composite_query", "func", "import", "null", "oneway", "opt", "principal", "query",
    "record", "service", "type", "variant", "vec",
  ]

  /// A name, or a number for an id.
  mutating func label() throws(CandidError) -> CandidLabel {
    guard token.kind == .number else { return CandidLabel(try name()) }
    guard token.bytes.first.map({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) == true,
      let id = TextNumber.integer(token.bytes)?.exactly(UInt32.self)
    else {
      throw CandidError(
        .syntax, "a field's number is whole, from 0 to 4294967295", at: token.offset)
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
    guard try accept(end) else { throw unexpected("\(separator) or \(end)") }
  }

  /// Sorts labelled elements, and refuses equal labels at the later of the two.
  static func sorted<Element>(
    _ elements: [(offset: Int, element: Element)], _ label: (Element) -> CandidLabel
  ) throws(CandidError) -> [Element] {
    let sorted = elements.sorted { label($0.element) < label($1.element) }
    for (left, right) in zip(sorted, sorted.dropFirst()) {
      let (one, other) = (label(left.element), label(right.element))
      guard one == other else { continue }
      let message =
        one.description == other.description
        ? "the field \(one.description.excerpt) is there already"
        : "the fields \(one.description.excerpt) and \(other.description.excerpt) have the same "
          + "id, \(one.id); rename one of them"
      throw CandidError(.syntax, message, at: max(left.offset, right.offset))
    }
    return sorted.map(\.element)
  }
}
