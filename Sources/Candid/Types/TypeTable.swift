/// A type inside a `TypeTable`: an entry's index, or a primitive type's negative opcode, as on the
/// wire (Candid spec, "Types" of the binary format).
struct TypeReference: Hashable, Sendable {
  let code: Int32

  static let null = TypeReference(code: -1)
  static let bool = TypeReference(code: -2)
  static let nat = TypeReference(code: -3)
  static let int = TypeReference(code: -4)
  static let nat8 = TypeReference(code: -5)
  static let nat16 = TypeReference(code: -6)
  static let nat32 = TypeReference(code: -7)
  static let nat64 = TypeReference(code: -8)
  static let int8 = TypeReference(code: -9)
  static let int16 = TypeReference(code: -10)
  static let int32 = TypeReference(code: -11)
  static let int64 = TypeReference(code: -12)
  static let float32 = TypeReference(code: -13)
  static let float64 = TypeReference(code: -14)
  static let text = TypeReference(code: -15)
  static let reserved = TypeReference(code: -16)
  static let empty = TypeReference(code: -17)
  static let principal = TypeReference(code: -24)

  static func isPrimitive(_ code: Int64) -> Bool { (-17 ... -1).contains(code) || code == -24 }

  /// The type, unless the reference is to an entry.
  var primitive: CandidType? {
    switch self {
    case .null: .null
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
    case .reserved: .reserved
    case .empty: .empty
    case .principal: .principal
    default: nil
    }
  }
}

/// Types flattened to a table, names resolved: what a message's header is, and what every codec of
/// this module walks.
struct TypeTable: Sendable {
  struct Field: Sendable {
    let label: CandidLabel
    let type: TypeReference
  }

  struct Method: Sendable {
    let name: String
    let type: TypeReference
  }

  enum Entry: Sendable {
    case opt(TypeReference)
    case vec(TypeReference)
    case record([Field])
    case variant([Field])
    case function([TypeReference], [TypeReference], [CandidFunction.Annotation])
    case service([Method])
    /// A type of a later version of Candid; its values say how long they are.
    case future

    /// How many fields, methods or parameters there are to pass over.
    var width: Int {
      switch self {
      case .record(let fields), .variant(let fields): fields.count
      case .function(let parameters, let results, _): parameters.count + results.count
      case .service(let methods): methods.count
      case .opt, .vec, .future: 0
      }
    }
  }

  enum Opcode {
    static let opt: Int64 = -18
    static let vec: Int64 = -19
    static let record: Int64 = -20
    static let variant: Int64 = -21
    static let function: Int64 = -22
    static let service: Int64 = -23
  }

  var entries: [Entry] = []

  func entry(_ type: TypeReference) -> Entry? {
    type.code >= 0 && Int(type.code) < entries.count ? entries[Int(type.code)] : nil
  }

  /// Whether a missing value of the type is read as `null`: for null, reserved and opt.
  func hasDefault(_ type: TypeReference) -> Bool {
    if type == .null || type == .reserved { return true }
    if case .opt = entry(type) { return true }
    return false
  }

  /// The name of the type's outermost constructor, for messages.
  func name(_ type: TypeReference) -> String {
    if let primitive = type.primitive { return "\(primitive)" }
    switch entry(type) {
    case .opt: return "opt"
    case .vec(.nat8): return "blob"
    case .vec: return "vec"
    case .record: return "record"
    case .variant: return "variant"
    case .function: return "func"
    case .service: return "service"
    case .future, nil: return "a type of a later version of Candid"
    }
  }
}
