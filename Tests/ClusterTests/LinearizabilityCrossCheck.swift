import Testing

@testable import ClusterTestKit

/// Makes histories by running clients against a key, at random instants.
struct HistoryMaker {
  private var random: SplitMix64
  private let counts: Bool
  private var value: UInt64?
  private var version: UInt64 = 0
  private var nextVersion: UInt64 = 1
  private var nextValue: UInt64 = 1

  init(seed: UInt64, counts: Bool) {
    random = SplitMix64(seed: seed)
    self.counts = counts
  }

  /// `loss` is the share of answers that do not arrive.
  mutating func history(operations: Int, clients: Int, loss: Double) -> [KeyOperation] {
    var history: [KeyOperation] = []
    var free = Array(repeating: UInt64(0), count: clients)
    var effects: [(effect: UInt64, index: Int)] = []
    for _ in 0..<operations {
      let client = Int(random.below(UInt64(clients)))
      let start = free[client] + random.below(20)
      let end = start + 1 + random.below(30)
      free[client] = end + 1
      effects.append((start + random.below(end - start + 1), history.count))
      history.append(KeyOperation(command(), .unknown, invoked: start, returned: end))
    }
    for (_, index) in effects.sorted(by: { $0 < $1 }) {
      let isLost = random.chance(loss)
      // What is lost was carried out, or not.
      if isLost, random.chance(0.5) { continue }
      let outcome = perform(history[index].command)
      if !isLost { history[index].outcome = outcome }
    }
    return history
  }

  private mutating func command() -> KeyOperation.Command {
    if counts { return random.chance(0.5) ? .increment : .get }
    let condition: KeyOperation.Condition =
      switch random.below(6) {
      case 0: .missing
      case 1: .exists
      case 2: .version(1 + random.below(nextVersion + 3))
      default: .none
      }
    switch random.below(10) {
    case 0..<4: return .get
    case 4..<6: return .delete(condition: condition)
    default:
      nextValue += 1
      return .put(value: nextValue, ttl: nil, condition: condition)
    }
  }

  private mutating func perform(_ command: KeyOperation.Command) -> KeyOperation.Outcome {
    func holds(_ condition: KeyOperation.Condition) -> Bool {
      switch condition {
      case .none: true
      case .version(let named): value != nil && version == named
      case .exists: value != nil
      case .missing: value == nil
      }
    }
    let current = value == nil ? nil : version
    switch command {
    case .get:
      return value.map { .value($0, version: version) } ?? .missing
    case .put(_, _, let condition) where !holds(condition),
      .delete(let condition) where !holds(condition):
      return .preconditionFailed(current: current)
    case .put(let new, _, _):
      let created = value == nil
      write(new)
      return .stored(version: version, created: created)
    case .delete:
      guard value != nil else { return .missing }
      write(nil)
      return .deleted(version: version)
    case .increment:
      write((value ?? 0) + 1)
      return .incremented(version: version, value: nil)
    }
  }

  private mutating func write(_ new: UInt64?) {
    value = new
    nextVersion += random.below(3)
    version = nextVersion
    nextVersion += 1
  }

  /// Changes one answer, so that the history may have become impossible.
  mutating func spoil(_ history: inout [KeyOperation]) {
    guard !history.isEmpty else { return }
    let index = Int(random.below(UInt64(history.count)))
    switch (history[index].outcome, random.below(3)) {
    case (.value(let value, let version), 0):
      history[index].outcome = .value(value + 1, version: version)
    case (.value(let value, let version), _):
      history[index].outcome = .value(value, version: version + 1 - random.below(3))
    case (.stored(let version, let created), 0):
      history[index].outcome = .stored(version: version, created: created.map { !$0 })
    case (.stored(_, let created), _):
      history[index].outcome = .stored(version: 1 + random.below(9), created: created)
    case (.deleted, _): history[index].outcome = .missing
    case (.missing, _): history[index].outcome = .value(2, version: 1)
    default: history[index].outcome = .notDone
    }
  }
}

/// The checker against one that tries every order.
@Suite struct LinearizabilityCrossCheck {
  @Test("The checker agrees with trying every order, on small histories", arguments: 0..<4)
  func checkerAgreesWithEveryOrder(batch: Int) {
    var refused = 0
    for seed in 0..<500 {
      var maker = HistoryMaker(seed: UInt64(seed * 4 + batch), counts: seed % 4 == 0)
      var history = maker.history(operations: 2 + seed % 5, clients: 3, loss: 0.25)
      if seed % 3 > 0 { maker.spoil(&history) }
      let verdict = LinearizabilityChecker().check(history)
      let isPossible = Self.someOrderExplains(history)
      #expect((verdict == .linearizable) == isPossible, "\(history.map(\.description))")
      if !isPossible { refused += 1 }
    }
    #expect(refused > 50)
  }

  private static func someOrderExplains(_ history: [KeyOperation]) -> Bool {
    let operations = history.filter { $0.outcome != .notDone }
    func search(_ left: [KeyOperation], _ state: KeyState) -> Bool {
      if left.allSatisfy({ $0.outcome == .unknown }) { return true }
      let firstReturn =
        left.filter { $0.outcome != .unknown }.map(\.returned).min() ?? .max
      for (index, operation) in left.enumerated() where operation.invoked <= firstReturn {
        var rest = left
        rest.remove(at: index)
        var isExplained = false
        KeyModel().apply(operation, to: state) { next in
          if !isExplained, search(rest, next) { isExplained = true }
        }
        if isExplained { return true }
      }
      return false
    }
    return search(operations, .missing)
  }
}
