/// Reads a message's values, coercing each from its type on the wire to the type expected
/// (Candid spec, "Deserialisation", "Coercion").
struct BinaryReader {
  private var cursor: ByteCursor
  private let wire: TypeTable
  private let expected: TypeTable
  private let limits: CandidLimits
  private var stepsLeft: Int

  /// Reads a whole message: values missing at the end become null where the type allows it, values
  /// beyond the expected ones are checked and dropped, bytes beyond are refused.
  static func read(
    _ bytes: UnsafeRawBufferPointer, as signature: CandidSignature?, limits: CandidLimits
  ) throws(CandidError) -> [CandidValue] {
    var cursor = ByteCursor(bytes)
    let wire: (table: TypeTable, arguments: [TypeReference])
    if let signature, cursor.starts(with: signature.header) {
      // The sender's types are exactly ours: nothing to parse.
      _ = try cursor.take(UInt64(signature.header.count))
      wire = (signature.table, signature.arguments)
    } else {
      wire = try BinaryHeaderReader.read(&cursor, limits: limits)
    }
    var reader = BinaryReader(
      cursor: cursor, wire: wire.table, expected: signature?.table ?? wire.table, limits: limits,
      stepsLeft: limits.steps + bytes.count)
    return try reader.values(wire.arguments, as: signature?.arguments ?? wire.arguments)
  }

  private mutating func values(
    _ sent: [TypeReference], as wanted: [TypeReference]
  ) throws(CandidError) -> [CandidValue] {
    var values: [CandidValue] = []
    values.reserveCapacity(wanted.count)
    for (index, type) in wanted.enumerated() {
      if index < sent.count {
        values.append(try value(sent[index], as: type, depth: limits.depth))
      } else {
        values.append(try missing(type, "the argument \(index + 1)"))
      }
    }
    for type in sent.dropFirst(wanted.count) { try skip(type, depth: limits.depth) }
    guard cursor.remaining == 0 else {
      throw CandidError(
        .malformed, "\(cursor.remaining) bytes follow the last value", at: cursor.position)
    }
    return values
  }

  private mutating func step(_ depth: Int) throws(CandidError) {
    stepsLeft &-= 1
    guard stepsLeft >= 0, depth > 0 else {
      throw CandidError(
        .limitExceeded,
        depth > 0
          ? "the message has too many values for its size"
          : "the message nests values more than \(limits.depth) deep", at: cursor.position)
    }
  }

  private mutating func value(
    _ sent: TypeReference, as wanted: TypeReference, depth: Int
  ) throws(CandidError) -> CandidValue {
    try step(depth)
    if wanted.code >= 0 { return try composite(sent, as: wanted, depth: depth - 1) }
    switch wanted {
    case sent:
      return try primitive(wanted)
    case .reserved:
      try skip(sent, depth: depth - 1)
      return .reserved
    case .int where sent == .nat:
      return .int(try cursor.integer(isSigned: false))
    case .principal:
      guard case .service = wire.entry(sent) else { throw mismatch(sent, wanted) }
      return .principal(try cursor.principal())
    default:
      guard sent != .empty else { throw emptyValue }
      throw mismatch(sent, wanted)
    }
  }

  private mutating func primitive(_ type: TypeReference) throws(CandidError) -> CandidValue {
    switch type {
    case .null: return .null
    case .reserved: return .reserved
    case .bool:
      let byte = try cursor.byte()
      guard byte <= 1 else {
        throw CandidError(.malformed, "a bool is 0 or 1, not \(byte)", at: cursor.position - 1)
      }
      return .bool(byte == 1)
    case .nat: return .nat(try cursor.integer(isSigned: false))
    case .int: return .int(try cursor.integer(isSigned: true))
    case .nat8: return .nat8(try cursor.byte())
    case .nat16: return .nat16(try cursor.fixed())
    case .nat32: return .nat32(try cursor.fixed())
    case .nat64: return .nat64(try cursor.fixed())
    case .int8: return .int8(Int8(bitPattern: try cursor.byte()))
    case .int16: return .int16(try cursor.fixed())
    case .int32: return .int32(try cursor.fixed())
    case .int64: return .int64(try cursor.fixed())
    case .float32: return .float32(Float(bitPattern: try cursor.fixed()))
    case .float64: return .float64(Double(bitPattern: try cursor.fixed()))
    case .text: return .text(try cursor.text())
    case .principal: return .principal(try cursor.principal())
    default: throw emptyValue
    }
  }

  private mutating func composite(
    _ sent: TypeReference, as wanted: TypeReference, depth: Int
  ) throws(CandidError) -> CandidValue {
    guard let wantedEntry = expected.entry(wanted) else { throw mismatch(sent, wanted) }
    if case .opt(let inner) = wantedEntry {
      return .opt(try optional(sent, as: inner, depth: depth))
    }
    guard let sentEntry = wire.entry(sent) else {
      throw sent == .empty ? emptyValue : mismatch(sent, wanted)
    }
    switch (sentEntry, wantedEntry) {
    case (.record(let sent), .record(let wanted)):
      return .record(try record(sent, as: wanted, depth: depth))
    case (.variant(let cases), .variant(let wanted)):
      return .variant(try variant(cases, as: wanted, depth: depth))
    case (.vec(let sent), .vec(let wanted)):
      return try vector(sent, as: wanted, depth: depth)
    case (.function, .function):
      try checkSubtype(sent, wanted)
      let principal = try functionPrincipal()
      return .function(principal, method: try cursor.text())
    case (.service, .service):
      try checkSubtype(sent, wanted)
      return .service(try cursor.principal())
    case (.future, .future):
      try skip(sent, depth: depth)
      return .reserved
    default:
      throw mismatch(sent, wanted)
    }
  }

  private mutating func functionPrincipal() throws(CandidError) -> Principal {
    let start = cursor.position
    guard try cursor.byte() == 1 else {
      throw CandidError(.malformed, "a func reference must start with the byte 1", at: start)
    }
    return try cursor.principal()
  }

  /// The special rule of opt: what cannot be coerced to the inner type is null.
  private mutating func optional(
    _ sent: TypeReference, as inner: TypeReference, depth: Int
  ) throws(CandidError) -> CandidValue? {
    if sent == .null || sent == .reserved { return nil }
    var content = sent
    if case .opt(let sentInner) = wire.entry(sent) {
      guard try cursor.optTag() else { return nil }
      content = sentInner
    }
    let start = cursor.position
    do {
      return try value(content, as: inner, depth: depth)
    } catch {
      guard error.code == .typeMismatch else { throw error }
      cursor.rewind(to: start)
      try skip(content, depth: depth)
      return nil
    }
  }

  private mutating func record(
    _ sent: [TypeTable.Field], as wanted: [TypeTable.Field], depth: Int
  ) throws(CandidError) -> [CandidFieldValue] {
    var fields: [CandidFieldValue] = []
    fields.reserveCapacity(wanted.count)
    var next = 0
    for field in wanted {
      while next < sent.count, sent[next].label < field.label {
        try skip(sent[next].type, depth: depth)
        next += 1
      }
      let content: CandidValue
      if next < sent.count, sent[next].label == field.label {
        content = try value(sent[next].type, as: field.type, depth: depth)
        next += 1
      } else {
        content = try missing(field.type, "the field \(field.label)")
      }
      fields.append(CandidFieldValue(label: field.label, value: content))
    }
    while next < sent.count {
      try skip(sent[next].type, depth: depth)
      next += 1
    }
    return fields
  }

  private mutating func variant(
    _ cases: [TypeTable.Field], as wanted: [TypeTable.Field], depth: Int
  ) throws(CandidError) -> CandidFieldValue {
    let chosen = try cursor.chosenCase(of: cases)
    guard let target = wanted.first(where: { $0.label == chosen.label }) else {
      throw CandidError(
        .typeMismatch, "the variant expected has no case \(chosen.label)", at: cursor.position)
    }
    return CandidFieldValue(
      label: target.label, value: try value(chosen.type, as: target.type, depth: depth))
  }

  private mutating func vector(
    _ sent: TypeReference, as wanted: TypeReference, depth: Int
  ) throws(CandidError) -> CandidValue {
    let count = try cursor.leb128()
    if wanted == .nat8 {
      if count == 0 { return .blob([]) }
      guard sent == .nat8 else {
        throw sent == .empty ? emptyValue : mismatch(sent, wanted)
      }
      return .blob([UInt8](try cursor.take(count)))
    }
    var values: [CandidValue] = []
    values.reserveCapacity(Int(min(count, UInt64(cursor.remaining))))
    var left = count
    while left > 0 {
      values.append(try value(sent, as: wanted, depth: depth))
      left -= 1
    }
    return .vec(values)
  }

  private func missing(
    _ type: TypeReference, _ what: String
  ) throws(CandidError) -> CandidValue {
    if type == .null { return .null }
    if type == .reserved { return .reserved }
    if case .opt = expected.entry(type) { return .opt(nil) }
    throw CandidError(
      .typeMismatch, "\(what) of type \(expected.name(type)) is missing", at: cursor.position)
  }

  private mutating func checkSubtype(
    _ sent: TypeReference, _ wanted: TypeReference
  ) throws(CandidError) {
    var limits = limits
    limits.steps = stepsLeft
    var checker = SubtypeChecker(wire, expected, limits: limits)
    let holds = try checker.holds(sent, wanted)
    stepsLeft -= checker.stepsTaken(of: limits)
    if !holds { throw mismatch(sent, wanted) }
  }

  private var emptyValue: CandidError {
    CandidError(.malformed, "a value of type empty cannot exist", at: cursor.position)
  }

  private func mismatch(_ sent: TypeReference, _ wanted: TypeReference) -> CandidError {
    CandidError(
      .typeMismatch, "\(wire.name(sent)) was sent, \(expected.name(wanted)) is expected",
      at: cursor.position)
  }
}

extension BinaryReader {
  /// Checks and drops a value: what follows must be a value of the type.
  private mutating func skip(_ type: TypeReference, depth: Int) throws(CandidError) {
    try step(depth)
    guard let entry = wire.entry(type) else {
      switch type {
      case .nat, .int: _ = try cursor.integer(isSigned: false)
      default: _ = try primitive(type)
      }
      return
    }
    switch entry {
    case .opt(let inner):
      if try cursor.optTag() { try skip(inner, depth: depth - 1) }
    case .vec(let element):
      var left = try cursor.leb128()
      if element == .nat8 {
        _ = try cursor.take(left)
        return
      }
      while left > 0 {
        try skip(element, depth: depth - 1)
        left -= 1
      }
    case .record(let fields):
      for field in fields { try skip(field.type, depth: depth - 1) }
    case .variant(let cases):
      try skip(try cursor.chosenCase(of: cases).type, depth: depth - 1)
    case .function:
      _ = try functionPrincipal()
      _ = try cursor.text()
    case .service:
      _ = try cursor.principal()
    case .future:
      let byteCount = try cursor.leb128()
      guard try cursor.leb128() == 0 else {
        throw CandidError(
          .malformed, "a value of a later type with references cannot be read",
          at: cursor.position)
      }
      _ = try cursor.take(byteCount)
    }
  }
}

extension ByteCursor {
  fileprivate mutating func optTag() throws(CandidError) -> Bool {
    let tag = try byte()
    guard tag <= 1 else {
      throw CandidError(.malformed, "an opt starts with 0 or 1, not \(tag)", at: position - 1)
    }
    return tag == 1
  }

  fileprivate mutating func chosenCase(
    of cases: [TypeTable.Field]
  ) throws(CandidError) -> TypeTable.Field {
    let start = position
    let index = try leb128()
    guard index < UInt64(cases.count) else {
      throw CandidError(
        .malformed, "the variant has \(cases.count) cases, none numbered \(index)", at: start)
    }
    return cases[Int(index)]
  }
}
