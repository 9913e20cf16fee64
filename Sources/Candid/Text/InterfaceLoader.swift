/// Puts a `.did` file and those that it imports together.
struct InterfaceLoader {
  typealias Load = (String, CandidSource) throws(CandidError) -> CandidSource

  /// A file's service, with what it imports merged into it.
  struct Main {
    var service: CandidType?
    var initArguments: [CandidType]?
  }

  private static let mostFiles = 256
  private static let deepestImport = 32

  private(set) var environment = CandidTypeEnvironment()
  private let load: Load
  private var finished: [String: Main] = [:]
  /// The files being read, each imported by the one before.
  private var path: [String] = []
  private var fileCount = 0

  init(load: @escaping Load) { self.load = load }

  /// A file after its imports, so that those cannot refer to its definitions.
  mutating func interface(_ source: CandidSource) throws(CandidError) -> Main {
    let syntax = try InterfaceSyntax(parsing: source.bytes)
    path.append(source.name)
    defer { path.removeLast() }
    var services: [(main: Main, offset: Int)] = []
    var included: Set<String> = []
    for statement in syntax.imports {
      let (name, main) = try imported(statement, from: source)
      if statement.includesService, included.insert(name).inserted {
        services.append((main, statement.offset))
      }
    }
    try define(syntax)
    var main = Main(service: syntax.service?.type, initArguments: syntax.initArguments)
    if let service = syntax.service { try checkIsService(service.type, at: service.offset) }
    if !services.isEmpty { main.service = try merged(main.service, services) }
    return main
  }

  private mutating func imported(
    _ statement: InterfaceSyntax.Import, from importer: CandidSource
  ) throws(CandidError) -> (name: String, main: Main) {
    var inner: CandidSource?
    do throws(CandidError) {
      let source = try load(statement.path, importer)
      inner = source
      if let main = finished[source.name] { return (source.name, main) }
      if let start = path.firstIndex(of: source.name) {
        let circle = (path[start...] + [source.name]).joined(separator: " imports ")
        inner = nil
        throw CandidError(.syntax, "files must not import each other: \(circle)")
      }
      fileCount += 1
      guard fileCount < Self.mostFiles, path.count <= Self.deepestImport else {
        inner = nil
        throw CandidError(
          .limitExceeded,
          "more than \(Self.mostFiles) files, or more than \(Self.deepestImport) in one another")
      }
      let main = try interface(source)
      finished[source.name] = main
      return (source.name, main)
    } catch {
      var message = error.message
      if let inner {
        let place = error.offset.map { TextPosition(of: $0, in: inner.bytes) }
        message = "\(inner.name):\(place.map { "\($0): " } ?? " ")\(message)"
      }
      throw CandidError(error.code, message, at: statement.offset)
    }
  }

  private mutating func define(_ syntax: InterfaceSyntax) throws(CandidError) {
    for definition in syntax.definitions {
      guard environment[definition.name] == nil else {
        throw CandidError(
          .syntax, "the type \(definition.name.excerpt) is defined already",
          at: definition.offset)
      }
      environment[definition.name] = definition.type
    }
    if let name = environment.followChains(from: syntax.definitions.map(\.name)) {
      throw CandidError(
        .invalidType, "the type \(name.excerpt) is defined as itself",
        at: syntax.definitions.first { $0.name == name }?.offset)
    }
    try environment.check(syntax.typeNames)
  }

  private func checkIsService(_ type: CandidType, at offset: Int) throws(CandidError) {
    guard case .service = try environment.resolve(type) else {
      throw CandidError(.invalidType, "the main service has a service type", at: offset)
    }
  }

  private func merged(
    _ own: CandidType?, _ services: [(main: Main, offset: Int)]
  ) throws(CandidError) -> CandidType {
    var methods: [CandidMethod] = []
    if let own, case .service(let declared) = try environment.resolve(own) { methods = declared }
    var names = Set(methods.map { Array($0.name.utf8) })
    for (main, offset) in services {
      guard let service = main.service,
        case .service(let imported) = try environment.resolve(service)
      else { throw CandidError(.syntax, "the imported file has no service", at: offset) }
      guard main.initArguments == nil else {
        throw CandidError(
          .syntax, "the imported service takes arguments for its installation", at: offset)
      }
      for method in imported {
        guard names.insert(Array(method.name.utf8)).inserted else {
          throw CandidError(
            .syntax, "the method \(method.name.excerpt) of the import is there already",
            at: offset)
        }
      }
      methods += imported
    }
    return .service(methods.sorted { TypeCompiler.precedes($0.name, $1.name) })
  }
}
