/// A type that the encoder asks for its value, not for its parts.
protocol CodableSource {
  func written(at path: CodablePath) throws -> CandidValue
}

/// A type that the decoder makes from a value as a whole.
protocol CodableResult {
  static func read(_ value: CandidValue, at path: CodablePath) throws -> Self
}

typealias CodableLeaf = CodableSource & CodableResult

extension CodablePath {
  func mismatch(_ value: CandidValue, _ expected: String) -> CandidError {
    let found = value.isNil ? "nothing is given" : "\(value.kind) is given"
    return error(.typeMismatch, "\(found), \(expected) is expected")
  }
}

extension CandidValue {
  var isNil: Bool {
    switch self {
    case .null, .reserved, .opt(nil): true
    default: false
    }
  }

  /// `Codable` knows one level of absence.
  var withoutOptions: CandidValue {
    var value = self
    while case .opt(let inner?) = value { value = inner }
    return value
  }

  var integer: CandidInteger? {
    switch self {
    case .nat(let number), .int(let number): number
    case .nat8(let number): CandidInteger(UInt64(number))
    case .nat16(let number): CandidInteger(UInt64(number))
    case .nat32(let number): CandidInteger(UInt64(number))
    case .nat64(let number): CandidInteger(number)
    case .int8(let number): CandidInteger(Int64(number))
    case .int16(let number): CandidInteger(Int64(number))
    case .int32(let number): CandidInteger(Int64(number))
    case .int64(let number): CandidInteger(number)
    default: nil
    }
  }
}

extension CodableResult where Self: FixedWidthInteger {
  static func read(_ value: CandidValue, at path: CodablePath) throws -> Self {
    let value = value.withoutOptions
    guard let number = value.integer else { throw path.mismatch(value, "an integer") }
    guard let result = number.exactly(Self.self) else {
      throw path.error(.typeMismatch, "the number is out of the range of \(Self.self)")
    }
    return result
  }
}

extension Int: CodableLeaf {
  func written(at _: CodablePath) -> CandidValue { .int64(Int64(self)) }
}
extension UInt: CodableLeaf {
  func written(at _: CodablePath) -> CandidValue { .nat64(UInt64(self)) }
}
extension Int8: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .int8(self) } }
extension Int16: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .int16(self) } }
extension Int32: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .int32(self) } }
extension Int64: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .int64(self) } }
extension UInt8: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .nat8(self) } }
extension UInt16: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .nat16(self) } }
extension UInt32: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .nat32(self) } }
extension UInt64: CodableLeaf { func written(at _: CodablePath) -> CandidValue { .nat64(self) } }

/// A type that stands for one Candid type only.
private protocol CodableShaped: CodableLeaf {
  static var shape: CandidType { get }
  init?(leaf: CandidValue)
}

extension CodableShaped {
  static func read(_ value: CandidValue, at path: CodablePath) throws -> Self {
    let shaped = try CodableShape(environment: CandidTypeEnvironment())
      .value(value.withoutOptions, as: shape, at: path)
    guard let leaf = Self(leaf: shaped) else { throw path.mismatch(shaped, "\(shape)") }
    return leaf
  }
}

extension Bool: CodableShaped {
  static var shape: CandidType { .bool }
  func written(at _: CodablePath) -> CandidValue { .bool(self) }
  init?(leaf: CandidValue) {
    guard case .bool(let flag) = leaf else { return nil }
    self = flag
  }
}

extension Float: CodableShaped {
  static var shape: CandidType { .float32 }
  func written(at _: CodablePath) -> CandidValue { .float32(self) }
  init?(leaf: CandidValue) {
    guard case .float32(let number) = leaf else { return nil }
    self = number
  }
}

extension Double: CodableShaped {
  static var shape: CandidType { .float64 }
  func written(at _: CodablePath) -> CandidValue { .float64(self) }
  init?(leaf: CandidValue) {
    guard case .float64(let number) = leaf else { return nil }
    self = number
  }
}

extension Principal: CodableShaped {
  static var shape: CandidType { .principal }
  func written(at _: CodablePath) -> CandidValue { .principal(self) }
  init?(leaf: CandidValue) {
    guard case .principal(let principal) = leaf else { return nil }
    self = principal
  }
}

extension CandidInteger: CodableShaped {
  static var shape: CandidType { .int }
  func written(at _: CodablePath) -> CandidValue { .int(self) }
  init?(leaf: CandidValue) {
    guard case .int(let number) = leaf else { return nil }
    self = number
  }
}

extension String: CodableLeaf {
  func written(at _: CodablePath) -> CandidValue { .text(self) }

  static func read(_ value: CandidValue, at path: CodablePath) throws -> String {
    switch value.withoutOptions {
    case .text(let text): return text
    case .principal(let principal): return principal.text
    case .variant(let chosen):
      if let name = chosen.label.name { return name }
      throw path.error(
        .typeMismatch,
        "the case \(chosen.label) has a number only; decode at a signature, which names it")
    case let other: throw path.mismatch(other, "text")
    }
  }
}

extension CandidValue: CodableLeaf {
  func written(at _: CodablePath) -> CandidValue { self }
  static func read(_ value: CandidValue, at _: CodablePath) -> CandidValue { value }
}

extension Array: CodableSource where Element == UInt8 {
  func written(at _: CodablePath) -> CandidValue { .blob(self) }
}

extension Array: CodableResult where Element == UInt8 {
  static func read(_ value: CandidValue, at path: CodablePath) throws -> [UInt8] {
    switch value.withoutOptions {
    case .blob(let bytes): return bytes
    case .vec(let values): return try values.map { try UInt8.read($0, at: path) }
    case let other: throw path.mismatch(other, "blob")
    }
  }
}

extension Dictionary: CodableSource where Key: Encodable, Value: Encodable {
  func written(at path: CodablePath) throws -> CandidValue {
    try path.expectDepthAllowed()
    var pairs: [(name: String, pair: CandidValue)] = []
    pairs.reserveCapacity(count)
    for (key, value) in self {
      let key = try CodableWriter.write(key, at: path.appending(nil))
      let name = if case .text(let name) = key { name } else { "" }
      let inside = path.appending(CodableKey(stringValue: name))
      let fields = [
        CandidFieldValue(label: CandidLabel(id: 0), value: key),
        CandidFieldValue(
          label: CandidLabel(id: 1), value: try CodableWriter.write(value, at: inside)),
      ]
      pairs.append((name, .record(fields)))
    }
    return .vec(pairs.sorted { $0.name < $1.name }.map(\.pair))
  }
}

extension Dictionary: CodableResult where Key: Decodable, Value: Decodable {
  static func read(_ value: CandidValue, at path: CodablePath) throws -> [Key: Value] {
    try path.expectDepthAllowed()
    let value = value.withoutOptions
    guard case .vec(let pairs) = value else { throw path.mismatch(value, "vec of pairs") }
    var result: [Key: Value] = [:]
    result.reserveCapacity(pairs.count)
    for (index, pair) in pairs.enumerated() {
      let inside = path.appending(CodableKey(intValue: index))
      guard case .record(let fields) = pair, let key = fields.value(of: CandidLabel(id: 0)),
        let content = fields.value(of: CandidLabel(id: 1))
      else { throw inside.mismatch(pair, "record of a key and a value") }
      let previous = result.updateValue(
        try CodableReader.read(Value.self, from: content, at: inside),
        forKey: try CodableReader.read(Key.self, from: key, at: inside))
      guard previous == nil else { throw inside.error(.typeMismatch, "the key is given twice") }
    }
    return result
  }
}
