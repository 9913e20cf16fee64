/// Flattens types to a table: in the order of a walk from the outside in, each distinct type once.
/// The table is at once what the encoder sends and what the codecs walk.
struct TypeCompiler {
  private let environment: CandidTypeEnvironment
  private var known: [CandidType: TypeReference] = [:]
  private(set) var table = TypeTable()
  /// Named types met too deep in the walk, with the entries that they will fill.
  private var postponed: [(type: CandidType, index: Int)] = []

  init(_ environment: CandidTypeEnvironment) {
    self.environment = environment
  }

  /// - Throws: `invalidType`, or `limitExceeded` for a type without a name that nests too deeply.
  mutating func compile(_ type: CandidType) throws(CandidError) -> TypeReference {
    let reference = try compile(type, depth: 0)
    while let next = postponed.popLast() {
      table.entries[next.index] = try entry(next.type, depth: 0)
    }
    return reference
  }

  private mutating func compile(
    _ type: CandidType, depth: Int
  ) throws(CandidError) -> TypeReference {
    let resolved = try environment.resolve(type)
    if let primitive = Self.primitive(resolved) { return primitive }
    if let reference = known[type] { return reference }
    let index = table.entries.count
    let reference = TypeReference(code: Int32(index))
    if depth < CandidLimits.standard.depth {
      known[type] = reference
      table.entries.append(.future)
      table.entries[index] = try entry(resolved, depth: depth + 1)
      return reference
    }
    guard case .named = type else {
      throw CandidError(.limitExceeded, "the type is nested too deeply; name its inner types")
    }
    known[type] = reference
    table.entries.append(.future)
    postponed.append((resolved, index))
    return reference
  }

  private mutating func entry(
    _ type: CandidType, depth: Int
  ) throws(CandidError) -> TypeTable.Entry {
    switch type {
    case .opt(let inner):
      return .opt(try compile(inner, depth: depth))
    case .vec(let element):
      return .vec(try compile(element, depth: depth))
    case .record(let fields):
      return .record(try compile(fields, depth: depth))
    case .variant(let cases):
      return .variant(try compile(cases, depth: depth))
    case .function(let function):
      guard !function.annotations.contains(.oneway) || function.results.isEmpty else {
        throw CandidError(.invalidType, "a oneway function has no results; drop one or the other")
      }
      return .function(
        try compile(function.parameters, depth: depth),
        try compile(function.results, depth: depth), function.annotations)
    case .service(let methods):
      return .service(try compile(methods, depth: depth))
    default:
      throw CandidError(.invalidType, "\(type) is no composite type")
    }
  }

  private mutating func compile(
    _ types: [CandidType], depth: Int
  ) throws(CandidError) -> [TypeReference] {
    var references: [TypeReference] = []
    for type in types { references.append(try compile(type, depth: depth)) }
    return references
  }

  private mutating func compile(
    _ fields: [CandidField], depth: Int
  ) throws(CandidError) -> [TypeTable.Field] {
    var result: [TypeTable.Field] = []
    result.reserveCapacity(fields.count)
    for field in fields.sorted(by: { $0.label < $1.label }) {
      if let previous = result.last?.label, previous.id == field.label.id {
        throw CandidError(
          .invalidType,
          "the fields \(previous) and \(field.label) have the same id; rename one of them")
      }
      result.append(
        TypeTable.Field(label: field.label, type: try compile(field.type, depth: depth)))
    }
    return result
  }

  private mutating func compile(
    _ methods: [CandidMethod], depth: Int
  ) throws(CandidError) -> [TypeTable.Method] {
    var result: [TypeTable.Method] = []
    for method in methods.sorted(by: { Self.precedes($0.name, $1.name) }) {
      if let last = result.last, last.name.utf8.elementsEqual(method.name.utf8) {
        throw CandidError(.invalidType, "the method \(method.name) is declared twice")
      }
      guard case .function = try environment.resolve(method.type) else {
        throw CandidError(.invalidType, "the method \(method.name) must have a func type")
      }
      result.append(
        TypeTable.Method(name: method.name, type: try compile(method.type, depth: depth)))
    }
    return result
  }

  /// Methods are ordered by the UTF-8 bytes of their names.
  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  static func primitive(_ type: CandidType) -> TypeReference? {
    switch type {
    case .null: .null
    case .bool: .bool
    case .nat: .nat
    case .int: .int
    case .nat8: .nat8
    case .nat16: .nat16
    case .nat32: .nat32
    case .nat64: .nat64
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    case .text: .text
    case .reserved: .reserved
    case .empty: .empty
    case .principal: .principal
    default: nil
    }
  }
}
