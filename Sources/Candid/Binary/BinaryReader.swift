/// Reads values of a table's types, in the form of these types: what comes here has been checked
/// and coerced, so that whatever fails fails before anything is built.
struct BinaryReader {
  private var cursor: ByteCursor
  private let table: TypeTable
  /// One for all: each of its own would take memory, of which its byte is no measure.
  private let absent = CandidValue.opt(nil)

  private init(_ cursor: ByteCursor, _ table: TypeTable) {
    self.cursor = cursor
    self.table = table
  }

  static func read(
    _ types: [TypeReference], of table: TypeTable, from cursor: ByteCursor
  ) throws(CandidError) -> [CandidValue] {
    var reader = BinaryReader(cursor, table)
    var values: [CandidValue] = []
    values.reserveCapacity(types.count)
    for type in types { values.append(try reader.value(type)) }
    return values
  }

  private mutating func value(_ type: TypeReference) throws(CandidError) -> CandidValue {
    guard type.code >= 0 else { return try primitive(type) }
    switch table.entries[Int(type.code)] {
    case .opt(let inner):
      return try cursor.optTag() ? .opt(try value(inner)) : absent
    case .vec(let element):
      return try vector(element)
    case .record(let fields):
      var values: [CandidFieldValue] = []
      values.reserveCapacity(fields.count)
      for field in fields {
        values.append(CandidFieldValue(label: field.label, value: try value(field.type)))
      }
      return .record(values)
    case .variant(let cases):
      let chosen = cases[try cursor.caseIndex(below: cases.count)]
      return .variant(CandidFieldValue(label: chosen.label, value: try value(chosen.type)))
    case .function:
      let principal = try cursor.functionPrincipal()
      return .function(principal, method: try cursor.text())
    case .service:
      return .service(try cursor.principal())
    case .future:
      let byteCount = try cursor.leb128()
      _ = try cursor.leb128()
      _ = try cursor.take(byteCount)
      return .reserved
    }
  }

  private mutating func primitive(_ type: TypeReference) throws(CandidError) -> CandidValue {
    switch type {
    case .null: return .null
    case .reserved: return .reserved
    case .bool: return .bool(try cursor.bool())
    case .nat: return .nat(try cursor.integer(isSigned: false))
    case .int: return .int(try cursor.integer(isSigned: true))
    case .nat8: return .nat8(try cursor.byte())
    case .nat16: return .nat16(try cursor.fixed())
    case .nat32: return .nat32(try cursor.fixed())
    case .nat64: return .nat64(try cursor.fixed())
    case .int8: return .int8(try cursor.fixed())
    case .int16: return .int16(try cursor.fixed())
    case .int32: return .int32(try cursor.fixed())
    case .int64: return .int64(try cursor.fixed())
    case .float32: return .float32(Float(bitPattern: try cursor.fixed()))
    case .float64: return .float64(Double(bitPattern: try cursor.fixed()))
    case .text: return .text(try cursor.text())
    case .principal: return .principal(try cursor.principal())
    default:
      throw CandidError(
        .malformed, "a value of type empty cannot exist", at: cursor.position)
    }
  }

  private mutating func vector(_ element: TypeReference) throws(CandidError) -> CandidValue {
    let count = try cursor.leb128()
    if element == .nat8 { return .blob([UInt8](try cursor.take(count))) }
    var values: [CandidValue] = []
    values.reserveCapacity(Int(min(count, UInt64(cursor.remaining))))
    var left = count
    while left > 0 {
      values.append(try value(element))
      left -= 1
    }
    return .vec(values)
  }
}
