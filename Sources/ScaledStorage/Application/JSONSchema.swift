import Candid
import WireProtocol

/// The JSON Schema (2020-12) of a Candid type, in the form that `CandidJSON` reads and writes.
struct JSONSchema {
  let value: CandidValue

  init(of type: CandidType) {
    value = JSONSchema.schema(of: type)
  }

  /// The schema of arguments: an array of them; a single one may stand by itself.
  /// - Parameter key: which of them is a key.
  init(ofArguments types: [CandidType], key: Int?) {
    var schemas = types.map { JSONSchema.schema(of: $0) }
    if let key, key < types.count, types[key] == .text {
      schemas[key] = JSONSchema.object([
        ("type", .text("string")), ("minLength", .nat8(1)),
        ("maxLength", .nat16(UInt16(KeyTarget.maximumKeyBytes))),
      ])
    }
    let list = JSONSchema.list(schemas)
    value = schemas.count == 1 ? JSONSchema.anyOf([list, schemas[0]]) : list
  }

  /// The schema of results: null for none, a single one by itself, several as an array.
  init(ofResults types: [CandidType]) {
    value =
      switch types.count {
      case 0: JSONSchema.simple("null")
      case 1: JSONSchema.schema(of: types[0])
      default: JSONSchema.list(types.map { JSONSchema.schema(of: $0) })
      }
  }

  /// The largest that all readers of JSON keep exactly: 2^53 - 1.
  private static let largestNumber: Int64 = 9_007_199_254_740_991

  private static func object(_ fields: [(String, CandidValue)]) -> CandidValue {
    .record(fields.map { CandidFieldValue($0.0, $0.1) })
  }

  private static func simple(_ name: String) -> CandidValue { object([("type", .text(name))]) }

  /// An array of exactly these.
  private static func list(_ schemas: [CandidValue]) -> CandidValue {
    let count = CandidValue.nat32(UInt32(clamping: schemas.count))
    var fields: [(String, CandidValue)] = [
      ("type", .text("array")), ("minItems", count), ("maxItems", count),
    ]
    if !schemas.isEmpty { fields.append(("prefixItems", .vec(schemas))) }
    return object(fields)
  }

  private static func schema(of type: CandidType) -> CandidValue {
    switch type {
    case .null: simple("null")
    case .bool: simple("boolean")
    case .text, .principal, .service: simple("string")
    case .reserved: object([])
    case .empty: .bool(false)
    case .nat8: integer(0, Int64(UInt8.max))
    case .nat16: integer(0, Int64(UInt16.max))
    case .nat32: integer(0, Int64(UInt32.max))
    case .int8: integer(Int64(Int8.min), Int64(Int8.max))
    case .int16: integer(Int64(Int16.min), Int64(Int16.max))
    case .int32: integer(Int64(Int32.min), Int64(Int32.max))
    // Beyond 2^53 - 1 a decimal string.
    case .nat: anyOf([integer(0, largestNumber), digits("^[0-9]+$")])
    case .int: anyOf([integer(-largestNumber, largestNumber), digits("^-?[0-9]+$")])
    case .nat64:
      anyOf([integer(0, largestNumber), digits("^([0-9]{1,19}|1[0-7][0-9]{18})$")])
    case .int64:
      anyOf([integer(-largestNumber, largestNumber), digits("^-?[0-8]?[0-9]{1,18}$")])
    case .float32, .float64:
      anyOf([
        simple("number"),
        object([("enum", .vec(["NaN", "Infinity", "-Infinity"].map { .text($0) }))]),
      ])
    case .opt(let inner):
      anyOf([simple("null"), isNullable(inner) ? list([schema(of: inner)]) : schema(of: inner)])
    case .vec(.nat8): object([("$ref", .text("#/components/schemas/Blob"))])
    case .vec(let element):
      object([("type", .text("array")), ("items", schema(of: element))])
    case .record(let fields): record(fields)
    case .variant(let cases):
      anyOf(cases.map { record([$0], isCase: true) })
    case .function:
      object([
        ("type", .text("object")),
        ("properties", object([("service", simple("string")), ("method", simple("string"))])),
      ])
    case .named(let name): object([("$ref", .text("#/components/schemas/\(name)"))])
    }
  }

  private static func anyOf(_ schemas: [CandidValue]) -> CandidValue {
    object([("anyOf", .vec(schemas))])
  }

  private static func integer(_ least: Int64, _ most: Int64) -> CandidValue {
    object([("type", .text("integer")), ("minimum", .int64(least)), ("maximum", .int64(most))])
  }

  private static func digits(_ pattern: String) -> CandidValue {
    object([("type", .text("string")), ("pattern", .text(pattern))])
  }

  private static func record(_ fields: [CandidField], isCase: Bool = false) -> CandidValue {
    let properties = fields.map {
      CandidFieldValue($0.label.description, schema(of: $0.type))
    }
    var members: [(String, CandidValue)] = [
      ("type", .text("object")), ("properties", .record(properties)),
    ]
    let required = fields.filter { isCase || !mayBeMissing($0.type) }
    if !required.isEmpty {
      members.append(("required", .vec(required.map { .text($0.label.description) })))
    }
    if isCase { members.append(("additionalProperties", .bool(false))) }
    return object(members)
  }

  private static func mayBeMissing(_ type: CandidType) -> Bool {
    switch type {
    case .opt, .null, .reserved: true
    default: false
    }
  }

  private static func isNullable(_ type: CandidType) -> Bool { mayBeMissing(type) }
}
