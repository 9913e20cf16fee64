/// Types (Candid spec, "Grammar").
extension TextParser {
  mutating func type() throws(CandidError) -> CandidType {
    try enter()
    defer { leave() }
    guard token.kind == .identifier else {
      guard token.kind == .string else { throw unexpected("a type") }
      return .named(try string())
    }
    let word = token.name
    try advance()
    if let primitive = Self.primitives[word] { return primitive }
    switch word {
    case "opt": return .opt(try type())
    case "vec": return .vec(try type())
    case "record": return .record(try fields(areCases: false))
    case "variant": return .variant(try fields(areCases: true))
    case "func": return .function(try function())
    case "service": return .service(try methods())
    default: return .named(word)
    }
  }

  private static let primitives: [String: CandidType] = [
    "null": .null, "bool": .bool, "nat": .nat, "int": .int,
    "nat8": .nat8, "nat16": .nat16, "nat32": .nat32, "nat64": .nat64,
    "int8": .int8, "int16": .int16, "int32": .int32, "int64": .int64,
    "float32": .float32, "float64": .float64, "text": .text,
    "reserved": .reserved, "empty": .empty, "principal": .principal, "blob": .blob,
  ]

  private mutating func fields(areCases: Bool) throws(CandidError) -> [CandidField] {
    let offset = token.offset
    var fields: [CandidField] = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      fields.append(try parser.field(after: fields.last?.label, isCase: areCases))
    }
    return try Self.sorted(fields, \.label, at: offset)
  }

  private mutating func field(
    after previous: CandidLabel?, isCase: Bool
  ) throws(CandidError) -> CandidField {
    let next = try peek()
    guard isCase || token.kind == .number || next.kind == .mark(":") else {
      return CandidField(label: try implied(after: previous), type: try type())
    }
    let label = try label()
    if isCase, token.kind != .mark(":") { return CandidField(label: label, type: .null) }
    try expect(":")
    return CandidField(label: label, type: try type())
  }

  /// What follows `func`, or a method's name and colon.
  mutating func function() throws(CandidError) -> CandidFunction {
    var function = CandidFunction(try tuple(), [])
    guard token.kind == .arrow else { throw unexpected("->") }
    try advance()
    function.results = try tuple()
    while token.kind == .identifier {
      switch token.name {
      case "query": function.annotations.append(.query)
      case "oneway": function.annotations.append(.oneway)
      case "composite_query": function.annotations.append(.compositeQuery)
      default: throw unexpected("query, oneway or composite_query")
      }
      try advance()
    }
    return function
  }

  /// Types in parentheses, each perhaps with a name that has no meaning.
  mutating func tuple() throws(CandidError) -> [CandidType] {
    var types: [CandidType] = []
    try expect("(")
    try list(until: ")", separator: ",") { (parser) throws(CandidError) in
      if try parser.peek().kind == .mark(":") {
        _ = try parser.name()
        try parser.expect(":")
      }
      types.append(try parser.type())
    }
    return types
  }

  /// What follows `service`.
  mutating func methods() throws(CandidError) -> [CandidMethod] {
    let offset = token.offset
    var methods: [CandidMethod] = []
    try expect("{")
    try list(until: "}", separator: ";") { (parser) throws(CandidError) in
      let name = try parser.name()
      try parser.expect(":")
      let isFunction = parser.token.kind == .mark("(")
      let type: CandidType =
        isFunction ? .function(try parser.function()) : .named(try parser.name())
      methods.append(CandidMethod(name, type))
    }
    let sorted = methods.sorted { TypeCompiler.precedes($0.name, $1.name) }
    for (left, right) in zip(sorted, sorted.dropFirst()) where left.name == right.name {
      throw CandidError(.syntax, "the method \(left.name) is declared twice", at: offset)
    }
    return sorted
  }
}
