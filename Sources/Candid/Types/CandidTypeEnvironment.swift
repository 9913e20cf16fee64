/// The definitions that the names in types refer to, as a `.did` file gives them.
public struct CandidTypeEnvironment: Sendable {
  /// The types by their names.
  public private(set) var definitions: [String: CandidType]
  /// Where the names lead that are defined as names, once `followChains` has looked.
  private var ends: [String: String] = [:]

  /// An environment with these definitions; by default an empty one.
  public init(_ definitions: [String: CandidType] = [:]) {
    self.definitions = definitions
  }

  /// The type that a name stands for; nil when it is not defined.
  public subscript(name: String) -> CandidType? {
    get { definitions[name] }
    set {
      definitions[name] = newValue
      ends = [:]
    }
  }

  /// Follows names until a type that is none.
  /// - Throws: `invalidType` for a name without definition, or one that is defined as itself.
  public func resolve(_ type: CandidType) throws(CandidError) -> CandidType {
    var type = type
    if case .named(let name) = type, let end = ends[name] { type = .named(end) }
    var steps = 0
    while case .named(let name) = type {
      guard let next = definitions[name] else {
        throw CandidError(.invalidType, "the type \(name.excerpt) is not defined")
      }
      guard steps <= definitions.count else {
        throw CandidError(.invalidType, "the type \(name.excerpt) is defined as itself")
      }
      steps += 1
      type = next
    }
    return type
  }

  /// Notes the ends of the chains of names that start at `names`, so that `resolve` takes one step
  /// for each; linear in the number of definitions.
  /// - Returns: a name that is defined as itself, perhaps by way of others; nil if there is none.
  mutating func followChains(from names: some Sequence<String>) -> String? {
    for start in names {
      var path: [String] = []
      var name = start
      while ends[name] == nil, case .named(let next) = definitions[name] {
        guard path.count <= definitions.count else { return name }
        path.append(name)
        name = next
      }
      let end = ends[name] ?? name
      for passed in path { ends[passed] = end }
    }
    return nil
  }

  /// - Throws: `invalidType`, with the offset, for a name without definition, and for one behind a
  ///   method that is no function.
  func check(_ names: [TextParser.TypeName]) throws(CandidError) {
    for use in names {
      guard definitions[use.name] != nil else {
        throw CandidError(
          .invalidType, "the type \(use.name.excerpt) is not defined", at: use.offset)
      }
      guard use.isMethod else { continue }
      guard case .function = try? resolve(.named(use.name)) else {
        throw CandidError(
          .invalidType, "a method has a func type, which \(use.name.excerpt) is not",
          at: use.offset)
      }
    }
  }
}
