extension CandidInterface {
  /// What keeps clients of `old` from calling this interface (Candid spec, "Upgrading and
  /// Subtyping"): a sentence for each method that is missing or has changed, in the order of names;
  /// empty when the service may be upgraded. After 20 sentences it stops.
  /// - Throws: `invalidType` when one of the two has no service; `limitExceeded` for types too
  ///   large to compare.
  public func upgradeProblems(from old: CandidInterface) throws(CandidError) -> [String] {
    guard let service, let methods, let oldService = old.service, let oldMethods = old.methods
    else {
      throw CandidError(.invalidType, "both interfaces need a service to be compared")
    }
    let comparison = TypeComparison(new: environment, old: old.environment)
    if try comparison.holds(.new(service), .old(oldService)) { return [] }
    var problems: [String] = []
    let byName = Dictionary(methods.map { (Array($0.name.utf8), $0.type) }) { first, _ in first }
    for method in oldMethods where problems.count < 20 {
      let name = "method \(method.name.excerpt)"
      guard let type = byName[Array(method.name.utf8)] else {
        problems.append("\(name) is missing")
        continue
      }
      if let reason = try comparison.reason(.new(type), .old(method.type)) {
        problems.append("\(name): \(reason)")
      }
    }
    return problems
  }
}

extension CandidType {
  /// Why this type is no subtype of the other: the path to the innermost parts that differ, and
  /// what they are. Nil when it is one.
  /// - Throws: as `isSubtype(of:in:)`.
  public func reasonAgainstSubtype(
    of other: CandidType, in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> String? {
    try TypeComparison(new: environment, old: environment).reason(.new(self), .old(other))
  }
}

/// Compares the types of two interfaces, in which the same names may mean different types.
private struct TypeComparison {
  /// A type with the names of its interface marked.
  struct Side {
    let type: CandidType

    static func new(_ type: CandidType) -> Side { Side(type: type.renamed { "new " + $0 }) }
    static func old(_ type: CandidType) -> Side { Side(type: type.renamed { "old " + $0 }) }

    /// As the interface has it, for messages.
    var text: String { type.renamed { String($0.dropFirst(4)) }.description.excerpt }
  }

  private static let longestPath = 16
  private let environment: CandidTypeEnvironment

  init(new: CandidTypeEnvironment, old: CandidTypeEnvironment) {
    var environment = CandidTypeEnvironment()
    for (name, type) in new.definitions { environment["new " + name] = Side.new(type).type }
    for (name, type) in old.definitions { environment["old " + name] = Side.old(type).type }
    // What is defined as itself is an error of the types' compilation.
    _ = environment.followChains(from: environment.definitions.keys)
    self.environment = environment
  }

  func holds(_ left: Side, _ right: Side) throws(CandidError) -> Bool {
    try left.type.isSubtype(of: right.type, in: environment)
  }

  func reason(
    _ left: Side, _ right: Side, depth: Int = 0
  ) throws(CandidError) -> String? {
    if try holds(left, right) { return nil }
    if depth < Self.longestPath, let inner = try innerReason(left, right, depth + 1) {
      return inner
    }
    return "\(left.text) is not a subtype of \(right.text)"
  }

  /// The first difference inside of two types with the same constructor.
  private func innerReason(
    _ left: Side, _ right: Side, _ depth: Int
  ) throws(CandidError) -> String? {
    switch (try environment.resolve(left.type), try environment.resolve(right.type)) {
    case (.vec(let a), .vec(let b)):
      return try reason(Side(type: a), Side(type: b), depth: depth).map { "element: \($0)" }
    case (.record(let a), .record(let b)):
      for field in b {
        let name = "field \(field.label.description.excerpt)"
        if let own = a.first(where: { $0.label == field.label }) {
          if let inner = try reason(Side(type: own.type), Side(type: field.type), depth: depth) {
            return "\(name): \(inner)"
          }
        } else if try !isOptional(field.type) {
          return "\(name) is missing"
        }
      }
      return nil
    case (.variant(let a), .variant(let b)):
      for tag in a {
        let name = "case \(tag.label.description.excerpt)"
        guard let other = b.first(where: { $0.label == tag.label }) else {
          return "\(name) is unknown to the reader"
        }
        if let inner = try reason(Side(type: tag.type), Side(type: other.type), depth: depth) {
          return "\(name): \(inner)"
        }
      }
      return nil
    case (.function(let a), .function(let b)): return try reason(a, b, depth)
    case (.service(let a), .service(let b)):
      for method in b {
        let name = "method \(method.name.excerpt)"
        guard let own = a.first(where: { $0.name == method.name }) else {
          return "\(name) is missing"
        }
        if let inner = try reason(Side(type: own.type), Side(type: method.type), depth: depth) {
          return "\(name): \(inner)"
        }
      }
      return nil
    default: return nil
    }
  }

  private func reason(
    _ new: CandidFunction, _ old: CandidFunction, _ depth: Int
  ) throws(CandidError) -> String? {
    guard Set(new.annotations) == Set(old.annotations) else {
      func words(_ function: CandidFunction) -> String {
        let words = function.annotations.sorted().map { annotation in
          switch annotation {
          case .query: "query"
          case .oneway: "oneway"
          case .compositeQuery: "composite_query"
          }
        }
        return words.isEmpty ? "no annotation" : words.joined(separator: " ")
      }
      return "it has \(words(new)), and had \(words(old))"
    }
    if let inner = try reason(old.parameters, new.parameters, "parameter", depth) { return inner }
    return try reason(new.results, old.results, "result", depth)
  }

  private func reason(
    _ given: [CandidType], _ wanted: [CandidType], _ kind: String, _ depth: Int
  ) throws(CandidError) -> String? {
    for (index, type) in wanted.enumerated() {
      let name = "\(kind) \(index + 1)"
      if index < given.count {
        if let inner = try reason(Side(type: given[index]), Side(type: type), depth: depth) {
          return "\(name): \(inner)"
        }
      } else if try !isOptional(type) {
        return "\(name) of type \(Side(type: type).text) is not given"
      }
    }
    return nil
  }

  private func isOptional(_ type: CandidType) throws(CandidError) -> Bool {
    switch try environment.resolve(type) {
    case .null, .reserved, .opt: true
    default: false
    }
  }
}

extension CandidType {
  /// The same type with other names for the types that it refers to.
  fileprivate func renamed(_ name: (String) -> String) -> CandidType {
    func fields(_ fields: [CandidField]) -> [CandidField] {
      fields.map { CandidField(label: $0.label, type: $0.type.renamed(name)) }
    }
    return switch self {
    case .named(let old): .named(name(old))
    case .opt(let type): .opt(type.renamed(name))
    case .vec(let type): .vec(type.renamed(name))
    case .record(let members): .record(fields(members))
    case .variant(let cases): .variant(fields(cases))
    case .function(let function):
      .function(
        CandidFunction(
          function.parameters.map { $0.renamed(name) },
          function.results.map { $0.renamed(name) }, function.annotations))
    case .service(let methods):
      .service(methods.map { CandidMethod($0.name, $0.type.renamed(name)) })
    default: self
    }
  }
}
