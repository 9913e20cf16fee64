import Candid

/// The JSON Schema (2020-12) of a Candid type, in the form that `CandidJSON` reads and writes.
struct JSONSchema {
  let value: CandidValue

  init(of type: CandidType) {
    value = JSONSchema.schema(of: type)
  }

  private static func object(_ fields: [(String, CandidValue)]) -> CandidValue {
    .record(fields.map { CandidFieldValue($0.0, $0.1) })
  }

  private static func simple(_ name: String) -> CandidValue { object([("type", .text(name))]) }

  /// An array of exactly these.
  static func list(_ types: [CandidType]) -> CandidValue {
    let count = CandidValue.nat32(UInt32(clamping: types.count))
    var fields: [(String, CandidValue)] = [
      ("type", .text("array")), ("minItems", count), ("maxItems", count),
    ]
    if !types.isEmpty { fields.append(("prefixItems", .vec(types.map { schema(of: $0) }))) }
    return object(fields)
  }

  private static func schema(of type: CandidType) -> CandidValue {
    switch type {
    case .null: simple("null")
    case .bool: simple("boolean")
    case .text, .principal, .service: simple("string")
    case .reserved: object([])
    case .empty: object([("not", object([]))])
    case .nat8: integer(0, Int64(UInt8.max))
    case .nat16: integer(0, Int64(UInt16.max))
    case .nat32: integer(0, Int64(UInt32.max))
    case .int8: integer(Int64(Int8.min), Int64(Int8.max))
    case .int16: integer(Int64(Int16.min), Int64(Int16.max))
    case .int32: integer(Int64(Int32.min), Int64(Int32.max))
    // Beyond 2^53 - 1 a decimal string.
    case .nat, .nat64: anyOf([integer(0, nil), digits("^[0-9]+$")])
    case .int, .int64: anyOf([simple("integer"), digits("^-?[0-9]+$")])
    case .float32, .float64:
      anyOf([
        simple("number"),
        object([("enum", .vec(["NaN", "Infinity", "-Infinity"].map { .text($0) }))]),
      ])
    case .opt(let inner):
      anyOf([simple("null"), isNullable(inner) ? list([inner]) : schema(of: inner)])
    case .vec(.nat8): object([("type", .text("string")), ("contentEncoding", .text("base64"))])
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

  private static func integer(_ least: Int64, _ most: Int64?) -> CandidValue {
    object(
      [("type", .text("integer")), ("minimum", .int64(least))]
        + (most.map { [("maximum", .int64($0))] } ?? []))
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
