/// Swift values by way of `Codable`, for those who prefer it to `CandidConvertible`.
///
/// ```swift
/// struct Book: Codable {
///   var title: String
///   var year: Int
///   var note: String?
/// }
/// let type = CandidType.record(fields: ["title": .text, "year": .nat16, "note": .opt(.text)])
/// let signature = try CandidSignature([type])
/// let message = try CandidCoder.encode(Book(title: "Emma", year: 1815), as: signature)
/// let book = try CandidCoder.decode(Book.self, from: message, as: signature)
/// ```
///
/// | Swift | Candid, unless a type says otherwise |
/// |---|---|
/// | what has coding keys | record; a key with an `intValue` is a field's number, others its name |
/// | `Int`, `UInt`, `Int8` … `UInt64` | int64, nat64, int8 … nat64 |
/// | `Float`, `Double`, `Bool`, `String` | float32, float64, bool, text |
/// | `[UInt8]`, other arrays and sets | blob, vec |
/// | dictionary | vec record { key; value }, in the order of keys that are texts |
/// | nil | null of an opt |
/// | `Principal`, `CandidInteger`, `CandidValue` | as they are |
///
/// At a given type, integers take the type asked for, if they are in its range; a list can be a
/// record without names. Where a variant is asked for, an enumeration of words is the case of that
/// name, and one with values the case with its value: `case circle(Double)` is
/// `variant { circle : float64 }`, further or labelled values are a record.
///
/// Without a type, elements of a list are given a common one: those with and without a value an
/// opt, records field by field. Messages say numbers instead of names, so that reading an
/// enumeration with values, or a variant, from a message needs a signature; records do not.
///
/// Errors tell the coding path. All of it is linear in the size of the value, but for the sorting
/// of fields and dictionaries, and refuses what nests deeper than `CandidLimits.standard`.
public enum CandidCoder {
  /// The value at the type that its form suggests.
  /// - Throws: `typeMismatch` when elements of a list have no common type; `limitExceeded`;
  ///   `invalidType` when two keys have the same id.
  public static func value(of value: some Encodable) throws(CandidError) -> CandidValue {
    let written = try write(value)
    return try shaped(written, as: written.commonType(at: .root))
  }

  /// The value at the given type. Fields that the type lacks are dropped, missing ones are null
  /// where the type allows it.
  /// - Throws: `typeMismatch` when the value is not of the type or out of its range;
  ///   `limitExceeded`; `invalidType`.
  public static func value(
    of value: some Encodable, as type: CandidType,
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> CandidValue {
    try shaped(write(value), as: type, in: environment)
  }

  /// The Swift value that a Candid value stands for.
  /// - Throws: `typeMismatch` when it stands for none of that type; `limitExceeded`.
  public static func read<Value: Decodable>(
    _ type: Value.Type, from value: CandidValue
  ) throws(CandidError) -> Value {
    do {
      return try CodableReader.read(type, from: value, at: .root)
    } catch {
      throw CandidError(coding: error)
    }
  }

  /// The binary message with the value as its only argument.
  /// - Throws: as `value(of:)` and `CandidBinary.encode`.
  public static func encode(_ value: some Encodable) throws(CandidError) -> [UInt8] {
    let written = try write(value)
    let type = try written.commonType(at: .root)
    return try CandidBinary.encode([shaped(written, as: type)], as: [type])
  }

  /// The same at a signature of one argument.
  /// - Throws: as `value(of:as:in:)` and `CandidBinary.encode`.
  public static func encode(
    _ value: some Encodable, as signature: CandidSignature
  ) throws(CandidError) -> [UInt8] {
    guard signature.types.count == 1 else { throw notOne(signature.types.count) }
    let shaped = try shaped(write(value), as: signature.types[0], in: signature.environment)
    return try CandidBinary.encode([shaped], as: signature)
  }

  /// The only argument of a binary message, at the types that the message states, or at those of a
  /// signature: unknown fields are dropped, the order does not matter.
  /// - Throws: as `CandidBinary.decode` and `read`.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from message: [UInt8], as signature: CandidSignature? = nil
  ) throws(CandidError) -> Value {
    let values =
      if let signature {
        try CandidBinary.decode(message, as: signature)
      } else {
        try CandidBinary.decode(message)
      }
    guard values.count == 1 else { throw notOne(values.count) }
    return try read(type, from: values[0])
  }

  private static func notOne(_ count: Int) -> CandidError {
    CandidError(.typeMismatch, "expected one argument, not \(count)")
  }

  private static func write(_ value: some Encodable) throws(CandidError) -> CandidValue {
    do {
      return try CodableWriter.write(value, at: .root)
    } catch {
      throw CandidError(coding: error)
    }
  }

  private static func shaped(
    _ value: CandidValue, as type: CandidType,
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> CandidValue {
    try CodableShape(environment: environment).value(value, as: type, at: .root)
  }
}
