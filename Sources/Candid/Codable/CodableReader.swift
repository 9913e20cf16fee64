/// Reads Candid values as `Decodable` asks for them.
struct CodableReader: Decoder {
  /// Without the opts around it.
  let value: CandidValue
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  init(_ value: CandidValue, at path: CodablePath) {
    self.value = value.withoutOptions
    self.path = path
  }

  static func read<Value: Decodable>(
    _ type: Value.Type, from value: CandidValue, at path: CodablePath
  ) throws -> Value {
    if let leaf = type as? any CodableResult.Type,
      let result = try leaf.read(value, at: path) as? Value
    {
      return result
    }
    try path.expectDepthAllowed()
    return try Value(from: CodableReader(value, at: path))
  }

  func container<Key: CodingKey>(keyedBy _: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(try CodableFieldReader(self, isPayload: false))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    switch value {
    case .vec(let elements): return CodableElementReader(elements: elements, path: path)
    case .blob(let bytes):
      return CodableElementReader(elements: bytes.map { .nat8($0) }, path: path)
    case .record(let fields):
      return CodableElementReader(elements: fields.map(\.value), path: path)
    default: throw path.mismatch(value, "vec")
    }
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer {
    CodableSingleValueReader(value: value, path: path)
  }
}

private struct CodableFieldReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
  private let fields: [CandidFieldValue]
  private let isVariant: Bool
  /// What a case of a variant holds, when that is no record of the case's values.
  private var bare: CandidValue?
  private let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }

  init(_ reader: CodableReader, isPayload: Bool) throws(CandidError) {
    path = reader.path
    if isPayload { bare = reader.value }
    switch reader.value {
    case .record(let fields): (self.fields, isVariant) = (fields, false)
    case .variant(let chosen) where !isPayload: (fields, isVariant) = ([chosen], true)
    default:
      guard isPayload else { throw path.mismatch(reader.value, "record") }
      (fields, isVariant) = ([], false)
    }
  }

  /// Those with a value: to lack a field and to have null there is the same.
  var allKeys: [Key] {
    fields.compactMap { field in
      if !isVariant, field.value.withoutOptions.isNil { return nil }
      if let name = field.label.name { return Key(stringValue: name) }
      return Key(intValue: Int(field.label.id))
    }
  }

  private func find(_ key: some CodingKey) throws -> CandidValue? {
    let label = try key.candidLabel(at: path)
    if let value = fields.value(of: label) { return value }
    guard let bare, let position = CodableShape.position(label) else { return nil }
    if let value = fields.value(of: CandidLabel(id: position)) { return value }
    return position == 0 ? bare : nil
  }

  private func reader(_ key: some CodingKey) throws -> CodableReader {
    CodableReader(try find(key) ?? .null, at: path.appending(key))
  }

  func contains(_ key: Key) -> Bool { (try? find(key)) != nil }
  func decodeNil(forKey key: Key) throws -> Bool { try reader(key).value.isNil }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try CodableReader.read(type, from: find(key) ?? .null, at: path.appending(key))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy _: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    KeyedDecodingContainer(try CodableFieldReader<Nested>(reader(key), isPayload: isVariant))
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try reader(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try reader(CodableKey.superclass) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try reader(key) }
}

private struct CodableElementReader: UnkeyedDecodingContainer {
  let elements: [CandidValue]
  let path: CodablePath
  var currentIndex = 0
  var codingPath: [any CodingKey] { path.keys }
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex >= elements.count }

  private var inside: CodablePath { path.appending(CodableKey(intValue: currentIndex)) }

  private func next() throws -> CandidValue {
    guard !isAtEnd else {
      throw path.error(.typeMismatch, "there are only \(elements.count) elements")
    }
    return elements[currentIndex]
  }

  private mutating func reader() throws -> CodableReader {
    let reader = CodableReader(try next(), at: inside)
    currentIndex += 1
    return reader
  }

  mutating func decodeNil() throws -> Bool {
    guard try next().withoutOptions.isNil else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let value = try CodableReader.read(type, from: next(), at: inside)
    currentIndex += 1
    return value
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try reader().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try reader().unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { try reader() }
}

private struct CodableSingleValueReader: SingleValueDecodingContainer {
  let value: CandidValue
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }

  func decodeNil() -> Bool { value.isNil }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try CodableReader.read(type, from: value, at: path.appending(nil))
  }
}
