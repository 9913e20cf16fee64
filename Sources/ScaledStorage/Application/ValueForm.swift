import Candid
package import Cluster

/// How values of a type are stored.
package struct ValueForm<Value: Sendable>: Sendable {
  let encode: @Sendable (Value) throws(CandidError) -> [UInt8]
  let decode: @Sendable ([UInt8]) throws(CandidError) -> Value
  /// How clients read and write it under `/kv/KEY`.
  let representation: StoredRepresentation

  /// - Throws: `CallError` `bad_value` when what is stored is no `Value`.
  package func value(of record: Record?) throws(CallError) -> Value? {
    guard let bytes = record?.value else { return nil }
    do throws(CandidError) {
      return try decode(bytes)
    } catch {
      throw CallError(
        status: 500, code: "bad_value",
        "what is stored under the key is no \(Value.self): \(error.description)")
    }
  }

  /// - Throws: `CallError` for a value that has no stored form.
  package func bytes(of value: Value) throws(CallError) -> [UInt8] {
    do throws(CandidError) {
      return try encode(value)
    } catch {
      throw CallError(
        status: 500, code: "bad_value", "the value cannot be stored: \(error.description)")
    }
  }
}

extension ValueForm where Value: CandidConvertible {
  /// A binary Candid message, which tells its own type: values that were stored before the type was
  /// given optional fields are read as well (Candid spec, "Coercion"). Texts and blobs are stored
  /// as they are.
  static var candid: ValueForm {
    if let bytes = RawForms.bytes as? ValueForm { return bytes }
    if let text = RawForms.text as? ValueForm { return text }
    return ValueForm(
      encode: { value throws(CandidError) in try CandidArguments.encode(value) },
      decode: { bytes throws(CandidError) in
        guard StoredText.isText(bytes) else {
          return try CandidArguments.decode(bytes, as: Value.self)
        }
        // It was stored while the type was Codable only.
        let values = try CandidText.parseArguments(
          bytes, as: CandidArguments.signature(of: Value.self))
        return try CandidArguments.convert(values, to: Value.self)
      },
      representation: .candid(StoredType(Value.self)))
  }
}

extension ValueForm where Value: Codable {
  /// Candid text, which keeps the names that enumerations are read by.
  static var codable: ValueForm {
    ValueForm(
      encode: { value throws(CandidError) in try text(of: value) },
      decode: { bytes throws(CandidError) in try read(bytes) },
      representation: .text(
        StoredText(
          check: { (bytes) throws(CandidError) in _ = try read(bytes) },
          text: { (bytes) throws(CandidError) in try text(of: try read(bytes)) })))
  }
}

extension ValueForm where Value: Codable {
  private static func text(of value: Value) throws(CandidError) -> [UInt8] {
    CandidText.printCompact([try CandidCoder.value(of: value)])
  }

  private static func read(_ text: [UInt8]) throws(CandidError) -> Value {
    let values =
      StoredText.isText(text)
      ? try CandidText.parseArguments(String(decoding: text, as: UTF8.self))
      // It was stored while the type was CandidConvertible.
      : try CandidBinary.decode(text)
    guard let value = values.first, values.count == 1 else {
      throw CandidError(.malformed, "the text is not one value")
    }
    return try CandidCoder.read(Value.self, from: value)
  }
}

/// The forms of values that are stored as they are.
private enum RawForms {
  static let bytes = ValueForm<[UInt8]>(
    encode: { value throws(CandidError) in value }, decode: { bytes throws(CandidError) in bytes },
    representation: .bytes)

  static let text = ValueForm<String>(
    encode: { value throws(CandidError) in Array(value.utf8) },
    decode: { bytes throws(CandidError) in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CandidError(.malformed, "the bytes are not UTF-8")
      }
      return text
    }, representation: .utf8)
}
