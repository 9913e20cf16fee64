/// The content of a `.did` file: type definitions, and perhaps a service.
public struct CandidInterface: Sendable {
  /// What the file defines, and what it imports.
  public var environment: CandidTypeEnvironment
  /// The service's type, or the name of it; nil for a file with definitions only.
  public var service: CandidType?
  /// The arguments that the service is installed with; nil when it takes none, being installed
  /// already.
  public var initArguments: [CandidType]?

  /// An interface that is made of types.
  ///
  /// - Parameters:
  ///   - environment: the definitions.
  ///   - service: a service type whose names the environment defines.
  public init(environment: CandidTypeEnvironment, service: CandidType?) {
    self.environment = environment
    self.service = service
  }

  /// Reads the source of a `.did` file and checks all that the specification asks of one: names are
  /// defined once, and not as themselves; methods are functions, and the service is a service.
  /// Linear in the source but for sorting.
  /// - Throws: `syntax` or `invalidType` with the offset; `syntax` for an import, too.
  public init(parsing source: [UInt8]) throws(CandidError) {
    try self.init(parsing: CandidSource(name: "", bytes: source)) {
      (_, _) throws(CandidError) in
      throw CandidError(
        .syntax, "imports cannot be read here; put the definitions into this source")
    }
  }

  /// Reads the source of a `.did` file, as ``init(parsing:)-([UInt8])`` does.
  public init(parsing source: String) throws(CandidError) {
    try self.init(parsing: Array(source.utf8))
  }

  /// Reads a file together with the files that it imports (Candid spec, "Imports"), each of which
  /// is read once.
  /// - Parameters:
  ///   - source: the file.
  ///   - load: finds what `path` in an `import` of the file `importer` stands for.
  /// - Throws: as above; `syntax` at the import for files that import each other; `limitExceeded`
  ///   for more than 256 files, or 32 one in another. An error in an imported file has the place of
  ///   the import as its offset, and tells the inner place in words.
  public init(
    parsing source: CandidSource,
    importing load: (_ path: String, _ importer: CandidSource) throws(CandidError) -> CandidSource
  ) throws(CandidError) {
    var environment = CandidTypeEnvironment()
    let main = try withoutActuallyEscaping(load) { (load) throws(CandidError) in
      var loader = InterfaceLoader(load: load)
      let main = try loader.interface(source)
      environment = loader.environment
      return main
    }
    self.environment = environment
    service = main.service
    initArguments = main.initArguments
  }

  /// The type of a method of the service; nil when there is no such method.
  public func method(_ name: String) -> CandidFunction? {
    guard let method = methods?.first(where: { $0.name.utf8.elementsEqual(name.utf8) }),
      case .function(let function) = try? environment.resolve(method.type)
    else { return nil }
    return function
  }

  /// The service's methods; nil when there is no service.
  var methods: [CandidMethod]? {
    guard let service, case .service(let methods) = try? environment.resolve(service) else {
      return nil
    }
    return methods
  }
}

/// A `.did` file.
public struct CandidSource: Sendable {
  /// What tells the file from others: where two imports lead to the same file, the name must be the
  /// same. It is part of errors.
  public var name: String
  /// What is in the file.
  public var bytes: [UInt8]

  /// A file of this name and content.
  public init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}
