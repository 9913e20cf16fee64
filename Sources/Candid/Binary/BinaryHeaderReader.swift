/// Reads and checks a message's type table and argument types (Candid spec, "Binary Format",
/// "Deserialisation"). What it returns has only references to entries that exist.
struct BinaryHeaderReader {
  private var cursor: ByteCursor
  private let limits: CandidLimits
  private var entryCount = 0
  private var fieldsLeft: Int

  private init(_ cursor: ByteCursor, _ limits: CandidLimits) {
    self.cursor = cursor
    self.limits = limits
    fieldsLeft = limits.typeTableFields
  }

  /// Leaves the cursor at the first value.
  static func read(
    _ cursor: inout ByteCursor, limits: CandidLimits
  ) throws(CandidError) -> (table: TypeTable, arguments: [TypeReference]) {
    var reader = BinaryHeaderReader(cursor, limits)
    let result = try reader.read()
    cursor = reader.cursor
    return result
  }

  private mutating func read() throws(CandidError) -> (TypeTable, [TypeReference]) {
    guard cursor.skipPrefix(BinaryHeader.magic) else {
      throw CandidError(.malformed, "the message must start with DIDL", at: 0)
    }
    let start = cursor.position
    let count = try cursor.leb128()
    guard count <= UInt64(limits.typeTableEntries) else {
      throw CandidError(
        .limitExceeded,
        "the type table has \(count) entries, at most \(limits.typeTableEntries) are read",
        at: start)
    }
    entryCount = Int(count)
    var table = TypeTable()
    table.entries.reserveCapacity(min(entryCount, cursor.remaining))
    for _ in 0..<entryCount { table.entries.append(try entry()) }
    try checkMethods(of: table)
    return (table, try references())
  }

  private mutating func entry() throws(CandidError) -> TypeTable.Entry {
    let start = cursor.position
    let opcode = try cursor.sleb128()
    switch opcode {
    case TypeTable.Opcode.opt: return .opt(try reference())
    case TypeTable.Opcode.vec: return .vec(try reference())
    case TypeTable.Opcode.record: return .record(try fields())
    case TypeTable.Opcode.variant: return .variant(try fields())
    case TypeTable.Opcode.function:
      return .function(try references(), try references(), try annotations())
    case TypeTable.Opcode.service: return .service(try methods())
    case ..<Int64(TypeReference.principal.code):
      _ = try cursor.take(try cursor.leb128())
      return .future
    default:
      throw CandidError(
        .malformed, "the type table may hold only composite types, not opcode \(opcode)",
        at: start)
    }
  }

  private mutating func reference() throws(CandidError) -> TypeReference {
    let start = cursor.position
    let code = try cursor.sleb128()
    guard code >= 0 ? code < Int64(entryCount) : TypeReference.isPrimitive(code) else {
      throw CandidError(.malformed, "there is no type \(code)", at: start)
    }
    return TypeReference(code: Int32(code))
  }

  private mutating func references() throws(CandidError) -> [TypeReference] {
    let count = try listCount()
    var result: [TypeReference] = []
    result.reserveCapacity(min(count, cursor.remaining))
    for _ in 0..<count { result.append(try reference()) }
    return result
  }

  private mutating func fields() throws(CandidError) -> [TypeTable.Field] {
    let count = try listCount()
    var result: [TypeTable.Field] = []
    result.reserveCapacity(min(count, cursor.remaining))
    for _ in 0..<count {
      let start = cursor.position
      guard let id = UInt32(exactly: try cursor.leb128()) else {
        throw CandidError(.malformed, "a field's id exceeds 32 bits", at: start)
      }
      if let previous = result.last, previous.label.id >= id {
        throw CandidError(
          .malformed, "field ids must ascend, but \(id) follows \(previous.label.id)", at: start)
      }
      result.append(TypeTable.Field(label: CandidLabel(id: id), type: try reference()))
    }
    return result
  }

  private mutating func annotations() throws(CandidError) -> [CandidFunction.Annotation] {
    let count = try listCount()
    var result: [CandidFunction.Annotation] = []
    for _ in 0..<count {
      let start = cursor.position
      guard let annotation = CandidFunction.Annotation(rawValue: try cursor.byte()) else {
        throw CandidError(.malformed, "unknown annotation of a func type", at: start)
      }
      result.append(annotation)
    }
    return result
  }

  private mutating func methods() throws(CandidError) -> [TypeTable.Method] {
    let count = try listCount()
    var result: [TypeTable.Method] = []
    for _ in 0..<count {
      let start = cursor.position
      let name = try cursor.text()
      if let previous = result.last, !TypeCompiler.precedes(previous.name, name) {
        throw CandidError(
          .malformed, "methods must ascend by name, but \(name) follows \(previous.name)",
          at: start)
      }
      result.append(TypeTable.Method(name: name, type: try reference()))
    }
    return result
  }

  private mutating func listCount() throws(CandidError) -> Int {
    let start = cursor.position
    let count = try cursor.leb128()
    guard count <= UInt64(fieldsLeft) else {
      throw CandidError(
        .limitExceeded, "the message's types have more than \(limits.typeTableFields) parts",
        at: start)
    }
    fieldsLeft -= Int(count)
    return Int(count)
  }

  private func checkMethods(of table: TypeTable) throws(CandidError) {
    for case .service(let methods) in table.entries {
      for method in methods {
        switch table.entry(method.type) {
        case .function: continue
        default:
          throw CandidError(
            .malformed, "the method \(method.name) must have a func type", at: cursor.position)
        }
      }
    }
  }
}
