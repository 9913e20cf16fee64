/// A Candid type (Candid spec, "Types"). Recursion goes through `named` and a
/// `CandidTypeEnvironment`. `blob` is `vec(.nat8)`.
public indirect enum CandidType: Hashable, Sendable {
  /// A type without parameters; `nat` and `int` are numbers of any size.
  case null, bool, nat, int
  /// A natural number of so many bits.
  case nat8, nat16, nat32, nat64
  /// An integer of so many bits.
  case int8, int16, int32, int64
  /// A floating-point number of so many bits (IEEE 754).
  case float32, float64
  /// `reserved` is above all types, `empty` has no value.
  case text, reserved, empty, principal
  /// A value that may be missing.
  case opt(CandidType)
  /// Values of one type.
  case vec(CandidType)
  /// In ascending order of ids. `record(fields:)` sorts.
  case record([CandidField])
  /// In ascending order of ids. `variant(cases:)` sorts.
  case variant([CandidField])
  /// A reference to a function.
  case function(CandidFunction)
  /// In ascending order of the methods' names.
  case service([CandidMethod])
  /// A type of the environment.
  case named(String)

  /// Bytes: `vec nat8`.
  public static let blob = CandidType.vec(.nat8)

  /// A record with named fields, in any order.
  public static func record(fields: KeyValuePairs<String, CandidType>) -> CandidType {
    .record(sorted(fields))
  }

  /// A variant with named cases, in any order; a case without a value has type `null`.
  public static func variant(cases: KeyValuePairs<String, CandidType>) -> CandidType {
    .variant(sorted(cases))
  }

  private static func sorted(_ fields: KeyValuePairs<String, CandidType>) -> [CandidField] {
    fields.map { CandidField($0.key, $0.value) }.sorted { $0.label < $1.label }
  }
}

/// A field of a record type, or a case of a variant type.
public struct CandidField: Hashable, Sendable {
  /// The field's or the case's name or number.
  public var label: CandidLabel
  /// What it holds; `null` for a case without a value.
  public var type: CandidType

  /// A field or case that has a name.
  public init(_ name: String, _ type: CandidType) {
    self.init(label: CandidLabel(name), type: type)
  }

  /// A field or case by its label.
  public init(label: CandidLabel, type: CandidType) {
    self.label = label
    self.type = type
  }
}

/// The type of a function reference.
public struct CandidFunction: Hashable, Sendable {
  /// The bytes that announce them in a type table (Candid spec, "Core types").
  public enum Annotation: UInt8, Hashable, Comparable, Sendable {
    /// The method changes nothing.
    case query = 1
    /// The method gives no answer.
    case oneway = 2
    /// The method changes nothing, and may call such methods of others.
    case compositeQuery = 3

    public static func < (left: Annotation, right: Annotation) -> Bool {
      left.rawValue < right.rawValue
    }
  }

  /// The types of the arguments, in order.
  public var parameters: [CandidType]
  /// The types of the results, in order.
  public var results: [CandidType]
  /// What else is promised of it.
  public var annotations: [Annotation]
  /// The names that the source gives the parameters, nil for one without; empty where the type does
  /// not come from a source. They mean nothing to Candid (Candid spec, "Core types").
  public internal(set) var parameterNames: [String?] = []

  /// A function with these parameters, results and promises.
  public init(
    _ parameters: [CandidType], _ results: [CandidType], _ annotations: [Annotation] = []
  ) {
    self.parameters = parameters
    self.results = results
    self.annotations = annotations
  }

  public static func == (left: CandidFunction, right: CandidFunction) -> Bool {
    left.parameters == right.parameters && left.results == right.results
      && left.annotations == right.annotations
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(parameters)
    hasher.combine(results)
    hasher.combine(annotations)
  }
}

/// A method of a service type.
public struct CandidMethod: Hashable, Sendable {
  /// How the method is called; compared as bytes.
  public var name: String
  /// A function type, or a name for one.
  public var type: CandidType

  /// A method of this name and type.
  public init(_ name: String, _ type: CandidType) {
    self.name = name
    self.type = type
  }

  /// Names are compared as bytes: texts that Swift takes for equal may differ on the wire.
  public static func == (left: CandidMethod, right: CandidMethod) -> Bool {
    left.name.utf8.elementsEqual(right.name.utf8) && left.type == right.type
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(Array(name.utf8))
    hasher.combine(type)
  }
}
