/// Runs a `CoercionPlan`: writes a message's values anew, as values of the types expected.
///
/// All bytes are checked, those of dropped values too: malformed bytes are an error wherever they
/// are, only a value that cannot be coerced may become null, at the innermost opt.
struct Coercer {
  private let plan: CoercionPlan
  private var skipper: ValueSkipper
  private var output: [UInt8] = []

  /// The values behind the cursor, in the form of the types that the plan was made for.
  static func coerce(
    _ cursor: ByteCursor, by plan: CoercionPlan, limits: CandidLimits, headerCost: Int
  ) throws(CandidError) -> [UInt8] {
    var coercer = Coercer(
      plan: plan,
      skipper: try ValueSkipper(cursor, plan.layout, limits: limits, headerCost: headerCost))
    // Every default is a byte more; a few are foreseen.
    coercer.output.reserveCapacity(cursor.remaining + plan.arguments.count + 32)
    for part in plan.parts[plan.arguments] {
      if case .read = part.action { try coercer.skipper.charge(part.type) }
      try coercer.run(part, depth: limits.depth)
    }
    try coercer.skipper.finish()
    return coercer.output
  }

  private init(plan: CoercionPlan, skipper: ValueSkipper) {
    self.plan = plan
    self.skipper = skipper
  }

  private mutating func run(_ part: CoercionPlan.Part, depth: Int) throws(CandidError) {
    switch part.action {
    case .read(let step): try run(step, depth: depth)
    case .drop: try skipper.drop(part.type, depth: depth)
    case .absent: output.append(0)
    case .missing(let message):
      if message != CoercionPlan.Part.none { throw mismatch(message) }
    case .noCase:
      throw CandidError(
        .typeMismatch, "the variant expected has no case \(plan.labels[part.label])",
        at: skipper.cursor.position)
    }
  }

  private mutating func run(_ number: Int, depth: Int) throws(CandidError) {
    guard depth > 0 else { throw skipper.nestedTooDeeply }
    switch plan.steps[number] {
    case .copy(let type), .reference(let type): try copy(type, depth: depth)
    case .natToInt: try natToInt()
    case .drop(let type):
      // What is not wanted is dear; it was charged for once by whoever led here.
      try skipper.drop(type, depth: depth)
    case .optional(let content, let step):
      guard try skipper.cursor.optTag() else { return output.append(0) }
      try skipper.charge(content)
      try attempt(step, content, depth: depth - 1)
    case .present(let content, let step): try attempt(step, content, depth: depth - 1)
    case .absent: output.append(0)
    case .vector(let element, let step): try vector(element, step, depth: depth - 1)
    case .record(let parts, let defaults):
      // Each is an opt in a field.
      try skipper.charge(defaults * (TypeLayout.fieldCost + 2))
      for index in parts { try runField(plan.parts[index], depth: depth - 1) }
    case .variant(let parts):
      let chosen = try skipper.cursor.caseIndex(below: parts.count)
      let part = plan.parts[parts.lowerBound + chosen]
      try skipper.charge(part.type)
      output.appendLEB128(UInt64(part.target))
      try runField(part, depth: depth - 1)
    case .mismatch(let message): throw mismatch(message)
    case .empty: throw skipper.emptyValue
    }
  }

  private mutating func runField(
    _ part: CoercionPlan.Part, depth: Int
  ) throws(CandidError) {
    do throws(CandidError) {
      try run(part, depth: depth)
    } catch {
      guard error.code == .typeMismatch, case .read = part.action else { throw error }
      throw CandidError(
        error.code, "in the field \(plan.labels[part.label]): \(error.message)", at: error.offset)
    }
  }

  private mutating func copy(_ type: TypeReference, depth: Int) throws(CandidError) {
    let start = skipper.cursor.position
    try skipper.skip(type, depth: depth)
    output.append(contentsOf: skipper.cursor.read(from: start))
  }

  /// The sign of a signed number is its seventh bit, which an unsigned one may need for itself.
  private mutating func natToInt() throws(CandidError) {
    let groups = try skipper.cursor.groups()
    output.append(contentsOf: groups)
    guard let last = groups.last, last & 0x40 != 0 else { return }
    output[output.count - 1] = last | 0x80
    output.append(0)
  }

  /// The special rule of opt: what cannot be coerced is null.
  private mutating func attempt(
    _ step: Int, _ content: TypeReference, depth: Int
  ) throws(CandidError) {
    let start = skipper.cursor.position
    let written = output.count
    output.append(1)
    do throws(CandidError) {
      try run(step, depth: depth)
    } catch {
      guard error.code == .typeMismatch else { throw error }
      output.removeLast(output.count - written)
      output.append(0)
      skipper.cursor.rewind(to: start)
      try skipper.drop(content, depth: depth)
      // The bytes have been read once more.
      try skipper.charge(skipper.cursor.position - start)
    }
  }

  private mutating func vector(
    _ element: TypeReference, _ step: Int, depth: Int
  ) throws(CandidError) {
    let count = try skipper.elementCount(of: element)
    output.appendLEB128(UInt64(count))
    for _ in 0..<count { try run(step, depth: depth) }
  }

  private func mismatch(_ message: Int) -> CandidError {
    CandidError(.typeMismatch, plan.messages[message], at: skipper.cursor.position)
  }
}
