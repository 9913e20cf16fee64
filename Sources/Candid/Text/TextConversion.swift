/// Gives written values their types.
struct TextConversion {
  /// The types expected.
  let table: TypeTable
  /// The types written behind values.
  let stated: TypeTable
  /// Values that are not written may be made: fields with defaults. A short text must not make
  /// more of them than a message may have.
  private var defaultsLeft = CandidLimits.standard.cost / 20

  init(_ table: TypeTable = TypeTable(), stated: TypeTable) {
    self.table = table
    self.stated = stated
  }

  mutating func value(
    _ node: TextNode, as type: TypeReference
  ) throws(CandidError) -> CandidValue {
    try value(node, as: type, in: table)
  }

  /// The value that is read for a missing one: for null, reserved and opt.
  mutating func missing(
    _ type: TypeReference, in table: TypeTable, at offset: Int
  ) throws(CandidError) -> CandidValue? {
    defaultsLeft -= 1
    guard defaultsLeft > 0 else {
      throw CandidError(
        .limitExceeded, "too many fields are left out: write fewer records at a time", at: offset)
    }
    if type == .null { return .null }
    if type == .reserved { return .reserved }
    if case .opt = table.entry(type) { return .opt(nil) }
    return nil
  }

  private mutating func value(
    _ node: TextNode, as type: TypeReference, in table: TypeTable
  ) throws(CandidError) -> CandidValue {
    switch (node.content, type) {
    case (.annotated(let inner, let own), _):
      return try coerced(value(inner, as: own, in: stated), to: type, in: table, at: node.offset)
    case (_, .reserved):
      _ = try inferred(node)
      return .reserved
    case (.number(let bytes), _) where type.code < 0:
      guard let value = TextNumber.value(bytes, as: type), !Self.isSignedNatural(bytes, value)
      else { throw mismatch(node, type, in: table) }
      return value
    case (.null, .null): return .null
    case (.bool(let flag), .bool): return .bool(flag)
    case (.text(let text), .text): return .text(text)
    case (.principal(let principal), .principal): return .principal(principal)
    case (.service(let principal), .principal): return .principal(principal)
    default:
      guard let entry = table.entry(type) else { throw mismatch(node, type, in: table) }
      return try composite(node, as: entry, of: type, in: table)
    }
  }

  /// A minus makes even zero an integer, which is no natural number.
  private static func isSignedNatural(_ bytes: [UInt8], _ value: CandidValue) -> Bool {
    guard bytes.first == UInt8(ascii: "-") else { return false }
    return switch value {
    case .nat, .nat8, .nat16, .nat32, .nat64: true
    default: false
    }
  }

  private mutating func composite(
    _ node: TextNode, as entry: TypeTable.Entry, of type: TypeReference, in table: TypeTable
  ) throws(CandidError) -> CandidValue {
    switch (entry, node.content) {
    case (.opt, .null): return .opt(nil)
    case (.opt(let inner), .opt(let content)):
      return .opt(try value(content, as: inner, in: table))
    case (.vec(.nat8), .blob(let bytes)): return .blob(bytes)
    case (.vec(.nat8), .vec(let elements)):
      var bytes: [UInt8] = []
      for element in elements {
        guard case .nat8(let byte) = try value(element, as: .nat8, in: table) else {
          throw mismatch(element, .nat8, in: table)
        }
        bytes.append(byte)
      }
      return .blob(bytes)
    case (.vec(let inner), .vec(let elements)):
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try value(element, as: inner, in: table)) }
      return .vec(values)
    case (.vec(let inner), .blob(let bytes)):
      var values: [CandidValue] = []
      for byte in bytes {
        let content = TextNode.Content.number(Array(String(byte).utf8))
        let element = TextNode(offset: node.offset, content: content)
        values.append(try value(element, as: inner, in: table))
      }
      return .vec(values)
    case (.record(let types), .record(let fields)):
      return .record(try record(fields, as: types, in: table, at: node.offset))
    case (.variant(let cases), .variant(let label, let payload)):
      let chosen = try Self.find(label, in: cases, at: node.offset)
      let payload = payload ?? TextNode(offset: node.offset, content: .null)
      return .variant(
        CandidFieldValue(
          label: chosen.label, value: try value(payload, as: chosen.type, in: table)))
    case (.function, .function(let principal, let method)):
      return .function(principal, method: method)
    case (.service, .service(let principal)):
      return .service(principal)
    default:
      throw mismatch(node, type, in: table)
    }
  }

  /// Fields that the type lacks are dropped, as a subtype's are.
  private mutating func record(
    _ fields: [(label: CandidLabel, value: TextNode)], as types: [TypeTable.Field],
    in table: TypeTable, at offset: Int
  ) throws(CandidError) -> [CandidFieldValue] {
    var result: [CandidFieldValue] = []
    result.reserveCapacity(min(types.count, fields.count))
    var rest = fields[...]
    for type in types {
      while let field = rest.first, field.label < type.label {
        _ = try inferred(field.value)
        rest.removeFirst()
      }
      let content: CandidValue
      if let field = rest.first, field.label == type.label {
        content = try value(field.value, as: type.type, in: table)
        rest.removeFirst()
      } else if let value = try missing(type.type, in: table, at: offset) {
        content = value
      } else {
        throw CandidError(
          .typeMismatch, "the record lacks the field \(type.label.description.excerpt)",
          at: offset)
      }
      result.append(CandidFieldValue(label: type.label, value: content))
    }
    for field in rest { _ = try inferred(field.value) }
    return result
  }

  static func find(
    _ label: CandidLabel, in cases: [TypeTable.Field], at offset: Int
  ) throws(CandidError) -> TypeTable.Field {
    var (low, high) = (0, cases.count)
    while low < high {
      let middle = (low + high) / 2
      if cases[middle].label < label { low = middle + 1 } else { high = middle }
    }
    guard low < cases.count, cases[low].label == label else {
      throw CandidError(
        .typeMismatch,
        "the variant expected has no case \(label.description.excerpt)", at: offset)
    }
    return cases[low]
  }

  private func mismatch(
    _ node: TextNode, _ type: TypeReference, in table: TypeTable
  ) -> CandidError {
    if case .number(let bytes) = node.content, !TextNumber.isFloat(bytes),
      TextNumber.integer(bytes) == nil
    {
      return CandidError(
        .limitExceeded,
        "an integer may have at most \(CandidLimits.integerBits) bits, about "
          + "\(CandidLimits.integerDigits) decimal digits", at: node.offset)
    }
    return CandidError(
      .typeMismatch, "\(node.kind) is written, \(table.name(type)) is expected", at: node.offset)
  }
}

/// Values without an expected type.
extension TextConversion {
  /// The value at the type that its form suggests: integers are `int`, others `float64`.
  mutating func inferred(_ node: TextNode) throws(CandidError) -> CandidValue {
    switch node.content {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .number(let bytes):
      if let integer = TextNumber.integer(bytes) { return .int(integer) }
      let type: TypeReference = TextNumber.isFloat(bytes) ? .float64 : .int
      guard let value = TextNumber.value(bytes, as: type) else {
        throw mismatch(node, type, in: table)
      }
      return value
    case .text(let text): return .text(text)
    case .blob(let bytes): return .blob(bytes)
    case .principal(let principal): return .principal(principal)
    case .service(let principal): return .service(principal)
    case .function(let principal, let method): return .function(principal, method: method)
    case .opt(let inner): return .opt(try inferred(inner))
    case .vec(let elements):
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try inferred(element)) }
      guard case .nat8 = values.first else { return .vec(values) }
      let bytes = values.compactMap { if case .nat8(let byte) = $0 { byte } else { nil } }
      return bytes.count == values.count ? .blob(bytes) : .vec(values)
    case .record(let fields):
      var values: [CandidFieldValue] = []
      values.reserveCapacity(fields.count)
      for field in fields {
        values.append(CandidFieldValue(label: field.label, value: try inferred(field.value)))
      }
      return .record(values)
    case .variant(let label, let payload):
      var value = CandidValue.null
      if let payload { value = try inferred(payload) }
      return .variant(CandidFieldValue(label: label, value: value))
    case .annotated(let inner, let own):
      return try value(inner, as: own, in: stated)
    }
  }
}
