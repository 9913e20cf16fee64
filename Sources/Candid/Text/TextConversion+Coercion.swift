/// Values with a type written behind them, where another type is expected.
extension TextConversion {
  /// The value as one of a supertype of its own: a `nat` becomes an `int`, anything `reserved`, and
  /// fields are dropped. What a reader would find to be null is refused here: whoever writes a type
  /// means it.
  mutating func coerced(
    _ value: CandidValue, to type: TypeReference, in table: TypeTable, at offset: Int
  ) throws(CandidError) -> CandidValue {
    switch (value, type) {
    case (_, .reserved): return .reserved
    case (.nat(let number), .int): return .int(number)
    case (.service(let principal), .principal): return .principal(principal)
    default: break
    }
    if type.code < 0 {
      guard TypeCompiler.primitive(value.inferredType) == type else {
        throw mismatch(value, type, table, offset)
      }
      return value
    }
    switch (table.entry(type), value) {
    case (.opt, .null), (.opt, .reserved), (.opt, .opt(nil)): return .opt(nil)
    case (.opt(let inner), .opt(let content?)):
      return .opt(try coerced(content, to: inner, in: table, at: offset))
    case (.vec(.nat8), .blob): return value
    case (.vec(.nat8), .vec(let elements)) where elements.isEmpty: return .blob([])
    case (.vec, .blob(let bytes)) where bytes.isEmpty: return .vec([])
    case (.vec(let inner), .vec(let elements)):
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for element in elements {
        values.append(try coerced(element, to: inner, in: table, at: offset))
      }
      return .vec(values)
    case (.record(let types), .record(let fields)):
      return .record(try coerced(fields, to: types, in: table, at: offset))
    case (.variant(let cases), .variant(let chosen)):
      let expected = try Self.find(chosen.label, in: cases, at: offset)
      let content = try coerced(chosen.value, to: expected.type, in: table, at: offset)
      return .variant(CandidFieldValue(label: expected.label, value: content))
    case (.function, .function), (.service, .service): return value
    default: throw mismatch(value, type, table, offset)
    }
  }

  private mutating func coerced(
    _ fields: [CandidFieldValue], to types: [TypeTable.Field], in table: TypeTable, at offset: Int
  ) throws(CandidError) -> [CandidFieldValue] {
    var result: [CandidFieldValue] = []
    var rest = fields[...]
    for type in types {
      rest = rest.drop { $0.label < type.label }
      let content: CandidValue
      if let field = rest.first, field.label == type.label {
        content = try coerced(field.value, to: type.type, in: table, at: offset)
      } else if let value = try missing(type.type, in: table, at: offset) {
        content = value
      } else {
        throw CandidError(
          .typeMismatch,
          "the record's type lacks the field \(type.label.description.excerpt)", at: offset)
      }
      result.append(CandidFieldValue(label: type.label, value: content))
    }
    return result
  }

  private func mismatch(
    _ value: CandidValue, _ type: TypeReference, _ table: TypeTable, _ offset: Int
  ) -> CandidError {
    CandidError(
      .typeMismatch,
      "a value of type \(value.kind) is no \(table.name(type)) as expected", at: offset)
  }
}
