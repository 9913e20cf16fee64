/// A Candid type (Candid spec, "Types"). Recursion goes through `named` and a
/// `CandidTypeEnvironment`. `blob` is `vec(.nat8)`.
public indirect enum CandidType: Hashable, Sendable {
  case null, bool, nat, int
  case nat8, nat16, nat32, nat64
  case int8, int16, int32, int64
  case float32, float64
  case text, reserved, empty, principal
  case opt(CandidType)
  case vec(CandidType)
  /// In ascending order of ids. `record(fields:)` sorts.
  case record([CandidField])
  /// In ascending order of ids. `variant(cases:)` sorts.
  case variant([CandidField])
  case function(CandidFunction)
  /// In ascending order of the methods' names.
  case service([CandidMethod])
  /// A type of the environment.
  case named(String)

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
  public var label: CandidLabel
  public var type: CandidType

  public init(_ name: String, _ type: CandidType) {
    self.init(label: CandidLabel(name), type: type)
  }

  public init(label: CandidLabel, type: CandidType) {
    self.label = label
    self.type = type
  }
}

/// The type of a function reference.
public struct CandidFunction: Hashable, Sendable {
  /// The bytes that announce them in a type table (Candid spec, "Core types").
  public enum Annotation: UInt8, Hashable, Comparable, Sendable {
    case query = 1
    case oneway = 2
    case compositeQuery = 3

    public static func < (left: Annotation, right: Annotation) -> Bool {
      left.rawValue < right.rawValue
    }
  }

  public var parameters: [CandidType]
  public var results: [CandidType]
  public var annotations: [Annotation]
  /// The names that the source gives the parameters, nil for one without; empty where the type does
  /// not come from a source. They mean nothing to Candid (Candid spec, "Core types").
  public internal(set) var parameterNames: [String?] = []

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
  public var name: String
  /// A function type, or a name for one.
  public var type: CandidType

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
