/// Gives values that were written without regard to a type the type that is wanted.
struct CodableShape {
  let environment: CandidTypeEnvironment

  func value(
    _ value: CandidValue, as type: CandidType, at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    let type = try environment.resolve(type)
    switch (type, value) {
    case (.null, _) where value.isNil: return .null
    case (.reserved, _): return .reserved
    case (.bool, .bool), (.text, .text), (.principal, .principal), (.function, .function),
      (.service, .service), (.float32, .float32), (.float64, .float64):
      return value
    case (.principal, .service(let principal)): return .principal(principal)
    case (.service, .principal(let principal)): return .service(principal)
    case (.principal, .text(let text)):
      guard let principal = Principal(text) else { break }
      return .principal(principal)
    case (.float64, .float32(let number)): return .float64(Double(number))
    case (.float32, .float64(let number)):
      let narrow = Float(number)
      guard narrow.isFinite || !number.isFinite else { break }
      return .float32(narrow)
    default:
      if let number = value.integer { return try integer(number, value, as: type, at: path) }
      return try composite(value, as: type, at: path)
    }
    throw path.error(.typeMismatch, "the \(value.kind) is no \(type)")
  }

  private func integer(
    _ number: CandidInteger, _ value: CandidValue, as type: CandidType, at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    let result: CandidValue? =
      switch type {
      case .nat: number.isNegative ? nil : .nat(number)
      case .int: .int(number)
      case .nat8: number.exactly(UInt8.self).map { .nat8($0) }
      case .nat16: number.exactly(UInt16.self).map { .nat16($0) }
      case .nat32: number.exactly(UInt32.self).map { .nat32($0) }
      case .nat64: number.exactly(UInt64.self).map { .nat64($0) }
      case .int8: number.exactly(Int8.self).map { .int8($0) }
      case .int16: number.exactly(Int16.self).map { .int16($0) }
      case .int32: number.exactly(Int32.self).map { .int32($0) }
      case .int64: number.exactly(Int64.self).map { .int64($0) }
      default: try composite(value, as: type, at: path)
      }
    guard let result else {
      throw path.error(.typeMismatch, "the number is out of the range of \(type)")
    }
    return result
  }

  private func composite(
    _ value: CandidValue, as type: CandidType, at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    try path.expectDepthAllowed()
    switch (type, value) {
    case (.opt, _) where value.isNil: return .opt(nil)
    case (.opt(let inner), .opt(let content?)):
      return .opt(try self.value(content, as: inner, at: path.appending(nil)))
    case (.opt(let inner), _):
      return .opt(try self.value(value, as: inner, at: path.appending(nil)))
    case (.vec(let element), .blob(let bytes)):
      if try environment.resolve(element) == .nat8 { return value }
      return try list(bytes.map { .nat8($0) }, of: element, at: path)
    case (.vec(let element), .vec(let values)): return try list(values, of: element, at: path)
    case (.record(let types), .record(let fields)):
      return try record(fields, as: types, at: path)
    case (.record(let types), .vec(let values)):
      let fields = zip(UInt32(0)..., values).map {
        CandidFieldValue(label: CandidLabel(id: $0), value: $1)
      }
      return try record(fields, as: types, at: path)
    case (.variant(let cases), .text(let name)):
      return try variant(CandidFieldValue(name, .null), of: cases, at: path)
    case (.variant(let cases), .variant(let chosen)):
      return try variant(chosen, of: cases, at: path)
    case (.variant(let cases), .record(let fields)) where fields.count == 1:
      return try variant(fields[0], of: cases, at: path)
    default: throw path.mismatch(value, "\(type)")
    }
  }

  private func list(
    _ values: [CandidValue], of element: CandidType, at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    let element = try environment.resolve(element)
    var result: [CandidValue] = []
    result.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      result.append(
        try self.value(value, as: element, at: path.appending(CodableKey(intValue: index))))
    }
    guard element == .nat8 else { return .vec(result) }
    return .blob(result.compactMap { if case .nat8(let byte) = $0 { byte } else { nil } })
  }

  private func record(
    _ fields: [CandidFieldValue], as types: [CandidField], at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    var result: [CandidFieldValue] = []
    result.reserveCapacity(types.count)
    for type in types {
      let value = fields.value(of: type.label) ?? .null
      result.append(
        CandidFieldValue(
          label: type.label,
          value: try self.value(value, as: type.type, at: path.appending(type.label))))
    }
    result.sort { $0.label < $1.label }
    return .record(result)
  }

  private func variant(
    _ chosen: CandidFieldValue, of cases: [CandidField], at path: CodablePath
  ) throws(CandidError) -> CandidValue {
    guard let found = cases.first(where: { $0.label == chosen.label }) else {
      let known = cases.prefix(8).map(\.label.description).joined(separator: ", ")
      throw path.error(
        .typeMismatch, "the variant has no case \(chosen.label); it has \(known)")
    }
    let type = try environment.resolve(found.type)
    let payload = try value(
      Self.payload(chosen.value, for: type), as: type, at: path.appending(found.label))
    return .variant(CandidFieldValue(label: found.label, value: payload))
  }

  /// A case's values come as a record with the labels, or `_0`, `_1` and so on where there are
  /// none. No value is null, one without label stands for itself, several are numbered fields.
  private static func payload(_ value: CandidValue, for type: CandidType) -> CandidValue {
    guard case .record(let fields) = value else { return value }
    guard case .record(let types) = type else {
      if fields.isEmpty { return .null }
      return fields.count == 1 && position(fields[0].label) == 0 ? fields[0].value : value
    }
    let positions = fields.map { position($0.label) }
    guard !positions.contains(nil), !types.contains(where: { position($0.label) != nil }) else {
      return value
    }
    if positions == [0], !types.contains(where: { $0.label.id == 0 }) { return fields[0].value }
    let numbered = zip(positions, fields).map {
      CandidFieldValue(label: CandidLabel(id: $0 ?? 0), value: $1.value)
    }
    return .record(numbered.sorted { $0.label < $1.label })
  }

  /// The number in the name that stands for a missing label, `_0` to `_9999`.
  static func position(_ label: CandidLabel) -> UInt32? {
    guard let name = label.name, name.utf8.count <= 5, name.hasPrefix("_") else { return nil }
    return UInt32(name.dropFirst())
  }
}

extension [CandidFieldValue] {
  /// Finds a field among those in ascending order of ids.
  func value(of label: CandidLabel) -> CandidValue? {
    var range = startIndex..<endIndex
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if self[middle].label == label { return self[middle].value }
      range =
        self[middle].label < label
        ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return nil
  }
}
