/// The definitions that the names in types refer to, as a `.did` file gives them.
public struct CandidTypeEnvironment: Sendable {
  public private(set) var definitions: [String: CandidType]

  public init(_ definitions: [String: CandidType] = [:]) {
    self.definitions = definitions
  }

  public subscript(name: String) -> CandidType? {
    get { definitions[name] }
    set { definitions[name] = newValue }
  }

  /// Follows names until a type that is none.
  /// - Throws: `invalidType` for a name without definition, or one that is defined as itself.
  public func resolve(_ type: CandidType) throws(CandidError) -> CandidType {
    var type = type
    var steps = 0
    while case .named(let name) = type {
      guard let next = definitions[name] else {
        throw CandidError(.invalidType, "the type \(name) is not defined")
      }
      guard steps <= definitions.count else {
        throw CandidError(.invalidType, "the type \(name) is defined as itself")
      }
      steps += 1
      type = next
    }
    return type
  }
}
