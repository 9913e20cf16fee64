/// Makes a `CoercionPlan` for each pair of types that can meet. The types may be recursive and are
/// a peer's, so pairs wait in a list instead of on the stack.
struct CoercionCompiler {
  private struct Pair: Hashable {
    let sent: TypeReference
    let wanted: TypeReference
  }

  /// What one pair costs, for `CandidLimits.cost`: about so many times what a value does.
  private static let pairCost = 20

  private let wire: TypeTable
  private let expected: TypeTable
  private let limits: CandidLimits
  private var plan: CoercionPlan
  private var checker: SubtypeChecker
  private var pairs: [Pair] = []
  private var known: [Pair: Int] = [:]
  /// The steps that refer to a step, in order to tell them that it is no copy.
  private var users: [[Int]] = []

  /// - Throws: `limitExceeded` when the types are too many to compare.
  static func plan(
    from wire: (table: TypeTable, arguments: [TypeReference]), to signature: CandidSignature,
    limits: CandidLimits
  ) throws(CandidError) -> CoercionPlan {
    var compiler = CoercionCompiler(wire.table, signature.table, limits)
    try compiler.compile(wire.arguments, signature.arguments)
    return compiler.plan
  }

  private init(_ wire: TypeTable, _ expected: TypeTable, _ limits: CandidLimits) {
    self.wire = wire
    self.expected = expected
    self.limits = limits
    plan = CoercionPlan(layout: TypeLayout(wire))
    checker = SubtypeChecker(
      wire, expected, maximumDepth: limits.depth, steps: limits.cost / Self.pairCost)
  }

  private mutating func compile(
    _ sent: [TypeReference], _ wanted: [TypeReference]
  ) throws(CandidError) {
    var arguments: [CoercionPlan.Part] = []
    for index in 0..<max(sent.count, wanted.count) {
      if index >= wanted.count {
        arguments.append(part(.drop, sent[index]))
      } else if index >= sent.count {
        arguments.append(missing(wanted[index], "the argument \(index + 1)"))
      } else {
        arguments.append(part(.read(number(sent[index], wanted[index], user: nil)), sent[index]))
      }
    }
    var next = 0
    while next < pairs.count {
      plan.cost += Self.pairCost
      guard plan.cost <= limits.cost else {
        throw CandidError(.limitExceeded, "the message's types are too many to compare", at: 0)
      }
      plan.steps[next] = try step(pairs[next], number: next)
      next += 1
    }
    plan.cost += checker.stepsTaken * Self.pairCost
    plan.arguments = plan.parts.count..<plan.parts.count + arguments.count
    plan.parts += arguments
    findCopies()
  }

  /// The number of a pair's step, which is made when its turn comes.
  private mutating func number(
    _ sent: TypeReference, _ wanted: TypeReference, user: Int?
  ) -> Int {
    let pair = Pair(sent: sent, wanted: wanted)
    let number = known[pair] ?? pairs.count
    if number == pairs.count {
      known[pair] = number
      pairs.append(pair)
      plan.steps.append(.empty)
      users.append([])
    }
    if let user { users[number].append(user) }
    return number
  }

  private mutating func part(
    _ action: CoercionPlan.Part.Action, _ type: TypeReference, _ label: CandidLabel? = nil,
    target: Int = 0
  ) -> CoercionPlan.Part {
    if let label { plan.labels.append(label) }
    return CoercionPlan.Part(
      action: action, type: type, target: target, label: plan.labels.count - 1)
  }

  private mutating func step(_ pair: Pair, number: Int) throws(CandidError) -> CoercionPlan.Step {
    let (sent, wanted) = (pair.sent, pair.wanted)
    if sent == .empty { return .empty }
    guard wanted.code >= 0 else { return primitive(sent, wanted) }
    guard let entry = expected.entry(wanted) else { return mismatch(sent, wanted) }
    if case .opt(let inner) = entry {
      if sent == .null || sent == .reserved { return .absent }
      if case .opt(let content) = wire.entry(sent) {
        return .optional(content: content, self.number(content, inner, user: number))
      }
      return .present(content: sent, self.number(sent, inner, user: number))
    }
    switch (wire.entry(sent), entry) {
    case (.vec(let sent), .vec(let wanted)):
      return .vector(element: sent, self.number(sent, wanted, user: number))
    case (.record(let sent), .record(let wanted)):
      return record(sent, wanted, user: number)
    case (.variant(let sent), .variant(let wanted)):
      return variant(sent, wanted, user: number)
    case (.function, .function), (.service, .service):
      return try checker.decide(sent, wanted) ? .reference(sent) : mismatch(sent, wanted)
    default:
      return mismatch(sent, wanted)
    }
  }

  private mutating func primitive(
    _ sent: TypeReference, _ wanted: TypeReference
  ) -> CoercionPlan.Step {
    if sent == wanted { return .copy(sent) }
    if wanted == .reserved { return .drop(sent) }
    if sent == .nat, wanted == .int { return .natToInt }
    if wanted == .principal, case .service = wire.entry(sent) { return .reference(sent) }
    return mismatch(sent, wanted)
  }

  private mutating func record(
    _ sent: [TypeTable.Field], _ wanted: [TypeTable.Field], user: Int
  ) -> CoercionPlan.Step {
    var parts: [CoercionPlan.Part] = []
    var next = 0
    for field in wanted {
      while next < sent.count, sent[next].label < field.label {
        parts.append(part(.drop, sent[next].type))
        next += 1
      }
      guard next < sent.count, sent[next].label == field.label else {
        parts.append(missing(field.type, "the field \(field.label)"))
        continue
      }
      let step = number(sent[next].type, field.type, user: user)
      parts.append(part(.read(step), sent[next].type, field.label))
      next += 1
    }
    for field in sent.dropFirst(next) { parts.append(part(.drop, field.type)) }
    plan.parts += parts
    return .record(
      parts: plan.parts.count - parts.count..<plan.parts.count,
      defaults: parts.count - sent.count)
  }

  private mutating func variant(
    _ sent: [TypeTable.Field], _ wanted: [TypeTable.Field], user: Int
  ) -> CoercionPlan.Step {
    var parts: [CoercionPlan.Part] = []
    var target = 0
    for field in sent {
      while target < wanted.count, wanted[target].label < field.label { target += 1 }
      guard target < wanted.count, wanted[target].label == field.label else {
        let message = self.message("the variant expected has no case \(field.label)")
        parts.append(part(.missing(message), field.type))
        continue
      }
      let step = number(field.type, wanted[target].type, user: user)
      parts.append(part(.read(step), field.type, wanted[target].label, target: target))
    }
    plan.parts += parts
    return .variant(parts: plan.parts.count - parts.count..<plan.parts.count)
  }

  /// A field that the sender does not have.
  private mutating func missing(
    _ wanted: TypeReference, _ what: String
  ) -> CoercionPlan.Part {
    let action: CoercionPlan.Part.Action =
      if case .opt = expected.entry(wanted) {
        .absent
      } else if expected.hasDefault(wanted) {
        .missing(CoercionPlan.Part.none)
      } else {
        .missing(message("\(what) of type \(expected.name(wanted)) is missing"))
      }
    return part(action, .null)
  }

  private mutating func mismatch(
    _ sent: TypeReference, _ wanted: TypeReference
  ) -> CoercionPlan.Step {
    .mismatch(
      message("\(wire.name(sent)) was sent, \(expected.name(wanted)) is expected"))
  }

  private mutating func message(_ text: String) -> Int {
    plan.messages.append(text)
    return plan.messages.count - 1
  }

  // MARK: - Copies

  /// Finds the composite types that are the same on both sides, so that their values need not be
  /// taken apart. Each is taken for the same until something inside it is found to differ.
  private mutating func findCopies() {
    var isCopy = plan.steps.map(mayBeCopy)
    var different = isCopy.indices.filter { !isCopy[$0] }
    while let step = different.popLast() {
      for user in users[step] where isCopy[user] {
        isCopy[user] = false
        different.append(user)
      }
    }
    for index in plan.steps.indices where isCopy[index] {
      plan.steps[index] = .copy(pairs[index].sent)
    }
  }

  /// Whether the step itself changes nothing, whatever those do that it refers to.
  private func mayBeCopy(_ step: CoercionPlan.Step) -> Bool {
    switch step {
    case .copy, .reference, .vector: true
    case .record(let parts, _):
      plan.parts[parts].allSatisfy { if case .read = $0.action { true } else { false } }
    case .variant(let parts):
      plan.parts[parts].enumerated().allSatisfy { offset, part in
        if case .read = part.action { part.target == offset } else { false }
      }
    // A value in it that cannot be coerced becomes null.
    case .optional: true
    case .natToInt, .drop, .present, .absent, .mismatch, .empty: false
    }
  }
}
