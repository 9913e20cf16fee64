import Cluster

/// Virtual time, chance, and what is to happen: everything else in a simulation hangs on it.
///
/// Time is in microseconds. Events of equal time happen in the order in which they were scheduled,
/// so a run is a function of its seed.
final class Simulator {
  /// How often things go wrong, and how long they take. Probabilities from 0 to 1.
  struct Faults {
    var drop = 0.0
    var duplicate = 0.0
    /// Messages that take up to a hundred times as long as the others.
    var straggle = 0.0
    var commitFailure = 0.0
    /// Commits that take up to a hundred times as long as the others.
    var commitStall = 0.0
    var launchFailure = 0.0
    var longestDelay: UInt64 = 2_000
    var longestCommit: UInt64 = 3_000

    static let none = Faults()

    static func random(_ random: inout SplitMix64) -> Faults {
      var faults = Faults()
      // A rate that is often zero lets a run concentrate on the other faults.
      func rate(_ most: Double) -> Double {
        random.chance(0.3) ? 0 : most * Double(random.below(1_000)) / 1_000
      }
      faults.drop = rate(0.08)
      faults.duplicate = rate(0.08)
      faults.straggle = rate(0.05)
      faults.commitFailure = rate(0.02)
      faults.commitStall = rate(0.05)
      faults.launchFailure = rate(0.3)
      faults.longestDelay = 200 + random.below(8_000)
      faults.longestCommit = 200 + random.below(8_000)
      return faults
    }
  }

  private(set) var time: UInt64 = 0
  var random: SplitMix64
  var faults: Faults
  private(set) var violation: String?
  private(set) var eventCount = 0
  /// A digest of the times of all events: equal runs have equal ones.
  private(set) var fingerprint: UInt64 = 0

  private(set) var injected = Counts()
  var changes = Counts()
  let isTraced: Bool
  private(set) var trace: [String] = []

  private var events = EventQueue()
  private static let tracedEvents = 400

  init(seed: UInt64, isTraced: Bool = false) {
    self.isTraced = isTraced
    random = SplitMix64(seed: seed)
    faults = Faults.random(&random)
  }

  /// The time as machines see it.
  var moment: Moment { Moment(wall: 1_700_000_000_000 + time / 1_000, monotonic: time / 1_000) }

  func after(_ delay: UInt64, _ event: @escaping () -> Void) {
    events.push(time: time + delay, event)
  }

  /// Counts a fault of a kind.
  func inject(_ fault: String) {
    injected.add(fault)
    note("fault: \(fault)")
  }

  /// Remembers what happened, in words; only the last of it is kept.
  func note(_ text: @autoclosure () -> String) {
    guard isTraced else { return }
    trace.append("\(time) µs: \(text())")
    if trace.count > 2 * Simulator.tracedEvents {
      trace.removeFirst(trace.count - Simulator.tracedEvents)
    }
  }

  /// The first broken promise ends the run.
  func violated(_ promise: @autoclosure () -> String) {
    if violation == nil { violation = "at \(time) µs: \(promise())" }
    note(violation ?? "")
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

  // MARK: - Network

  func networkDelay() -> UInt64 {
    let delay = 20 + random.below(faults.longestDelay)
    guard random.chance(faults.straggle) else { return delay }
    inject("message late")
    return delay * (1 + random.below(100))
  }

  private func drops() -> Bool {
    guard random.chance(faults.drop) else { return false }
    inject("message lost")
    return true
  }

  /// A request and its answer over a network that delays, reorders, drops and duplicates both.
  ///
  /// - Parameters:
  ///   - serve: runs at the receiver, perhaps twice or never; it answers through its argument.
  ///   - completion: called once: with the first answer, or with `timeout` when none came in time.
  func call<Answer>(
    deadline: UInt64, timeout: Answer, serve: @escaping (@escaping (Answer) -> Void) -> Void,
    completion: @escaping (Answer) -> Void
  ) {
    var isDone = false
    func finish(_ answer: Answer) {
      guard !isDone else { return }
      isDone = true
      completion(answer)
    }
    let copies = random.chance(faults.duplicate) ? 2 : 1
    if copies > 1 { inject("message duplicated") }
    for _ in 0..<copies {
      if drops() { continue }
      after(networkDelay()) { [self] in
        serve { [self] answer in
          if drops() { return }
          after(networkDelay()) { finish(answer) }
        }
      }
    }
    after(deadline) { finish(timeout) }
  }
}

/// A binary heap of events by time, then by order of arrival.
private struct EventQueue {
  private var heap: [(time: UInt64, order: UInt64, event: () -> Void)] = []
  private var nextOrder: UInt64 = 0

  var firstTime: UInt64? { heap.first?.time }

  mutating func push(time: UInt64, _ event: @escaping () -> Void) {
    heap.append((time, nextOrder, event))
    nextOrder += 1
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> (() -> Void)? {
    guard !heap.isEmpty else { return nil }
    heap.swapAt(0, heap.count - 1)
    let event = heap.removeLast().event
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && precedes(child, least) { least = child }
      guard least != parent else { return event }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = (heap[a].time, heap[b].time)
    return first == second ? heap[a].order < heap[b].order : first < second
  }
}
