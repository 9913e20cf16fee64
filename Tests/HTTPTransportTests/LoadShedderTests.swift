import Testing

@testable import HTTPTransport

@Suite struct LoadShedderTests {
  private static let target = Duration.milliseconds(100)
  private static let interval = Duration.milliseconds(500)
  /// Nanoseconds of work for a request that is taken, and for one that is refused.
  private static let service = 100_000.0
  private static let refusal = 5_000.0
  private static let capacity = 10_000.0

  /// A loop that serves turn by turn what has arrived, in virtual time.
  struct Simulation {
    var shedder = LoadShedder(target: target, interval: interval)
    /// Requests that one turn takes at most.
    let turnLimit: Int
    /// Nanoseconds.
    var time = 0.0
    private var nextArrival = 0.0
    private var queue: [Double] = []
    private var inputSince = 0.0
    private var lastLook = 0.0
    private var turn: UInt64 = 0

    init(turnLimit: Int) { self.turnLimit = turnLimit }

    struct Outcome {
      var accepted = 0
      var refused = 0
      var longest = 0.0
    }

    /// Runs until `end`, in nanoseconds, with `rate` requests a second.
    mutating func run(until end: Double, rate: Double) -> Outcome {
      var outcome = Outcome()
      while time < end {
        arrive(rate)
        if queue.isEmpty {
          time = nextArrival
          lastLook = time
          arrive(rate)
        }
        inputSince = lastLook
        let taken = min(queue.count, turnLimit)
        if taken == queue.count { lastLook = time }
        turn += 1
        shedder.begin(turn: turn, wait: wait, now: MonotonicTime(nanoseconds: UInt64(time)))
        for arrival in queue[..<taken] { serve(arrival, &outcome) }
        queue.removeFirst(taken)
      }
      return outcome
    }

    private var wait: Duration { .nanoseconds(Int64(time - inputSince)) }

    private mutating func arrive(_ rate: Double) {
      while nextArrival <= time {
        queue.append(nextArrival)
        nextArrival += 1e9 / rate
      }
    }

    private mutating func serve(_ arrival: Double, _ outcome: inout Outcome) {
      if shedder.refuses(wait: wait) {
        time += refusal
        outcome.refused += 1
      } else {
        time += service
        outcome.accepted += 1
        outcome.longest = max(outcome.longest, time - arrival)
      }
    }
  }

  @Test(
    "Overloaded, the server does nearly all it can and nobody whom it answers waits long",
    arguments: [1.2, 2, 3], [Int.max, 200])
  func overload(load: Double, turnLimit: Int) {
    var simulation = Simulation(turnLimit: turnLimit)
    _ = simulation.run(until: 1e9, rate: 0.5 * LoadShedderTests.capacity)
    #expect(!simulation.shedder.isShedding)
    // The queue has to be seen first, and got rid of.
    _ = simulation.run(until: 6e9, rate: load * LoadShedderTests.capacity)
    let start = simulation.time
    let outcome = simulation.run(until: 16e9, rate: load * LoadShedderTests.capacity)
    #expect(simulation.shedder.isShedding)
    #expect(outcome.longest < 400e6, "\(outcome)")
    let rate = Double(outcome.accepted) / (simulation.time - start) * 1e9
    // Refusing has its price.
    #expect(rate > (0.9 - 0.05 * load) * LoadShedderTests.capacity, "\(rate)")
  }

  @Test("When the load falls, nothing is refused a second later", arguments: [1.2, 2, 3])
  func recovery(load: Double) {
    var simulation = Simulation(turnLimit: 200)
    _ = simulation.run(until: 8e9, rate: load * LoadShedderTests.capacity)
    #expect(simulation.shedder.isShedding)
    _ = simulation.run(until: simulation.time + 1e9, rate: 0.5 * LoadShedderTests.capacity)
    #expect(!simulation.shedder.isShedding)
    let after = simulation.run(
      until: simulation.time + 1e9, rate: 0.5 * LoadShedderTests.capacity)
    #expect(after.refused == 0)
  }

  @Test("A burst that drains within the interval is no overload") func burst() {
    var simulation = Simulation(turnLimit: 200)
    _ = simulation.run(until: 1e9, rate: 0.5 * LoadShedderTests.capacity)
    _ = simulation.run(until: 1.2e9, rate: 2 * LoadShedderTests.capacity)
    let after = simulation.run(until: 3e9, rate: 0.5 * LoadShedderTests.capacity)
    #expect(after.refused == 0)
  }

  @Test("A load just below capacity is served whole") func nearCapacity() {
    var simulation = Simulation(turnLimit: 200)
    let outcome = simulation.run(until: 5e9, rate: 0.98 * LoadShedderTests.capacity)
    #expect(outcome.refused == 0)
  }

  @Test("A pause ends the refusals") func pause() {
    var shedder = LoadShedder(
      target: LoadShedderTests.target, interval: LoadShedderTests.interval)
    for turn in 1...60 as ClosedRange<UInt64> {
      shedder.begin(
        turn: turn, wait: .milliseconds(200),
        now: MonotonicTime(nanoseconds: turn * 100_000_000))
    }
    #expect(shedder.isShedding)
    shedder.begin(turn: 61, wait: .zero, now: MonotonicTime(nanoseconds: 60_000_000_000))
    #expect(!shedder.isShedding)
  }
}
