/// Writes values at the types of a table.
struct BinaryWriter {
  let table: TypeTable

  func write(
    _ value: CandidValue, as type: TypeReference, into encoder: inout CandidEncoder
  ) throws(CandidError) {
    if type == .reserved { return }
    switch value {
    case .null where type == .null: break
    case .bool(let flag) where type == .bool: encoder.write(bool: flag)
    case .text(let text) where type == .text: encoder.write(text: text)
    case .nat(let number) where type == .nat: try encoder.write(nat: number)
    case .int(let number) where type == .int: encoder.write(int: number)
    case .nat(let number) where type == .int && !number.isNegative: encoder.write(int: number)
    case .nat8(let number) where type == .nat8: encoder.write(fixed: number)
    case .nat16(let number) where type == .nat16: encoder.write(fixed: number)
    case .nat32(let number) where type == .nat32: encoder.write(fixed: number)
    case .nat64(let number) where type == .nat64: encoder.write(fixed: number)
    case .int8(let number) where type == .int8: encoder.write(fixed: number)
    case .int16(let number) where type == .int16: encoder.write(fixed: number)
    case .int32(let number) where type == .int32: encoder.write(fixed: number)
    case .int64(let number) where type == .int64: encoder.write(fixed: number)
    case .float32(let number) where type == .float32: encoder.write(fixed: number.bitPattern)
    case .float64(let number) where type == .float64: encoder.write(fixed: number.bitPattern)
    case .principal(let principal) where type == .principal: encoder.write(principal: principal)
    default:
      guard let entry = table.entry(type) else {
        throw CandidError(
          .typeMismatch, "\(value.kind) cannot be encoded as \(table.name(type))")
      }
      try encoder.enter()
      try write(value, as: entry, of: type, into: &encoder)
      encoder.leave()
    }
  }

  private func write(
    _ value: CandidValue, as entry: TypeTable.Entry, of type: TypeReference,
    into encoder: inout CandidEncoder
  ) throws(CandidError) {
    switch (entry, value) {
    case (.record(let types), .record(let fields)):
      try write(fields, as: types, into: &encoder)
    case (.variant(let cases), .variant(let chosen)):
      guard let index = cases.firstIndex(where: { $0.label == chosen.label }) else {
        throw CandidError(
          .typeMismatch, "the variant's type has no case \(chosen.label)")
      }
      encoder.write(leb128: UInt64(index))
      try write(chosen.value, as: cases[index].type, into: &encoder)
    case (.opt, .null), (.opt, .opt(nil)):
      encoder.write(isPresent: false)
    case (.opt(let inner), .opt(let value?)):
      encoder.write(isPresent: true)
      try write(value, as: inner, into: &encoder)
    case (.vec(let element), .blob(let blob)) where element == .nat8:
      blob.withUnsafeBytes { encoder.write(blob: $0) }
    case (.vec(let element), .vec(let values)):
      encoder.write(leb128: UInt64(values.count))
      for value in values { try write(value, as: element, into: &encoder) }
    case (.function, .function(let principal, let method)):
      encoder.write(function: principal, method: method)
    case (.service, .service(let principal)):
      encoder.write(principal: principal)
    default:
      throw CandidError(.typeMismatch, "\(value.kind) cannot be encoded as \(table.name(type))")
    }
  }

  /// Both are in ascending order of ids; fields that the type lacks are not sent.
  private func write(
    _ fields: [CandidFieldValue], as types: [TypeTable.Field], into encoder: inout CandidEncoder
  ) throws(CandidError) {
    var next = 0
    for type in types {
      while next < fields.count, fields[next].label < type.label { next += 1 }
      if next < fields.count, fields[next].label == type.label {
        try write(fields[next].value, as: type.type, into: &encoder)
        next += 1
      } else if table.hasDefault(type.type) {
        try write(.null, as: type.type, into: &encoder)
      } else {
        throw CandidError(.typeMismatch, "the record lacks the field \(type.label)")
      }
    }
  }
}
