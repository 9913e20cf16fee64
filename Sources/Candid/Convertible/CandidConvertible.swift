/// A Swift type that stands for a Candid type.
///
/// A record writes its type and value with `CandidType.record(fields:)` and
/// `CandidValue.record(fields:)`, and reads its fields through `CandidRecord`; an enumeration uses
/// `variant(cases:)`, `variant(_:_:)` and `CandidVariant`:
///
/// ```swift
/// extension Pair: CandidConvertible {
///   static let candidType = CandidType.record(fields: ["key": .text, "note": .opt(.text)])
///   var candidValue: CandidValue {
///     .record(fields: ["key": key.candidValue, "note": note.candidValue])
///   }
///   init(candidValue: CandidValue) throws(CandidError) {
///     let record = try CandidRecord(candidValue)
///     key = try record.field("key")
///     note = try record.field("note")
///   }
/// }
/// ```
///
/// A type that contains itself cannot spell `candidType` this way: use `CandidType.named` and a
/// `CandidTypeEnvironment` with `CandidSignature` instead.
public protocol CandidConvertible: Sendable {
  static var candidType: CandidType { get }
  var candidValue: CandidValue { get }
  /// - Throws: `typeMismatch` when the value does not stand for one of this type.
  init(candidValue: CandidValue) throws(CandidError)
}

extension CandidError {
  static func mismatch(_ value: CandidValue, _ expected: String) -> CandidError {
    CandidError(.typeMismatch, "expected \(expected), found \(value.kind)")
  }
}

/// The fields of a record value, read by name.
public struct CandidRecord: Sendable {
  private let fields: [CandidFieldValue]

  /// - Throws: `typeMismatch` when the value is no record.
  public init(_ value: CandidValue) throws(CandidError) {
    guard case .record(let fields) = value else { throw .mismatch(value, "a record") }
    self.fields = fields
  }

  /// The field's value; a missing field is read as `null`, so that an optional becomes nil.
  /// - Throws: `typeMismatch` when it is missing and not optional, or of another type.
  public func field<Field: CandidConvertible>(
    _ label: CandidLabel, as _: Field.Type = Field.self
  ) throws(CandidError) -> Field {
    let found = fields.first { $0.label == label }
    do {
      return try Field(candidValue: found?.value ?? .null)
    } catch {
      let reason = found == nil ? "it is missing" : error.message
      throw CandidError(.typeMismatch, "in the field \(label): \(reason)")
    }
  }
}

/// The chosen case of a variant value.
public struct CandidVariant: Sendable {
  public let label: CandidLabel
  /// The name that the case has in the type it was decoded at, to switch on.
  public var tag: String { label.description }
  /// What the case holds, `null` for a case without a value.
  public let value: CandidValue

  /// - Throws: `typeMismatch` when the value is no variant.
  public init(_ value: CandidValue) throws(CandidError) {
    guard case .variant(let chosen) = value else { throw .mismatch(value, "a variant") }
    label = chosen.label
    self.value = chosen.value
  }

  /// The value of the case.
  /// - Throws: `typeMismatch` when it is of another type.
  public func payload<Payload: CandidConvertible>(
    as _: Payload.Type = Payload.self
  ) throws(CandidError) -> Payload {
    do {
      return try Payload(candidValue: value)
    } catch {
      throw CandidError(.typeMismatch, "in the case \(label): \(error.message)")
    }
  }

  /// The error to throw for a case that the type does not have.
  public var unknownCase: CandidError {
    CandidError(.typeMismatch, "the variant has no case \(label)")
  }
}
