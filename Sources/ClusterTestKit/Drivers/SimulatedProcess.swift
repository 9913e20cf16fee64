import Cluster

/// What every process has: a life, clocks, and moments in which the system does not let it run.
final class SimulatedProcess {
  let simulator: Simulator
  private(set) var isAlive = true
  private(set) var clock: SimulatedClock
  private var isPaused = false
  private var pauses = 0
  private var backlog: [() -> Void] = []

  init(simulator: Simulator, clock: SimulatedClock) {
    self.simulator = simulator
    self.clock = clock
  }

  var moment: Moment { clock.moment(at: simulator.time) }

  /// Runs an event in the process, once it runs: not at all when it has ended.
  func run(_ event: @escaping () -> Void) {
    guard isAlive else { return }
    if isPaused { backlog.append(event) } else { event() }
  }

  func after(_ delay: UInt64, _ event: @escaping () -> Void) {
    simulator.after(delay) { [weak self] in self?.run(event) }
  }

  /// SIGSTOP, and SIGCONT after `duration` microseconds.
  func pause(for duration: UInt64) {
    isPaused = true
    pauses += 1
    let pause = pauses
    simulator.after(duration) { [weak self] in
      if self?.pauses == pause { self?.resume() }
    }
  }

  /// Goes on with all that has queued up.
  func resume() {
    guard isPaused else { return }
    isPaused = false
    pauses += 1
    let events = backlog
    backlog = []
    for event in events { run(event) }
  }

  func kill() {
    isAlive = false
    backlog = []
  }

  /// Sets the wall clock off by `skew` milliseconds.
  func jump(to skew: Int64) { clock.skew = skew }
}

/// The clocks of one process.
struct SimulatedClock {
  /// By how much the wall clock goes ahead, in milliseconds.
  var skew: Int64 = 0
  /// Milliseconds of the monotonic clock for each that passes.
  var rate = 1.0
  /// The monotonic clock at the start of time.
  var offset: UInt64 = 0

  /// A wall clock is off by at most so much, in milliseconds.
  static let mostSkew: Int64 = 150

  func moment(at time: UInt64) -> Moment {
    Moment(
      wall: UInt64(1_700_000_000_000 + Int64(time / 1_000) + skew),
      monotonic: offset + (rate == 1 ? time / 1_000 : UInt64(Double(time) * rate / 1_000)))
  }

  /// The clocks of the process that starts as the `number`th.
  static func random(_ simulator: Simulator, number: UInt64) -> SimulatedClock {
    var random = simulator.stream(1_000_000 + number)
    var clock = SimulatedClock(offset: random.below(1 << 40))
    let skew = Int64(random.below(UInt64(2 * mostSkew + 1))) - mostSkew
    let rate = 0.8 + Double(random.below(500)) / 1_000
    if simulator.rates.ofProcesses.contains(.clockSkewed) {
      simulator.inject(.clockSkewed)
      clock.skew = skew
    }
    if simulator.rates.ofProcesses.contains(.clockDrifting) {
      simulator.inject(.clockDrifting)
      clock.rate = rate
    }
    return clock
  }
}
