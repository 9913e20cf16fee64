/// A `.did` file as written, before names and imports are followed.
struct InterfaceSyntax {
  struct Import {
    let path: String
    let includesService: Bool
    let offset: Int
  }

  struct Definition {
    let name: String
    let type: CandidType
    let offset: Int
  }

  var imports: [Import] = []
  var definitions: [Definition] = []
  var service: (type: CandidType, offset: Int)?
  var initArguments: [CandidType]?
  var typeNames: [TextParser.TypeName] = []

  init(parsing source: [UInt8]) throws(CandidError) {
    var parser = try TextParser(source)
    while parser.token.kind != .end, !parser.isKeyword("service") {
      try readDefinition(&parser)
      guard try parser.accept(";") else { break }
    }
    if parser.isKeyword("service") {
      try readService(&parser)
      try parser.expectEnd()
    } else if parser.token.kind != .end {
      throw parser.unexpected("; or service")
    }
    typeNames = parser.typeNames
  }

  private mutating func readDefinition(_ parser: inout TextParser) throws(CandidError) {
    if try parser.acceptKeyword("import") {
      let includesService = try parser.acceptKeyword("service")
      let offset = parser.token.offset
      imports.append(
        Import(path: try parser.string(), includesService: includesService, offset: offset))
      return
    }
    guard try parser.acceptKeyword("type") else {
      throw parser.unexpected("type, import or service")
    }
    let offset = parser.token.offset
    let name = try parser.identifier("a name")
    guard TextParser.primitives[name] == nil else {
      throw CandidError(.syntax, "\(name) is a type already; choose another name", at: offset)
    }
    try parser.expect("=")
    definitions.append(Definition(name: name, type: try parser.type(), offset: offset))
  }

  private mutating func readService(_ parser: inout TextParser) throws(CandidError) {
    try parser.advance()
    // The name has no meaning.
    if parser.token.kind == .identifier { _ = try parser.identifier("a name or :") }
    try parser.expect(":")
    if parser.token.kind == .mark("(") {
      initArguments = try parser.tuple()
      try parser.expectArrow()
    }
    let offset = parser.token.offset
    let isActor = parser.token.kind == .mark("{")
    service = (isActor ? .service(try parser.methods()) : try parser.typeName(), offset)
    _ = try parser.accept(";")
  }
}
