/// A value as written: what it means depends on the type it is read at.
struct TextNode {
  indirect enum Content {
    case null
    case bool(Bool)
    /// Without underscores.
    case number([UInt8])
    /// Text unless it is no UTF-8.
    case string([UInt8])
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
    case annotated(TextNode, CandidType)
  }

  let offset: Int
  let content: Content
}

/// Values (Candid spec, "Textual Format").
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
    return TextNode(offset: node.offset, content: .annotated(node, try type()))
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
      let bytes = token.bytes
      try advance()
      return TextNode(offset: offset, content: .string(bytes))
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
      _ = try accept(";")
      try expect("}")
      return .variant(label, payload)
    default:
      throw CandidError(
        .syntax, "expected a value, found \(word); text is written in quotation marks", at: offset)
    }
  }

  private mutating func principal() throws(CandidError) -> Principal {
    let offset = token.offset
    let text = try string()
    do {
      return try Principal(text: text)
    } catch {
      throw CandidError(error.code, error.message, at: offset)
    }
  }

  private mutating func recordFields() throws(CandidError) -> [(
    label: CandidLabel, value: TextNode
  )] {
    let offset = token.offset
    var fields: [(label: CandidLabel, value: TextNode)] = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      let next = try parser.peek()
      let label: CandidLabel
      if next.kind == .mark("=") {
        label = try parser.label()
        try parser.expect("=")
      } else {
        label = try parser.implied(after: fields.last?.label)
      }
      fields.append((label, try parser.annotatedValue()))
    }
    return try Self.sorted(fields, { $0.label }, at: offset)
  }
}
