/// Virtual time, chance, and what is to happen: everything else in a simulation hangs on it.
///
/// Time is in microseconds. Events of equal time happen in the order in which they were scheduled,
/// so a run is a function of its plan.
final class Simulator {
  /// What draws numbers of its own, beside each kind of fault and each client.
  enum Concern: Int, CaseIterable {
    case setup, network, disks, loops, launches, scaling, modules
  }

  let plan: SimulationPlan
  private(set) var time: UInt64 = 0
  private(set) var violation: String?
  private(set) var eventCount = 0
  private(set) var fingerprint: UInt64 = 0
  private(set) var injected = Counts()
  var changes = Counts()
  private(set) var journal: Journal
  var rates: FaultRates

  private var concerns: [SplitMix64]
  private var kinds: [SplitMix64]
  private static let index = Dictionary(
    uniqueKeysWithValues: FaultKind.allCases.enumerated().map { ($1, $0) })
  private var events = EventQueue()

  init(plan: SimulationPlan, isTraced: Bool) {
    self.plan = plan
    journal = Journal(isKept: isTraced)
    concerns = Concern.allCases.map { Simulator.stream(plan.seed, UInt64($0.rawValue)) }
    kinds = FaultKind.allCases.indices.map { Simulator.stream(plan.seed, 100 + UInt64($0)) }
    rates = FaultRates(&concerns[Concern.setup.rawValue], without: plan.without)
  }

  /// A stream of random numbers that is a function of the seed and of `number`.
  static func stream(_ seed: UInt64, _ number: UInt64) -> SplitMix64 {
    var mixer = SplitMix64(seed: seed)
    return SplitMix64(seed: mixer.next() ^ (number &* 0x9e6c_63d0_876a_3f6b))
  }

  /// The stream of a client or process, by a number of its own.
  func stream(_ number: UInt64) -> SplitMix64 { Simulator.stream(plan.seed, 1_000 + number) }

  // MARK: - Chance

  func below(_ bound: UInt64, _ concern: Concern) -> UInt64 {
    concerns[concern.rawValue].below(bound)
  }

  func chance(_ probability: Double, _ concern: Concern) -> Bool {
    concerns[concern.rawValue].chance(probability)
  }

  func pick<Element>(_ elements: [Element], _ concern: Concern) -> Element? {
    concerns[concern.rawValue].pick(elements)
  }

  func below(_ bound: UInt64, _ kind: FaultKind) -> UInt64 {
    kinds[Simulator.index[kind] ?? 0].below(bound)
  }

  func pick<Element>(_ elements: [Element], _ kind: FaultKind) -> Element? {
    kinds[Simulator.index[kind] ?? 0].pick(elements)
  }

  /// Whether a fault of a kind strikes now; it counts.
  func strikes(_ kind: FaultKind) -> Bool {
    let probability = rates.probability(of: kind)
    guard probability > 0, kinds[Simulator.index[kind] ?? 0].chance(probability) else {
      return false
    }
    inject(kind)
    return true
  }

  /// Counts a fault.
  func inject(_ kind: FaultKind, _ details: @autoclosure () -> String = "") {
    injected.add(kind.rawValue)
    if journal.isKept { note("fault \(kind.rawValue) \(details())") }
  }

  // MARK: - Time

  func after(_ delay: UInt64, _ event: @escaping () -> Void) {
    events.push(time: time + delay, event)
  }

  /// Remembers what happened, in words. What concerns one key only names it.
  func note(key: Int? = nil, _ text: @autoclosure () -> String) {
    if journal.isKept { journal.add(at: time, key: key, text()) }
  }

  /// The first broken promise ends the run.
  func violated(_ promise: @autoclosure () -> String) {
    if violation == nil { violation = "at \(time) µs: \(promise())" }
  }

  /// Lets events happen until `end`, until there are none, or until `isDone`, or a violation.
  func run(until end: UInt64, isDone: () -> Bool = { false }) {
    while violation == nil, let next = events.firstTime, next <= end, !isDone() {
      guard let event = events.pop() else { return }
      time = next
      eventCount += 1
      fingerprint = (fingerprint ^ next) &* 0x100_0000_01b3
      event()
    }
    if violation == nil, !isDone() { time = max(time, end) }
  }

  /// Forgets what was to happen, and with it whatever the events hold on to.
  func end() { events = EventQueue() }
}

/// The last things that happened, in words.
struct Journal {
  let isKept: Bool
  private var entries: [(time: UInt64, key: Int?, text: String)] = []

  private static let keptEntries = 20_000
  private static let toldEntries = 80

  init(isKept: Bool) {
    self.isKept = isKept
  }

  mutating func add(at time: UInt64, key: Int?, _ text: String) {
    entries.append((time, key, text))
    if entries.count > 2 * Journal.keptEntries {
      entries.removeFirst(entries.count - Journal.keptEntries)
    }
  }

  /// The last entries without those of other keys than `key`; all of them when it is nil.
  func lines(about key: Int?) -> [String] {
    entries.filter { key == nil || $0.key == nil || $0.key == key }
      .suffix(Journal.toldEntries).map { "\($0.time) µs: \($0.text)" }
  }
}
