/// The start of a binary message: `DIDL`, the type table and the argument types
/// (Candid spec, "Binary Format", "Parameters and Results").
enum BinaryHeader {
  static let magic: [UInt8] = [0x44, 0x49, 0x44, 0x4c]

  static func encode(_ table: TypeTable, _ arguments: [TypeReference]) -> [UInt8] {
    var bytes = magic
    bytes.appendLEB128(UInt64(table.entries.count))
    for entry in table.entries { append(entry, to: &bytes) }
    append(arguments, to: &bytes)
    return bytes
  }

  private static func append(_ entry: TypeTable.Entry, to bytes: inout [UInt8]) {
    switch entry {
    case .opt(let inner):
      bytes.appendSLEB128(TypeTable.Opcode.opt)
      append(inner, to: &bytes)
    case .vec(let element):
      bytes.appendSLEB128(TypeTable.Opcode.vec)
      append(element, to: &bytes)
    case .record(let fields):
      bytes.appendSLEB128(TypeTable.Opcode.record)
      append(fields, to: &bytes)
    case .variant(let cases):
      bytes.appendSLEB128(TypeTable.Opcode.variant)
      append(cases, to: &bytes)
    case .function(let parameters, let results, let annotations):
      bytes.appendSLEB128(TypeTable.Opcode.function)
      append(parameters, to: &bytes)
      append(results, to: &bytes)
      bytes.appendLEB128(UInt64(annotations.count))
      for annotation in annotations { bytes.append(annotation.rawValue) }
    case .service(let methods):
      bytes.appendSLEB128(TypeTable.Opcode.service)
      bytes.appendLEB128(UInt64(methods.count))
      for method in methods {
        bytes.appendLEB128(UInt64(method.name.utf8.count))
        bytes.append(contentsOf: method.name.utf8)
        append(method.type, to: &bytes)
      }
    case .future:
      // A compiled table has none; a type of a later version is never sent.
      bytes.appendSLEB128(Int64(TypeReference.empty.code))
    }
  }

  private static func append(_ fields: [TypeTable.Field], to bytes: inout [UInt8]) {
    bytes.appendLEB128(UInt64(fields.count))
    for field in fields {
      bytes.appendLEB128(UInt64(field.label.id))
      append(field.type, to: &bytes)
    }
  }

  private static func append(_ types: [TypeReference], to bytes: inout [UInt8]) {
    bytes.appendLEB128(UInt64(types.count))
    for type in types { append(type, to: &bytes) }
  }

  private static func append(_ type: TypeReference, to bytes: inout [UInt8]) {
    bytes.appendSLEB128(Int64(type.code))
  }
}
