/// Gives written values their types.
struct TextConversion {
  let signature: CandidSignature
  private var table: TypeTable { signature.table }

  init(_ signature: CandidSignature) { self.signature = signature }

  func value(_ node: TextNode, as type: TypeReference) throws(CandidError) -> CandidValue {
    switch (node.content, type) {
    case (.annotated(let inner, let stated), _):
      return try annotated(inner, stated, as: type)
    case (.number(let bytes), _) where type.code < 0 && type != .reserved:
      guard let value = Self.number(bytes, as: type) else { throw mismatch(node, type) }
      return value
    case (.null, .null): return .null
    case (_, .reserved): return .reserved
    case (.bool(let flag), .bool): return .bool(flag)
    case (.string(let bytes), .text): return .text(try Self.text(bytes, node.offset))
    case (.principal(let principal), .principal): return .principal(principal)
    case (.service(let principal), .principal): return .principal(principal)
    default:
      guard let entry = table.entry(type) else { throw mismatch(node, type) }
      return try composite(node, as: entry, of: type)
    }
  }

  private func composite(
    _ node: TextNode, as entry: TypeTable.Entry, of type: TypeReference
  ) throws(CandidError) -> CandidValue {
    switch (entry, node.content) {
    case (.opt, .null): return .opt(nil)
    case (.opt(let inner), .opt(let content)): return .opt(try value(content, as: inner))
    case (.vec(.nat8), .blob(let bytes)): return .blob(bytes)
    case (.vec(.nat8), .vec(let elements)):
      var bytes: [UInt8] = []
      for element in elements {
        guard case .nat8(let byte) = try value(element, as: .nat8) else {
          throw mismatch(element, .nat8)
        }
        bytes.append(byte)
      }
      return .blob(bytes)
    case (.vec(let inner), .vec(let elements)):
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try value(element, as: inner)) }
      return .vec(values)
    case (.vec(let inner), .blob(let bytes)):
      var values: [CandidValue] = []
      for byte in bytes {
        let content = TextNode.Content.number(Array(String(byte).utf8))
        values.append(try value(TextNode(offset: node.offset, content: content), as: inner))
      }
      return .vec(values)
    case (.record(let types), .record(let fields)):
      return .record(try record(fields, as: types, at: node.offset))
    case (.variant(let cases), .variant(let label, let payload)):
      guard let chosen = cases.first(where: { $0.label == label }) else {
        throw CandidError(
          .typeMismatch, "the variant expected has no case \(label)", at: node.offset)
      }
      let payload = payload ?? TextNode(offset: node.offset, content: .null)
      return .variant(
        CandidFieldValue(label: chosen.label, value: try value(payload, as: chosen.type)))
    case (.function, .function(let principal, let method)):
      return .function(principal, method: method)
    case (.service, .service(let principal)):
      return .service(principal)
    default:
      throw mismatch(node, type)
    }
  }

  /// Fields that the type lacks are dropped, as a subtype's are.
  private func record(
    _ fields: [(label: CandidLabel, value: TextNode)], as types: [TypeTable.Field], at offset: Int
  ) throws(CandidError) -> [CandidFieldValue] {
    var result: [CandidFieldValue] = []
    result.reserveCapacity(types.count)
    var next = 0
    for type in types {
      while next < fields.count, fields[next].label < type.label { next += 1 }
      let content: CandidValue
      if next < fields.count, fields[next].label == type.label {
        content = try value(fields[next].value, as: type.type)
        next += 1
      } else if table.hasDefault(type.type) {
        content = try value(TextNode(offset: offset, content: .null), as: type.type)
      } else {
        throw CandidError(.typeMismatch, "the record lacks the field \(type.label)", at: offset)
      }
      result.append(CandidFieldValue(label: type.label, value: content))
    }
    return result
  }

  /// A value with a type of its own, which must be a subtype of the one expected.
  private func annotated(
    _ node: TextNode, _ stated: CandidType, as type: TypeReference
  ) throws(CandidError) -> CandidValue {
    if type.code < 0, TypeCompiler.primitive(stated) == type { return try value(node, as: type) }
    let own = try CandidSignature([stated], in: signature.environment)
    guard let reference = own.arguments.first else { throw mismatch(node, type) }
    let value = try TextConversion(own).value(node, as: reference)
    var checker = SubtypeChecker(own.table, table)
    guard try checker.decide(reference, type) else {
      throw CandidError(
        .typeMismatch,
        "a value of type \(own.table.name(reference)) is no \(table.name(type)) as expected",
        at: node.offset)
    }
    let message = try CandidBinary.encode([value], as: own)
    let coerced = try CandidBinary.decode(message, as: CandidSignature(type, of: signature))
    return coerced.first ?? value
  }

  private func mismatch(_ node: TextNode, _ type: TypeReference) -> CandidError {
    CandidError(
      .typeMismatch, "\(node.kind) is written, \(table.name(type)) is expected", at: node.offset)
  }

  static func text(_ bytes: [UInt8], _ offset: Int) throws(CandidError) -> String {
    guard let text = String(utf8: bytes) else {
      throw CandidError(
        .syntax, "the string is not UTF-8; bytes are written as blob \"…\"", at: offset)
    }
    return text
  }

  /// Nil when the number is malformed or out of the type's range.
  static func number(_ bytes: [UInt8], as type: TypeReference) -> CandidValue? {
    switch type {
    case .float32:
      guard let number = Float(String(decoding: bytes, as: UTF8.self)) else { return nil }
      return isOverflow(number, bytes) ? nil : .float32(number)
    case .float64:
      guard let number = Double(String(decoding: bytes, as: UTF8.self)) else { return nil }
      return isOverflow(number, bytes) ? nil : .float64(number)
    default: break
    }
    guard let integer = TextParser.integer(bytes) else { return nil }
    switch type {
    case .nat: return integer.isNegative ? nil : .nat(integer)
    case .int: return .int(integer)
    default: return integer.value(as: type)
    }
  }

  /// Whether digits too many for the type became infinity, which has a word of its own.
  private static func isOverflow(_ number: some BinaryFloatingPoint, _ bytes: [UInt8]) -> Bool {
    number.isInfinite && !bytes.contains(UInt8(ascii: "n"))
  }
}

extension CandidInteger {
  /// As a value of a type with a fixed width; nil when it is out of range or the type is another.
  func value(as type: TypeReference) -> CandidValue? {
    switch type {
    case .nat: isNegative ? nil : .nat(self)
    case .int: .int(self)
    case .nat8: exactly(UInt8.self).map { .nat8($0) }
    case .nat16: exactly(UInt16.self).map { .nat16($0) }
    case .nat32: exactly(UInt32.self).map { .nat32($0) }
    case .nat64: exactly(UInt64.self).map { .nat64($0) }
    case .int8: exactly(Int8.self).map { .int8($0) }
    case .int16: exactly(Int16.self).map { .int16($0) }
    case .int32: exactly(Int32.self).map { .int32($0) }
    case .int64: exactly(Int64.self).map { .int64($0) }
    default: nil
    }
  }
}

extension TextNode {
  /// What is written, for messages.
  var kind: String {
    switch content {
    case .null: "null"
    case .bool: "a bool"
    case .number(let bytes): "the number \(String(decoding: bytes.prefix(40), as: UTF8.self))"
    case .string: "a text"
    case .blob: "a blob"
    case .principal: "a principal"
    case .service: "a service"
    case .function: "a func"
    case .opt: "an opt"
    case .vec: "a vec"
    case .record: "a record"
    case .variant: "a variant"
    case .annotated: "a value"
    }
  }

  /// The value at the type that its form suggests: integers are `int`, others `float64`.
  func inferred() throws(CandidError) -> CandidValue {
    switch content {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .number(let bytes):
      if let integer = TextParser.integer(bytes) { return .int(integer) }
      guard let value = TextConversion.number(bytes, as: .float64) else {
        throw CandidError(.syntax, "\(kind) is malformed or too long", at: offset)
      }
      return value
    case .string(let bytes): return .text(try TextConversion.text(bytes, offset))
    case .blob(let bytes): return .blob(bytes)
    case .principal(let principal): return .principal(principal)
    case .service(let principal): return .service(principal)
    case .function(let principal, let method): return .function(principal, method: method)
    case .opt(let inner): return .opt(try inner.inferred())
    case .vec(let elements):
      var values: [CandidValue] = []
      for element in elements { values.append(try element.inferred()) }
      let bytes = values.compactMap { if case .nat8(let byte) = $0 { byte } else { nil } }
      return bytes.count == values.count && !bytes.isEmpty ? .blob(bytes) : .vec(values)
    case .record(let fields):
      var values: [CandidFieldValue] = []
      for field in fields {
        values.append(CandidFieldValue(label: field.label, value: try field.value.inferred()))
      }
      return .record(values)
    case .variant(let label, let payload):
      return .variant(CandidFieldValue(label: label, value: try payload?.inferred() ?? .null))
    case .annotated(let node, let type):
      let signature = try CandidSignature([type])
      return try TextConversion(signature).value(node, as: signature.arguments[0])
    }
  }
}
