/// Writes values at the types of a table.
struct BinaryWriter {
  let table: TypeTable
  var bytes: [UInt8]

  mutating func write(
    _ value: CandidValue, as type: TypeReference, depth: Int
  ) throws(CandidError) {
    if type == .reserved { return }
    switch value {
    case .null where type == .null: break
    case .bool(let flag) where type == .bool: bytes.append(flag ? 1 : 0)
    case .text(let text) where type == .text: write(text)
    case .nat(let number) where type == .nat && !number.isNegative: bytes.appendLEB128(number)
    case .int(let number) where type == .int: bytes.appendSLEB128(number)
    case .nat(let number) where type == .int && !number.isNegative: bytes.appendSLEB128(number)
    case .nat8(let number) where type == .nat8: bytes.append(number)
    case .nat16(let number) where type == .nat16: write(number)
    case .nat32(let number) where type == .nat32: write(number)
    case .nat64(let number) where type == .nat64: write(number)
    case .int8(let number) where type == .int8: bytes.append(UInt8(bitPattern: number))
    case .int16(let number) where type == .int16: write(number)
    case .int32(let number) where type == .int32: write(number)
    case .int64(let number) where type == .int64: write(number)
    case .float32(let number) where type == .float32: write(number.bitPattern)
    case .float64(let number) where type == .float64: write(number.bitPattern)
    case .principal(let principal) where type == .principal: write(principal)
    default:
      guard let entry = table.entry(type) else {
        throw CandidError(
          .typeMismatch, "\(value.kind) cannot be encoded as \(table.name(type))")
      }
      guard depth > 0 else {
        throw CandidError(.limitExceeded, "the value is nested too deeply to be encoded")
      }
      try write(value, as: entry, of: type, depth: depth - 1)
    }
  }

  private mutating func write(
    _ value: CandidValue, as entry: TypeTable.Entry, of type: TypeReference, depth: Int
  ) throws(CandidError) {
    switch (entry, value) {
    case (.record(let types), .record(let fields)):
      try write(fields, as: types, depth: depth)
    case (.variant(let cases), .variant(let chosen)):
      guard let index = cases.firstIndex(where: { $0.label == chosen.label }) else {
        throw CandidError(
          .typeMismatch, "the variant's type has no case \(chosen.label)")
      }
      bytes.appendLEB128(UInt64(index))
      try write(chosen.value, as: cases[index].type, depth: depth)
    case (.opt, .null), (.opt, .opt(nil)):
      bytes.append(0)
    case (.opt(let inner), .opt(let value?)):
      bytes.append(1)
      try write(value, as: inner, depth: depth)
    case (.vec(let element), .blob(let blob)) where element == .nat8:
      bytes.appendLEB128(UInt64(blob.count))
      bytes.append(contentsOf: blob)
    case (.vec(let element), .vec(let values)):
      bytes.appendLEB128(UInt64(values.count))
      for value in values { try write(value, as: element, depth: depth) }
    case (.function, .function(let principal, let method)):
      bytes.append(1)
      write(principal)
      write(method)
    case (.service, .service(let principal)):
      write(principal)
    default:
      throw CandidError(.typeMismatch, "\(value.kind) cannot be encoded as \(table.name(type))")
    }
  }

  /// Both are in ascending order of ids; fields that the type lacks are not sent.
  private mutating func write(
    _ fields: [CandidFieldValue], as types: [TypeTable.Field], depth: Int
  ) throws(CandidError) {
    var next = 0
    for type in types {
      while next < fields.count, fields[next].label < type.label { next += 1 }
      if next < fields.count, fields[next].label == type.label {
        try write(fields[next].value, as: type.type, depth: depth)
        next += 1
      } else if table.hasDefault(type.type) {
        try write(.null, as: type.type, depth: depth)
      } else {
        throw CandidError(.typeMismatch, "the record lacks the field \(type.label)")
      }
    }
  }

  private mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      bytes.appendLEB128(UInt64(utf8.count))
      bytes.append(contentsOf: utf8)
    }
  }

  private mutating func write(_ principal: Principal) {
    bytes.append(1)
    bytes.append(UInt8(truncatingIfNeeded: principal.count))
    principal.append(to: &bytes)
  }

  private mutating func write(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
