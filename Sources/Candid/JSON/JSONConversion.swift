/// Gives JSON values Candid types.
struct JSONConversion {
  let table: TypeTable

  func value(_ node: JSONNode, as type: TypeReference) throws(CandidError) -> CandidValue {
    switch (node.content, type) {
    case (_, .reserved): return .reserved
    case (.null, .null): return .null
    case (.bool(let flag), .bool): return .bool(flag)
    case (.string(let text), .text): return .text(text)
    case (.string(let text), .principal): return .principal(try principal(text, node))
    case (.string(let text), _) where type == .float32 || type == .float64:
      guard let special = Self.special(text) else { throw mismatch(node, type) }
      return type == .float32 ? .float32(Float(special)) : .float64(special)
    case (.number(let bytes), _) where type.code < 0:
      let isFloat = type == .float32 || type == .float64
      guard let number = TextNumber.value(isFloat ? bytes : Self.whole(bytes), as: type) else {
        throw mismatch(node, type)
      }
      return number
    case (.string(let text), _) where type.code < 0:
      guard let number = CandidInteger(digits: text.utf8)?.value(as: type) else {
        throw mismatch(node, type)
      }
      return number
    default:
      guard let entry = table.entry(type) else { throw mismatch(node, type) }
      return try composite(node, as: entry, of: type)
    }
  }

  /// The digits of a number without a fraction of nothing: some languages write 1 as 1.0, and to
  /// JSON Schema both are whole.
  private static func whole(_ bytes: [UInt8]) -> [UInt8] {
    guard let point = bytes.firstIndex(of: UInt8(ascii: ".")),
      bytes[(point + 1)...].allSatisfy({ $0 == UInt8(ascii: "0") })
    else { return bytes }
    return Array(bytes[..<point])
  }

  private func composite(
    _ node: JSONNode, as entry: TypeTable.Entry, of type: TypeReference
  ) throws(CandidError) -> CandidValue {
    switch (entry, node.content) {
    case (.opt, .null): return .opt(nil)
    case (.opt(let inner), let content):
      guard table.hasDefault(inner) else { return .opt(try value(node, as: inner)) }
      guard case .array(let elements) = content, elements.count == 1 else {
        throw CandidError(
          .typeMismatch,
          "an opt of a type that has null itself is null, or an array with its value",
          at: node.offset)
      }
      return .opt(try value(elements[0], as: inner))
    case (.vec(.nat8), .string(let text)):
      guard let bytes = Base64.decode(text) else {
        throw CandidError(
          .typeMismatch, "a blob is written in base64, or as an array of numbers", at: node.offset)
      }
      return .blob(bytes)
    case (.vec(.nat8), .array(let elements)):
      var bytes: [UInt8] = []
      bytes.reserveCapacity(elements.count)
      for element in elements {
        guard case .nat8(let byte) = try value(element, as: .nat8) else {
          throw mismatch(element, .nat8)
        }
        bytes.append(byte)
      }
      return .blob(bytes)
    case (.vec(let inner), .array(let elements)):
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try value(element, as: inner)) }
      return .vec(values)
    case (.record(let types), .object(let members)):
      return .record(try record(members, as: types, at: node.offset))
    case (.variant(let cases), .string(let tag)):
      return try variant(
        tag, JSONNode(offset: node.offset, content: .null), as: cases, at: node.offset)
    case (.variant(let cases), .object(let members)) where members.count == 1:
      return try variant(members[0].name, members[0].value, as: cases, at: node.offset)
    case (.service, .string(let text)):
      return .service(try principal(text, node))
    case (.function, .object(let members)):
      return try function(members, node, type)
    default:
      throw mismatch(node, type)
    }
  }

  private func function(
    _ members: [JSONNode.Member], _ node: JSONNode, _ type: TypeReference
  ) throws(CandidError) -> CandidValue {
    guard members.count == 2,
      case .string(let service) = members.first(where: { $0.name == "service" })?.value.content,
      case .string(let method) = members.first(where: { $0.name == "method" })?.value.content
    else {
      throw CandidError(
        .typeMismatch, "a func is an object with a service and a method", at: node.offset)
    }
    return .function(try principal(service, node), method: method)
  }

  /// Members that the type lacks are dropped, as a subtype's are.
  private func record(
    _ members: [JSONNode.Member], as types: [TypeTable.Field], at offset: Int
  ) throws(CandidError) -> [CandidFieldValue] {
    var found: [(id: UInt32, value: JSONNode)] = []
    found.reserveCapacity(members.count)
    for member in members { found.append((Self.id(member.name, in: types), member.value)) }
    found.sort { $0.id < $1.id }
    var fields: [CandidFieldValue] = []
    fields.reserveCapacity(types.count)
    var next = 0
    for type in types {
      while next < found.count, found[next].id < type.label.id { next += 1 }
      let content: CandidValue
      if next < found.count, found[next].id == type.label.id {
        content = try value(found[next].value, as: type.type)
      } else if table.hasDefault(type.type) {
        content = try value(JSONNode(offset: offset, content: .null), as: type.type)
      } else {
        throw CandidError(.typeMismatch, "the field \(type.label) is missing", at: offset)
      }
      fields.append(CandidFieldValue(label: type.label, value: content))
    }
    return fields
  }

  private func variant(
    _ tag: String, _ payload: JSONNode, as cases: [TypeTable.Field], at offset: Int
  ) throws(CandidError) -> CandidValue {
    let id = Self.id(tag, in: cases)
    guard let chosen = cases.first(where: { $0.label.id == id }) else {
      let known = cases.prefix(8).map(\.label.description).joined(separator: ", ")
      throw CandidError(
        .typeMismatch, "the variant has no case \(tag); it has \(known)", at: offset)
    }
    return .variant(
      CandidFieldValue(label: chosen.label, value: try value(payload, as: chosen.type)))
  }

  /// A number names the field with that id, unless a field really has it as its name.
  private static func id(_ name: String, in fields: [TypeTable.Field]) -> UInt32 {
    let hash = CandidLabel.hash(name)
    guard let first = name.utf8.first, (48...57).contains(first), let id = UInt32(name),
      !fields.contains(where: { $0.label.id == hash })
    else {
      return hash
    }
    return id
  }

  private func principal(
    _ text: String, _ node: JSONNode
  ) throws(CandidError) -> Principal {
    do {
      return try Principal(text: text)
    } catch {
      throw CandidError(.typeMismatch, error.message, at: node.offset)
    }
  }

  /// The floats that JSON numbers cannot say; other numbers may be strings too.
  private static func special(_ text: String) -> Double? {
    switch text {
    case "NaN": .nan
    case "Infinity": .infinity
    case "-Infinity": -.infinity
    default: nil
    }
  }

  private func mismatch(_ node: JSONNode, _ type: TypeReference) -> CandidError {
    CandidError(
      .typeMismatch, "\(node.kind) is given, \(table.name(type)) is expected", at: node.offset)
  }
}
