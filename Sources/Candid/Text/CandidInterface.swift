/// The content of a `.did` file: type definitions, and perhaps a service.
public struct CandidInterface: Sendable {
  public var environment: CandidTypeEnvironment
  /// The service's type, or the name of it; nil for a file with definitions only.
  public var service: CandidType?
  /// The arguments that the service is installed with.
  public var initArguments: [CandidType] = []

  /// Reads `type NAME = TYPE;` definitions and a final `service`. Imports are refused: there is no
  /// directory to resolve them in.
  /// - Throws: `syntax` with the offset; `invalidType` when a definition uses an unknown name.
  public init(parsing source: [UInt8]) throws(CandidError) {
    var parser = try TextParser(source)
    environment = CandidTypeEnvironment()
    while try parser.acceptKeyword("type") {
      let offset = parser.token.offset
      let name = try parser.name()
      try parser.expect("=")
      guard environment[name] == nil else {
        throw CandidError(.syntax, "the type \(name) is defined twice", at: offset)
      }
      environment[name] = try parser.type()
      guard try parser.accept(";") || parser.token.kind == .end else {
        throw parser.unexpected(";")
      }
    }
    if parser.token.kind == .identifier, parser.token.name == "import" {
      throw CandidError(
        .syntax, "imports are not read; put the definitions into this file",
        at: parser.token.offset)
    }
    if try parser.acceptKeyword("service") { try readService(&parser) }
    try parser.expectEnd()
    _ = try CandidSignature(
      environment.definitions.keys.map { .named($0) } + initArguments
        + (service.map { [$0] } ?? []),
      in: environment)
  }

  public init(parsing source: String) throws(CandidError) {
    try self.init(parsing: Array(source.utf8))
  }

  private mutating func readService(_ parser: inout TextParser) throws(CandidError) {
    if parser.token.kind == .identifier { try parser.advance() }
    try parser.expect(":")
    if parser.token.kind == .mark("(") {
      initArguments = try parser.tuple()
      guard parser.token.kind == .arrow else { throw parser.unexpected("->") }
      try parser.advance()
    }
    let isActor = parser.token.kind == .mark("{")
    service = isActor ? .service(try parser.methods()) : .named(try parser.name())
    _ = try parser.accept(";")
  }

  /// The type of a method of the service; nil when there is no such method.
  public func method(_ name: String) -> CandidFunction? {
    guard let service, case .service(let methods) = try? environment.resolve(service),
      let method = methods.first(where: { $0.name == name }),
      case .function(let function) = try? environment.resolve(method.type)
    else { return nil }
    return function
  }
}
