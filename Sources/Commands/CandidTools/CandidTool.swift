import Candid

/// What the `candid` commands do, apart from their input and output.
struct CandidTool {
  let interface: CandidInterface
  /// The types of the arguments; nil for those that the values have by themselves.
  let signature: CandidSignature?

  /// A failure with where it is: in which of the inputs, and at which byte of it.
  struct Failure: Error {
    let message: String
    let offset: Int?

    init(_ error: CandidError, in input: String) {
      message = "\(input): \(error.message)"
      offset = error.offset
    }

    init(_ message: String) {
      self.message = message
      offset = nil
    }
  }

  /// - Parameters:
  ///   - definitions: the source of a `.did` file, or nothing.
  ///   - types: types in parentheses.
  init(definitions: String, types: String?) throws(Failure) {
    let interface = try CandidTool.locate("defs") { () throws(CandidError) in
      try CandidInterface(parsing: definitions)
    }
    self.interface = interface
    guard let types else {
      signature = nil
      return
    }
    signature = try CandidTool.locate("type") { () throws(CandidError) in
      try CandidSignature(CandidText.parseTypes(types), in: interface.environment)
    }
  }

  private static func locate<Result>(
    _ input: String, _ body: () throws(CandidError) -> Result
  ) throws(Failure) -> Result {
    do throws(CandidError) {
      return try body()
    } catch {
      throw Failure(error, in: input)
    }
  }

  /// The binary message of an argument list in text.
  func encode(_ text: String) throws(Failure) -> [UInt8] {
    let source = Array(text.utf8)
    return try CandidTool.locate("value") { () throws(CandidError) in
      guard let signature else {
        return try CandidBinary.encode(CandidText.parseArguments(text))
      }
      return try CandidBinary.encode(
        CandidText.parseArguments(source, as: signature), as: signature)
    }
  }

  /// The text of a binary message.
  func decode(_ bytes: [UInt8]) throws(Failure) -> String {
    try CandidTool.locate("hex") { () throws(CandidError) in
      guard let signature else { return CandidText.print(try CandidBinary.decode(bytes)) }
      return CandidText.print(try CandidBinary.decode(bytes, as: signature))
    }
  }

  /// Whether every value of `a` can be read as one of `b`. Both are types, or lists of types in
  /// parentheses.
  func isSubtype(_ a: String, of b: String) throws(Failure) -> Bool {
    let left = try CandidTool.locate("a") { () throws(CandidError) in try CandidTool.type(a) }
    let right = try CandidTool.locate("b") { () throws(CandidError) in try CandidTool.type(b) }
    return try CandidTool.locate("types") { () throws(CandidError) in
      try left.isSubtype(of: right, in: interface.environment)
    }
  }

  /// A list of types stands as a function's results, which are compared as arguments are.
  private static func type(_ text: String) throws(CandidError) -> CandidType {
    guard text.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "(") else {
      return try CandidText.parseType(text)
    }
    return .function(
      CandidFunction([], try CandidText.parseTypes(text)))
  }

  /// Whether clients of the interface `old` can call this one.
  func canReplace(_ old: CandidInterface) throws(Failure) -> Bool {
    guard let new = interface.service, let former = old.service else {
      throw Failure("both files need a service to be compared")
    }
    // The names of the two files mean different types.
    var environment = CandidTypeEnvironment()
    for (name, type) in interface.environment.definitions {
      environment["new " + name] = type.renamed("new ")
    }
    for (name, type) in old.environment.definitions {
      environment["old " + name] = type.renamed("old ")
    }
    return try CandidTool.locate("services") { () throws(CandidError) in
      try new.renamed("new ").isSubtype(of: former.renamed("old "), in: environment)
    }
  }
}

extension CandidType {
  /// The same type, with a prefix before every name that it refers to.
  fileprivate func renamed(_ prefix: String) -> CandidType {
    func fields(_ fields: [CandidField]) -> [CandidField] {
      fields.map { CandidField(label: $0.label, type: $0.type.renamed(prefix)) }
    }
    return switch self {
    case .named(let name): .named(prefix + name)
    case .opt(let type): .opt(type.renamed(prefix))
    case .vec(let type): .vec(type.renamed(prefix))
    case .record(let members): .record(fields(members))
    case .variant(let cases): .variant(fields(cases))
    case .function(let function):
      .function(
        CandidFunction(
          function.parameters.map { $0.renamed(prefix) },
          function.results.map { $0.renamed(prefix) }, function.annotations))
    case .service(let methods):
      .service(methods.map { CandidMethod($0.name, $0.type.renamed(prefix)) })
    default: self
    }
  }
}
