/// A value as written: what it means depends on the type it is read at.
struct TextNode {
  indirect enum Content {
    case null
    case bool(Bool)
    /// Without underscores.
    case number([UInt8])
    case text(String)
    case blob([UInt8])
    case principal(Principal)
    case service(Principal)
    case function(Principal, String)
    case opt(TextNode)
    case vec([TextNode])
    /// In ascending order of ids.
    case record([(label: CandidLabel, value: TextNode)])
    /// Without a value when none is written, which means null.
    case variant(CandidLabel, TextNode?)
    /// A type of `TextParser.stated`.
    case annotated(TextNode, TypeReference)
  }

  let offset: Int
  let content: Content

  /// What is written, for messages.
  var kind: String {
    switch content {
    case .null: "null"
    case .bool: "a bool"
    case .number(let bytes):
      "the number \(String(decoding: bytes.prefix(80), as: UTF8.self).excerpt)"
    case .text: "a text"
    case .blob: "a blob"
    case .principal: "a principal"
    case .service: "a service"
    case .function: "a func"
    case .opt: "an opt"
    case .vec: "a vec"
    case .record: "a record"
    case .variant: "a variant"
    case .annotated: "a value"
    }
  }
}

/// Values (Candid spec, "Values").
extension TextParser {
  /// A whole argument list in parentheses.
  mutating func argumentNodes() throws(CandidError) -> [TextNode] {
    var nodes: [TextNode] = []
    try expect("(")
    try list(until: ")", separator: ",") { (parser) throws(CandidError) in
      nodes.append(try parser.annotatedValue())
    }
    try expectEnd()
    return nodes
  }

  private mutating func annotatedValue() throws(CandidError) -> TextNode {
    let node = try value()
    guard try accept(":") else { return node }
    let offset = token.offset
    let type = try type()
    do throws(CandidError) {
      return TextNode(offset: node.offset, content: .annotated(node, try stated.compile(type)))
    } catch {
      throw CandidError(error.code, error.message, at: offset)
    }
  }

  private mutating func value() throws(CandidError) -> TextNode {
    try enter()
    defer { leave() }
    let offset = token.offset
    switch token.kind {
    case .number:
      let bytes = token.bytes
      try advance()
      return TextNode(offset: offset, content: .number(bytes))
    case .string:
      return TextNode(offset: offset, content: .text(try string()))
    case .mark(UInt8(ascii: "(")):
      try advance()
      let node = try annotatedValue()
      try expect(")")
      return node
    case .identifier:
      return TextNode(offset: offset, content: try wordValue())
    default:
      throw unexpected("a value")
    }
  }

  private mutating func wordValue() throws(CandidError) -> TextNode.Content {
    let word = token.name
    let offset = token.offset
    try advance()
    switch word {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    // The grammar has no words for these; the reference prints two of them.
    case "nan", "NaN", "inf": return .number(Array(word.utf8))
    case "opt": return .opt(try value())
    case "principal": return .principal(try principal())
    case "service": return .service(try principal())
    case "func":
      let principal = try principal()
      try expect(".")
      return .function(principal, try name())
    case "blob":
      guard token.kind == .string else { throw unexpected("a string") }
      let bytes = token.bytes
      try advance()
      return .blob(bytes)
    case "vec":
      var elements: [TextNode] = []
      try expect("{")
      try list(until: "}", separator: ";") { (parser) throws(CandidError) in
        elements.append(try parser.annotatedValue())
      }
      return .vec(elements)
    case "record": return .record(try recordFields())
    case "variant":
      try expect("{")
      let label = try label()
      let payload: TextNode? = try accept("=") ? try annotatedValue() : nil
      try expect("}")
      return .variant(label, payload)
    default:
      throw CandidError(
        .syntax,
        "expected a value, found \(word.excerpt); text is written in quotation marks", at: offset)
    }
  }

  private mutating func principal() throws(CandidError) -> Principal {
    let offset = token.offset
    let text = try string()
    do throws(CandidError) {
      return try Principal(text: text)
    } catch {
      throw CandidError(error.code, error.message, at: offset)
    }
  }

  private mutating func recordFields() throws(CandidError) -> [(
    label: CandidLabel, value: TextNode
  )] {
    var fields: [(offset: Int, element: (label: CandidLabel, value: TextNode))] = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      let offset = parser.token.offset
      let label: CandidLabel
      if try parser.peek() == .mark("=") {
        label = try parser.label()
        try parser.expect("=")
      } else {
        label = try parser.implied(after: fields.last?.element.label)
      }
      fields.append((offset, (label, try parser.annotatedValue())))
    }
    return try Self.sorted(fields) { $0.label }
  }
}
