/// A Candid value. Each number keeps its type, so that it is printed and encoded as it was meant.
///
/// Only what is recursive or large is behind a reference: numbers and short texts are not boxed.
public enum CandidValue: Hashable, Sendable {
  /// The only value of `null`.
  case null
  /// Stands for a value of any type, which nobody reads.
  case reserved
  /// A `bool`.
  case bool(Bool)
  /// Must not be negative; encoding checks it.
  case nat(CandidInteger)
  /// An `int`, of any size.
  case int(CandidInteger)
  /// A natural number of fixed width.
  case nat8(UInt8), nat16(UInt16), nat32(UInt32), nat64(UInt64)
  /// An integer of fixed width.
  case int8(Int8), int16(Int16), int32(Int32), int64(Int64)
  /// A floating-point number (IEEE 754).
  case float32(Float), float64(Double)
  /// A `text`: Unicode.
  case text(String)
  /// The id of a node, a user or a service.
  indirect case principal(Principal)
  /// `vec nat8`, always in this case and never in `vec`.
  case blob([UInt8])
  /// A value that may be missing.
  indirect case opt(CandidValue?)
  /// Values of one type.
  case vec([CandidValue])
  /// In ascending order of ids. `record(fields:)` sorts.
  case record([CandidFieldValue])
  /// The case of a variant, with its value.
  indirect case variant(CandidFieldValue)
  /// A reference to a function: a method of the service with this id.
  indirect case function(Principal, method: String)
  /// A reference to a service, by its id.
  indirect case service(Principal)

  /// A record with named fields, in any order.
  public static func record(fields: KeyValuePairs<String, CandidValue>) -> CandidValue {
    .record(
      fields.map { CandidFieldValue($0.key, $0.value) }.sorted { $0.label < $1.label })
  }

  /// A case of a variant, by default one without a value.
  public static func variant(_ tag: String, _ value: CandidValue = .null) -> CandidValue {
    .variant(CandidFieldValue(tag, value))
  }
}

/// A field of a record with its value, or the case of a variant with its value.
public struct CandidFieldValue: Hashable, Sendable {
  /// The field's or the case's name or number.
  public var label: CandidLabel
  /// What it holds; `null` for a case without a value.
  public var value: CandidValue

  /// A field or case that has a name.
  public init(_ name: String, _ value: CandidValue) {
    self.init(label: CandidLabel(name), value: value)
  }

  /// A field or case by its label.
  public init(label: CandidLabel, value: CandidValue) {
    self.label = label
    self.value = value
  }
}

extension CandidValue {
  /// The smallest type that the value has by itself: an absent value is `opt empty`, and all
  /// elements of a `vec` are taken to have the type of the first.
  public var inferredType: CandidType {
    switch self {
    case .null: .null
    case .reserved: .reserved
    case .bool: .bool
    case .nat: .nat
    case .int: .int
    case .nat8: .nat8
    case .nat16: .nat16
    case .nat32: .nat32
    case .nat64: .nat64
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    case .text: .text
    case .principal: .principal
    case .blob: .blob
    case .opt(let inner): .opt(inner?.inferredType ?? .empty)
    case .vec(let elements): .vec(elements.first?.inferredType ?? .empty)
    case .record(let fields):
      .record(fields.map { CandidField(label: $0.label, type: $0.value.inferredType) })
    case .variant(let chosen):
      .variant([CandidField(label: chosen.label, type: chosen.value.inferredType)])
    case .function: .function(CandidFunction([], []))
    case .service: .service([])
    }
  }

  /// How many bytes a text or blob has by itself, else a rough guess.
  var outerByteCount: Int {
    switch self {
    case .text(let text): text.utf8.count + 4
    case .blob(let blob): blob.count + 4
    default: 32
    }
  }

  /// The name of the value's kind, for messages.
  var kind: String {
    switch self {
    case .null: "null"
    case .reserved: "reserved"
    case .bool: "bool"
    case .nat: "nat"
    case .int: "int"
    case .nat8: "nat8"
    case .nat16: "nat16"
    case .nat32: "nat32"
    case .nat64: "nat64"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float32: "float32"
    case .float64: "float64"
    case .text: "text"
    case .principal: "principal"
    case .blob: "blob"
    case .opt: "opt"
    case .vec: "vec"
    case .record: "record"
    case .variant: "variant"
    case .function: "func"
    case .service: "service"
    }
  }
}
