/// Writes what `Encodable` tells as Candid values whose types are only suggestions: `CodableShape`
/// gives them their final ones.
struct CodableWriter: Encoder {
  let box: CodableBox
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  static func write<Value: Encodable>(
    _ value: Value, at path: CodablePath
  ) throws -> CandidValue {
    if let leaf = value as? any CodableSource { return try leaf.written(at: path) }
    try path.expectDepthAllowed()
    let box = CodableBox()
    try value.encode(to: CodableWriter(box: box, path: path))
    return try box.value(at: path)
  }

  func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(CodableFields<Key>(box: box, path: path))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    box.isList = true
    return CodableElements(box: box, path: path)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    CodableSingleValue(box: box, path: path)
  }
}

/// What one encoder was given. A reference, for nested containers are filled after they are made.
final class CodableBox {
  enum Content {
    case value(CandidValue)
    case box(CodableBox)

    func value(at path: CodablePath) throws(CandidError) -> CandidValue {
      switch self {
      case .value(let value): value
      case .box(let box): try box.value(at: path)
      }
    }
  }

  var failure: CandidError?
  var single: CandidValue?
  var isList = false
  var elements: [Content] = []
  var fields: [(label: CandidLabel, content: Content)] = []

  func value(at path: CodablePath) throws(CandidError) -> CandidValue {
    try path.expectDepthAllowed()
    if let failure { throw failure }
    if let single { return single }
    if isList {
      var values: [CandidValue] = []
      values.reserveCapacity(elements.count)
      for (index, element) in elements.enumerated() {
        if case .value(let value) = element {
          values.append(value)
        } else {
          values.append(try element.value(at: path.appending(CodableKey(intValue: index))))
        }
      }
      return .vec(values)
    }
    var result: [CandidFieldValue] = []
    result.reserveCapacity(fields.count)
    for field in fields.sorted(by: { $0.label < $1.label }) {
      if let previous = result.last?.label, previous == field.label {
        throw path.error(
          .invalidType, "the keys \(previous) and \(field.label) have the same id")
      }
      result.append(
        CandidFieldValue(
          label: field.label, value: try field.content.value(at: path.appending(field.label))))
    }
    return .record(result)
  }
}

private struct CodableFields<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let box: CodableBox
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }

  private func put(_ content: CodableBox.Content, _ key: some CodingKey) throws {
    box.fields.append((try key.candidLabel(at: path), content))
  }

  private func nested(_ key: some CodingKey) throws -> CodableWriter {
    let nested = CodableBox()
    try put(.box(nested), key)
    return CodableWriter(box: nested, path: path.appending(key))
  }

  /// These requirements cannot throw: a key that is refused is told at the end.
  private func nestedOrFailure(_ key: some CodingKey) -> CodableWriter {
    do {
      return try nested(key)
    } catch {
      box.failure = CandidError(coding: error)
      return CodableWriter(box: CodableBox(), path: path)
    }
  }

  func encodeNil(forKey key: Key) throws { try put(.value(.opt(nil)), key) }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try put(.value(CodableWriter.write(value, at: path.appending(key))), key)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    nestedOrFailure(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    nestedOrFailure(key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { nestedOrFailure(CodableKey.superclass) }
  func superEncoder(forKey key: Key) -> any Encoder { nestedOrFailure(key) }
}

private struct CodableElements: UnkeyedEncodingContainer {
  let box: CodableBox
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }
  var count: Int { box.elements.count }

  private var inside: CodablePath { path.appending(CodableKey(intValue: count)) }

  private func nested() -> CodableWriter {
    let nested = CodableWriter(box: CodableBox(), path: inside)
    box.elements.append(.box(nested.box))
    return nested
  }

  func encodeNil() throws { box.elements.append(.value(.opt(nil))) }

  func encode<Value: Encodable>(_ value: Value) throws {
    box.elements.append(.value(try CodableWriter.write(value, at: inside)))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> { nested().container(keyedBy: type) }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
  func superEncoder() -> any Encoder { nested() }
}

private struct CodableSingleValue: SingleValueEncodingContainer {
  let box: CodableBox
  let path: CodablePath
  var codingPath: [any CodingKey] { path.keys }

  func encodeNil() throws { box.single = .opt(nil) }

  func encode<Value: Encodable>(_ value: Value) throws {
    box.single = try CodableWriter.write(value, at: path.appending(nil))
  }
}
