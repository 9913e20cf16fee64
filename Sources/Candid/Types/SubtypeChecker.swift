/// Decides `left <: right` (Candid spec, "Rules", "Subtyping"), coinductively: a pair of types that
/// is met again while it is being decided is assumed to hold.
struct SubtypeChecker {
  /// Whether `t <: opt t'` may hold although `t` is no subtype of `t'` or `opt t'`.
  enum OptRule {
    case anythingIsOptional
    case onlyWhatFits
  }

  private struct Pair: Hashable {
    let left: TypeReference
    let right: TypeReference
    /// Parameters of functions are compared the other way round.
    let isSwapped: Bool
  }

  private let left: TypeTable
  private let right: TypeTable
  private let optRule: OptRule
  private let maximumDepth: Int
  private let maximumSteps: Int
  /// Pairs compared since the checker was made.
  private(set) var stepsTaken = 0
  /// The pairs that hold, or are being decided and assumed to hold; in the order of `trail`.
  private var assumed: Set<Pair> = []
  private var trail: [Pair] = []
  /// The pairs that do not hold even on every assumption that was made.
  private var refuted: Set<Pair> = []

  init(
    _ left: TypeTable, _ right: TypeTable, optRule: OptRule = .anythingIsOptional,
    maximumDepth: Int = CandidLimits.standard.depth, steps: Int = 1_000_000
  ) {
    self.left = left
    self.right = right
    self.optRule = optRule
    self.maximumDepth = maximumDepth
    maximumSteps = steps
  }

  /// Whether a type of the left table is a subtype of one of the right. What is found out is kept
  /// for later questions.
  /// - Throws: `limitExceeded` when the decision takes too many steps or types nest too deeply.
  mutating func decide(
    _ left: TypeReference, _ right: TypeReference
  ) throws(CandidError) -> Bool {
    try holds(left, right, isSwapped: false, depth: 0)
  }

  /// Parameters of functions are compared the other way round: `isSwapped`.
  private mutating func holds(
    _ a: TypeReference, _ b: TypeReference, isSwapped: Bool, depth: Int
  ) throws(CandidError) -> Bool {
    stepsTaken += 1
    guard stepsTaken <= maximumSteps, depth <= maximumDepth else {
      throw CandidError(.limitExceeded, "the types are too large or too deep to compare")
    }
    if b == .reserved || a == .empty { return true }
    if a.code < 0, a == b { return true }
    if a == .nat, b == .int { return true }
    let (aTable, bTable) = isSwapped ? (right, left) : (left, right)
    guard b.code >= 0 || a.code >= 0 else { return false }
    if b == .principal, case .service = aTable.entry(a) { return true }
    guard let bEntry = bTable.entry(b) else { return false }
    let pair = Pair(left: a, right: b, isSwapped: isSwapped)
    if refuted.contains(pair) { return false }
    guard assumed.insert(pair).inserted else { return true }
    let mark = trail.count
    trail.append(pair)
    let result =
      if case .opt(let inner) = bEntry {
        try holdsOptional(a, inner, aTable, bTable, isSwapped, depth + 1)
      } else if let aEntry = aTable.entry(a) {
        try holds(aEntry, bEntry, bTable, isSwapped, depth + 1)
      } else {
        false
      }
    if !result {
      // What was decided on the assumption is not known any more.
      for pair in trail[mark...] { assumed.remove(pair) }
      trail.removeSubrange(mark...)
      refuted.insert(pair)
    }
    return result
  }

  private mutating func holdsOptional(
    _ a: TypeReference, _ inner: TypeReference, _ aTable: TypeTable, _ bTable: TypeTable,
    _ isSwapped: Bool, _ depth: Int
  ) throws(CandidError) -> Bool {
    if optRule == .anythingIsOptional || a == .null { return true }
    if case .opt(let aInner) = aTable.entry(a) {
      if try holds(aInner, inner, isSwapped: isSwapped, depth: depth) { return true }
    }
    if bTable.hasDefault(inner) { return false }
    return try holds(a, inner, isSwapped: isSwapped, depth: depth)
  }

  private mutating func holds(
    _ a: TypeTable.Entry, _ b: TypeTable.Entry, _ bTable: TypeTable, _ isSwapped: Bool,
    _ depth: Int
  ) throws(CandidError) -> Bool {
    switch (a, b) {
    case (.vec(let a), .vec(let b)):
      return try holds(a, b, isSwapped: isSwapped, depth: depth)
    case (.record(let a), .record(let b)):
      var index = 0
      for field in b {
        while index < a.count, a[index].label < field.label { index += 1 }
        if index < a.count, a[index].label == field.label {
          guard try holds(a[index].type, field.type, isSwapped: isSwapped, depth: depth) else {
            return false
          }
        } else if !bTable.hasDefault(field.type) {
          return false
        }
      }
      return true
    case (.variant(let a), .variant(let b)):
      var index = 0
      for tag in a {
        while index < b.count, b[index].label < tag.label { index += 1 }
        guard index < b.count, b[index].label == tag.label,
          try holds(tag.type, b[index].type, isSwapped: isSwapped, depth: depth)
        else { return false }
      }
      return true
    case (.function(let aIn, let aOut, let aNotes), .function(let bIn, let bOut, let bNotes)):
      guard Set(aNotes) == Set(bNotes) else { return false }
      guard try holdsTuple(bIn, aIn, !isSwapped, depth) else { return false }
      return try holdsTuple(aOut, bOut, isSwapped, depth)
    case (.service(let a), .service(let b)):
      var index = 0
      for method in b {
        while index < a.count, TypeCompiler.precedes(a[index].name, method.name) { index += 1 }
        guard index < a.count, a[index].name.utf8.elementsEqual(method.name.utf8),
          try holds(a[index].type, method.type, isSwapped: isSwapped, depth: depth)
        else { return false }
      }
      return true
    default:
      return false
    }
  }

  /// Argument lists are compared like records: the longer may be passed for the shorter, and what
  /// is missing must have a default.
  private mutating func holdsTuple(
    _ a: [TypeReference], _ b: [TypeReference], _ isSwapped: Bool, _ depth: Int
  ) throws(CandidError) -> Bool {
    let bTable = isSwapped ? left : right
    for (index, type) in b.enumerated() {
      if index < a.count {
        guard try holds(a[index], type, isSwapped: isSwapped, depth: depth) else { return false }
      } else if !bTable.hasDefault(type) {
        return false
      }
    }
    return true
  }
}

extension CandidType {
  /// Whether every value of this type can be read as one of the other: `self <: other`.
  /// - Throws: `invalidType` for types that `CandidSignature` refuses; `limitExceeded` for types
  ///   too large to compare.
  public func isSubtype(
    of other: CandidType, in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> Bool {
    try isSubtype(of: other, in: environment, optRule: .anythingIsOptional)
  }

  func isSubtype(
    of other: CandidType, in environment: CandidTypeEnvironment, optRule: SubtypeChecker.OptRule
  ) throws(CandidError) -> Bool {
    var compiler = TypeCompiler(environment)
    let left = try compiler.compile(self)
    let right = try compiler.compile(other)
    var checker = SubtypeChecker(compiler.table, compiler.table, optRule: optRule)
    return try checker.decide(left, right)
  }
}
