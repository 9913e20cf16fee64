/// A Swift type that stands for a Candid type.
///
/// A structure lists its fields (`CandidRecord`), an enumeration its cases (`CandidVariant`):
///
/// ```swift
/// struct Player: CandidRecord {
///   var name: String
///   var points: UInt64
///   var team: String?
///
///   static let candidFields = CandidFields(
///     Player.init(name:points:team:), CandidMember("name", \.name),
///     CandidMember("points", \.points), CandidMember("team", \.team))
/// }
///
/// let message = try CandidArguments.encode(Player(name: "Ada", points: 7, team: nil))
/// let player = try CandidArguments.decode(message, as: Player.self)
/// ```
///
/// A type for which these are too slow, or whose form is another, conforms to this protocol itself.
/// It then writes and reads the fields of a record in the order of their ids
/// (`CandidLabel.hash(_:)`), as they lie in a message.
public protocol CandidConvertible: Sendable {
  /// The type. Inner types are asked for by the builder, so that types may contain themselves.
  static func candidType(in types: inout CandidTypeBuilder) -> CandidType

  /// Writes the value in the form of its type. Called once or twice a message, and must write the
  /// same.
  /// - Throws: `typeMismatch` for a value that the type cannot hold.
  func encode(into encoder: inout CandidEncoder) throws(CandidError)

  /// Reads a value that was written in the form of the type.
  /// - Throws: `malformed` for other bytes, `typeMismatch` for a value that this type refuses.
  init(from decoder: inout CandidDecoder) throws(CandidError)

  /// The type of an array of these: `vec`, unless the type has a better form.
  static func encodeElements(
    _ elements: [Self], into encoder: inout CandidEncoder
  ) throws(CandidError)
  /// Reads an array of these, in the form in which `encodeElements` writes it.
  /// - Throws: as `init(from:)`.
  static func decodeElements(from decoder: inout CandidDecoder) throws(CandidError) -> [Self]
}

extension CandidConvertible {
  /// The type; for one that contains itself, the name it has among its own definitions.
  public static var candidType: CandidType {
    var types = CandidTypeBuilder()
    return types.type(of: Self.self)
  }

  @inlinable
  public static func encodeElements(
    _ elements: [Self], into encoder: inout CandidEncoder
  ) throws(CandidError) {
    encoder.write(leb128: UInt64(truncatingIfNeeded: elements.count))
    try encoder.enter()
    var index = 0
    while index < elements.count {
      try elements[index].encode(into: &encoder)
      index &+= 1
    }
    encoder.leave()
  }

  @inlinable
  public static func decodeElements(
    from decoder: inout CandidDecoder
  ) throws(CandidError) -> [Self] {
    let count = try decoder.elementCount()
    var elements: [Self] = []
    elements.reserveCapacity(
      decoder.initialCapacity(for: count, stride: MemoryLayout<Self>.stride))
    try decoder.enter()
    for _ in 0..<count { elements.append(try Self(from: &decoder)) }
    decoder.leave()
    return elements
  }

  /// The value as data that carries its own form, for printing, JSON and generic code.
  /// - Throws: as `encode(into:)`.
  public var candidValue: CandidValue {
    get throws(CandidError) { try CandidArguments.values(of: self)[0] }
  }

  /// Reads the value out of data.
  /// - Throws: `typeMismatch` when the data is not of the type.
  public init(candidValue: CandidValue) throws(CandidError) {
    self = try CandidArguments.convert([candidValue], to: Self.self)
  }
}

/// Collects the types of Swift types. A type that is met inside itself becomes a name.
public struct CandidTypeBuilder {
  package private(set) var environment = CandidTypeEnvironment()
  private var open: [ObjectIdentifier: (name: String, isUsed: Bool)] = [:]
  /// Types that contain each other are described once each, not once for every way to reach them.
  private var known: [ObjectIdentifier: CandidType] = [:]
  /// Whether all records and variants get names, as in an interface for people to read, or only
  /// those that contain themselves.
  private let namesTypes: Bool

  package init(namesTypes: Bool = false) {
    self.namesTypes = namesTypes
  }

  /// The type that stands for `Value`.
  public mutating func type<Value: CandidConvertible>(of _: Value.Type) -> CandidType {
    Value.candidType(in: &self)
  }

  /// The type that the closure describes, which may ask for `Value` again.
  mutating func named<Value>(
    _: Value.Type, _ describe: (inout CandidTypeBuilder) -> CandidType
  ) -> CandidType {
    let id = ObjectIdentifier(Value.self)
    if let type = known[id] { return type }
    if let entry = open[id] {
      open[id]?.isUsed = true
      return .named(entry.name)
    }
    // Two types may bear one name, in different modules.
    var name = "\(Value.self)"
    while environment[name] != nil || open.values.contains(where: { $0.name == name }) {
      name += "_"
    }
    open[id] = (name, false)
    let type = describe(&self)
    let isUsed = open.removeValue(forKey: id)?.isUsed == true || namesTypes
    if isUsed { environment[name] = type }
    let result = isUsed ? CandidType.named(name) : type
    known[id] = result
    return result
  }
}
