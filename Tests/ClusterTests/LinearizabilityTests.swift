import Testing

@testable import ClusterTestKit

/// What the checker of histories takes for possible, and what not.
@Suite struct LinearizabilityTests {
  typealias Operation = KeyOperation

  static func put(
    _ value: UInt64, _ outcome: Operation.Outcome, _ from: UInt64, _ to: UInt64,
    ttl: UInt64? = nil, if condition: Operation.Condition = .none
  ) -> Operation {
    Operation(
      .put(value: value, ttl: ttl, condition: condition), outcome, invoked: from, returned: to)
  }

  static func get(_ outcome: Operation.Outcome, _ from: UInt64, _ to: UInt64) -> Operation {
    Operation(.get, outcome, invoked: from, returned: to)
  }

  static func delete(
    _ outcome: Operation.Outcome, _ from: UInt64, _ to: UInt64,
    if condition: Operation.Condition = .none
  ) -> Operation {
    Operation(.delete(condition: condition), outcome, invoked: from, returned: to)
  }

  static func increment(
    _ outcome: Operation.Outcome, _ from: UInt64, _ to: UInt64
  ) -> Operation {
    Operation(.increment, outcome, invoked: from, returned: to)
  }

  struct History: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var operations: [Operation]
  }

  static let possible = [
    History(testDescription: "nothing happened", operations: []),
    History(
      testDescription: "a write is read",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        get(.value(1, version: 5), 11, 12),
      ]),
    History(
      testDescription: "a concurrent read sees the value before or after",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .stored(version: 6, created: false), 20, 40),
        get(.value(1, version: 5), 25, 30), get(.value(2, version: 6), 31, 35),
      ]),
    History(
      testDescription: "an unknown write shows late",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10), put(2, .unknown, 20, 30),
        get(.value(1, version: 5), 40, 50), get(.value(2, version: 9), 60, 70),
        get(.value(2, version: 9), 80, 90),
      ]),
    History(
      testDescription: "an unknown write never shows",
      operations: [
        put(1, .unknown, 0, 10), get(.missing, 20, 30), delete(.missing, 40, 50),
      ]),
    History(
      testDescription: "an unknown write shows after a deletion",
      operations: [
        put(1, .unknown, 0, 10), put(2, .stored(version: 5, created: nil), 20, 30),
        delete(.deleted(version: 6), 40, 50), get(.value(1, version: 7), 60, 70),
      ]),
    History(
      testDescription: "two unknown increments of three took effect",
      operations: [
        increment(.incremented(version: 3, value: nil), 0, 5), increment(.unknown, 6, 7),
        increment(.unknown, 6, 8), increment(.unknown, 6, 9),
        get(.value(3, version: 9), 20, 30), get(.value(3, version: 9), 40, 50),
      ]),
    History(
      testDescription: "a value with a time to live is gone after it",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10, ttl: 1),
        get(.value(1, version: 5), 500, 600), get(.missing, 1_005, 1_006),
        get(.missing, 2_000, 2_001), put(2, .stored(version: 6, created: true), 2_002, 2_003),
      ]),
    History(
      testDescription: "a refused request was not carried out",
      operations: [put(1, .notDone, 0, 10), get(.missing, 20, 30)]),
    History(
      testDescription: "a compare-and-swap on the version of an unknown write",
      operations: [
        put(1, .unknown, 0, 10),
        put(2, .stored(version: 8, created: false), 20, 30, if: .version(7)),
        get(.value(2, version: 8), 40, 50),
      ]),
  ]

  static let impossible = [
    History(
      testDescription: "a stale read",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .stored(version: 6, created: false), 20, 30), get(.value(1, version: 5), 40, 50),
      ]),
    History(
      testDescription: "a lost write",
      operations: [put(1, .stored(version: 5, created: true), 0, 10), get(.missing, 40, 50)]),
    History(
      testDescription: "a lost update: two compare-and-swaps on one version",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .stored(version: 6, created: false), 20, 40, if: .version(5)),
        put(3, .stored(version: 7, created: false), 20, 40, if: .version(5)),
      ]),
    History(
      testDescription: "a lost increment",
      operations: [
        increment(.incremented(version: 3, value: nil), 0, 5),
        increment(.incremented(version: 4, value: nil), 1, 5), get(.value(1, version: 4), 6, 7),
      ]),
    History(
      testDescription: "a deleted key is back",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10), delete(.deleted(version: 6), 20, 30),
        get(.value(1, version: 5), 40, 50),
      ]),
    History(
      testDescription: "a version goes back",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .stored(version: 4, created: false), 20, 30),
      ]),
    History(
      testDescription: "a version is given twice",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10), delete(.deleted(version: 6), 20, 30),
        put(2, .stored(version: 6, created: true), 40, 50),
      ]),
    History(
      testDescription: "an unknown write shows and then vanishes",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10), put(2, .unknown, 20, 30),
        get(.value(2, version: 9), 40, 50), get(.value(1, version: 5), 60, 70),
      ]),
    History(
      testDescription: "an unknown write shows at two versions",
      operations: [
        put(2, .unknown, 20, 30), get(.value(2, version: 9), 40, 50),
        get(.value(2, version: 10), 60, 70),
      ]),
    History(
      testDescription: "a read before the write was sent",
      operations: [
        get(.value(1, version: 5), 0, 10), put(1, .stored(version: 5, created: true), 20, 30),
      ]),
    History(
      testDescription: "a value outlives its time to live",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10, ttl: 1),
        get(.value(1, version: 5), 1_500, 1_600),
      ]),
    History(
      testDescription: "a value is gone before its time to live has passed",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10, ttl: 1), get(.missing, 800, 900),
      ]),
    History(
      testDescription: "an expired value is back",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 900, ttl: 1), get(.missing, 1_200, 1_210),
        get(.value(1, version: 5), 1_220, 1_230),
      ]),
    History(
      testDescription: "a refused request was carried out",
      operations: [put(1, .notDone, 0, 10), get(.value(1, version: 5), 20, 30)]),
    History(
      testDescription: "a precondition failed that held",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .preconditionFailed(current: 5), 20, 30, if: .version(5)),
      ]),
    History(
      testDescription: "a write claims to have created what was there",
      operations: [
        put(1, .stored(version: 5, created: true), 0, 10),
        put(2, .stored(version: 6, created: true), 20, 30),
      ]),
  ]

  @Test("A history that some order of effects explains passes", arguments: possible)
  func possibleHistoryPasses(history: History) {
    let checker = LinearizabilityChecker()
    #expect(checker.check(history.operations) == .linearizable)
    #expect(checker.check(history.operations.reversed()) == .linearizable)
  }

  @Test("A history that no order of effects explains is refused", arguments: impossible)
  func impossibleHistoryIsRefused(history: History) {
    guard case .violated = LinearizabilityChecker().check(history.operations) else {
      Issue.record("it passed")
      return
    }
  }

  @Test("Clocks that differ excuse an expiry that comes early or late, by as much as they differ")
  func clockUncertaintyExcusesExpiry() {
    var checker = LinearizabilityChecker()
    checker.clockUncertainty = 300
    let stored = Self.put(1, .stored(version: 5, created: true), 0, 10, ttl: 1)
    for time in [720, 1_280] as [UInt64] {
      let history = [
        stored, Self.get(.missing, time, time + 1),
        Self.get(.value(1, version: 5), time + 2, time + 3),
      ]
      #expect(checker.check(history) == .linearizable)
    }
    for early in [Self.get(.missing, 600, 601), Self.get(.value(1, version: 5), 1_320, 1_321)] {
      #expect(checker.check([stored, early]) != .linearizable)
    }
  }

  @Test("A long history with many requests at once and many lost answers is decided quickly")
  func longHistoryIsDecided() {
    var random = SplitMix64(seed: 7)
    for seed in 1...4 as ClosedRange<UInt64> {
      var maker = HistoryMaker(seed: seed, counts: seed % 2 == 0)
      let history = maker.history(operations: 600, clients: 6, loss: 0.03)
      #expect(LinearizabilityChecker().check(history) == .linearizable)
      // One read of a value that nobody wrote is found among the others.
      var broken = history
      let reads = broken.indices.filter { broken[$0].command == .get }
      if let index = random.pick(reads) { broken[index].outcome = .value(1 << 40, version: 1) }
      #expect(LinearizabilityChecker().check(broken) != .linearizable)
    }
  }

  @Test("More than can be decided is told as such")
  func tooMuchAtOnceIsTold() {
    let many = (0..<70).map { Self.put($0, .stored(version: $0 + 1, created: nil), 0, 100) }
    guard case .undecided = LinearizabilityChecker().check(many) else {
      Issue.record("70 concurrent writes were decided")
      return
    }
    var checker = LinearizabilityChecker()
    checker.budget = 1_000
    let fewer = (0..<40).map { Self.put($0, .stored(version: 41 - $0, created: nil), 0, 100) }
    guard case .undecided = checker.check(fewer + [Self.get(.missing, 101, 102)]) else {
      Issue.record("40 concurrent writes were decided within a budget of 1000")
      return
    }
  }
}
