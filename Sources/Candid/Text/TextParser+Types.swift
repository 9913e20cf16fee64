/// Types (Candid spec, "Core Grammar").
extension TextParser {
  mutating func type() throws(CandidError) -> CandidType {
    try enter()
    defer { leave() }
    guard token.kind == .identifier else { throw unexpected("a type") }
    if let primitive = Self.primitives[token.name] {
      try advance()
      return primitive
    }
    switch token.name {
    case "opt":
      try advance()
      return .opt(try type())
    case "vec":
      try advance()
      return .vec(try type())
    case "record":
      try advance()
      return .record(try fields(areCases: false))
    case "variant":
      try advance()
      return .variant(try fields(areCases: true))
    case "func":
      try advance()
      return .function(try function())
    case "service":
      try advance()
      return .service(try methods())
    default: return try typeName()
    }
  }

  /// The name of a defined type.
  mutating func typeName(isMethod: Bool = false) throws(CandidError) -> CandidType {
    let offset = token.offset
    guard Self.primitives[token.name] == nil else {
      throw unexpected(isMethod ? "a func type, or the name of one" : "the name of a type")
    }
    let name = try identifier("a type")
    typeNames.append(TypeName(name: name, offset: offset, isMethod: isMethod))
    return .named(name)
  }

  static let primitives: [String: CandidType] = [
    "null": .null, "bool": .bool, "nat": .nat, "int": .int,
    "nat8": .nat8, "nat16": .nat16, "nat32": .nat32, "nat64": .nat64,
    "int8": .int8, "int16": .int16, "int32": .int32, "int64": .int64,
    "float32": .float32, "float64": .float64, "text": .text,
    "reserved": .reserved, "empty": .empty, "principal": .principal, "blob": .blob,
  ]

  private mutating func fields(areCases: Bool) throws(CandidError) -> [CandidField] {
    var fields: [(offset: Int, element: CandidField)] = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      let offset = parser.token.offset
      let previous = fields.last?.element.label
      fields.append((offset, try parser.field(after: previous, isCase: areCases)))
    }
    return try Self.sorted(fields, \.label)
  }

  private mutating func field(
    after previous: CandidLabel?, isCase: Bool
  ) throws(CandidError) -> CandidField {
    if !isCase, token.kind != .number, try peek() != .mark(":") {
      return CandidField(label: try implied(after: previous), type: try type())
    }
    let label = try label()
    if isCase, token.kind != .mark(":") { return CandidField(label: label, type: .null) }
    try expect(":")
    return CandidField(label: label, type: try type())
  }

  /// What follows `func`, or a method's name and colon.
  mutating func function() throws(CandidError) -> CandidFunction {
    let parameters = try namedTuple()
    var function = CandidFunction(parameters.types, [])
    function.parameterNames = parameters.names
    try expectArrow()
    let resultOffset = token.offset
    function.results = try tuple()
    while token.kind == .identifier {
      let annotation: CandidFunction.Annotation
      switch token.name {
      case "query": annotation = .query
      case "oneway": annotation = .oneway
      case "composite_query": annotation = .compositeQuery
      default: throw unexpected("query, oneway or composite_query")
      }
      guard !function.annotations.contains(annotation) else {
        throw CandidError(.syntax, "\(token.name) is written twice", at: token.offset)
      }
      function.annotations.append(annotation)
      try advance()
    }
    if function.annotations.contains(.oneway), !function.results.isEmpty {
      throw CandidError(
        .invalidType, "a oneway function has no results; write ()", at: resultOffset)
    }
    return function
  }

  /// Types in parentheses, each perhaps with a name that has no meaning.
  mutating func tuple() throws(CandidError) -> [CandidType] {
    try namedTuple().types
  }

  private mutating func namedTuple() throws(CandidError) -> (
    types: [CandidType], names: [String?]
  ) {
    var types: [CandidType] = []
    var parameterNames: [String?] = []
    var names: Set<[UInt8]> = []
    try expect("(")
    try list(until: ")", separator: ",") { (parser) throws(CandidError) in
      var known: String?
      if try parser.peek() == .mark(":") {
        let offset = parser.token.offset
        let name = try parser.name()
        guard names.insert(Array(name.utf8)).inserted else {
          throw CandidError(
            .syntax, "the name \(name.excerpt) is there already", at: offset)
        }
        try parser.expect(":")
        known = name
      }
      types.append(try parser.type())
      parameterNames.append(known)
    }
    return (types, parameterNames)
  }

  /// What follows `service`. Names differ when their bytes do, which Swift's strings do not tell.
  mutating func methods() throws(CandidError) -> [CandidMethod] {
    var methods: [CandidMethod] = []
    var names: Set<[UInt8]> = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      let offset = parser.token.offset
      let name = try parser.name()
      guard names.insert(Array(name.utf8)).inserted else {
        throw CandidError(
          .syntax, "the method \(name.excerpt) is there already", at: offset)
      }
      try parser.expect(":")
      let isFunction = parser.token.kind == .mark("(")
      let type: CandidType =
        isFunction ? .function(try parser.function()) : try parser.typeName(isMethod: true)
      methods.append(CandidMethod(name, type))
    }
    return methods.sorted { TypeCompiler.precedes($0.name, $1.name) }
  }
}
