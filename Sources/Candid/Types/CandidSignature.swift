/// The types of an argument list, made ready: flattened, checked, and with the header of a binary
/// message of these types encoded. Building one costs more than a small message does, so keep it.
///
/// Every codec (`CandidBinary`, `CandidText`, `CandidJSON`) works by a signature.
public struct CandidSignature: Sendable {
  public let types: [CandidType]

  let environment: CandidTypeEnvironment
  let table: TypeTable
  let arguments: [TypeReference]
  /// `DIDL`, the type table and the argument types.
  let header: [UInt8]

  /// - Throws: `invalidType` when the types use a name that the environment does not define, define
  ///   a name as itself, or repeat a field; `limitExceeded` for types nested too deeply.
  public init(
    _ types: [CandidType], in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) {
    var compiler = TypeCompiler(environment)
    var arguments: [TypeReference] = []
    for type in types { arguments.append(try compiler.compile(type)) }
    self.types = types
    self.environment = environment
    self.arguments = arguments
    table = compiler.table
    header = BinaryHeader.encode(table, arguments)
  }

  /// No arguments or results: `()`.
  public static let empty = CandidSignature()

  private init() {
    types = []
    environment = CandidTypeEnvironment()
    arguments = []
    table = TypeTable()
    header = BinaryHeader.encode(table, [])
  }

  /// One argument of a type of the other signature's table; `types` stays empty.
  init(_ argument: TypeReference, of other: CandidSignature) {
    types = []
    environment = other.environment
    arguments = [argument]
    table = other.table
    header = BinaryHeader.encode(table, arguments)
  }
}
