import ClusterTestKit
import Foundation
import HTTPTransport
import Synchronization

/// Runs seeds on several threads and adds up what they tell.
final class SimulationRuns: Sendable {
  private struct State {
    var next: UInt64
    var done: UInt64 = 0
    var running: Int
    var total = SimulationOutcome()
  }

  private let seeds: Range<UInt64>
  private let jobs: Int
  private let state: Mutex<State>

  /// A run that fails is told of in full; of more failures than this only the seeds.
  private static let toldFailures = 3

  init(seeds: Range<UInt64>, jobs: Int) {
    self.seeds = seeds
    self.jobs = jobs
    state = Mutex(State(next: seeds.lowerBound, running: jobs))
  }

  func run() -> SimulationOutcome {
    let begin = MonotonicTime.current()
    for _ in 0..<jobs {
      let thread = Thread { [self] in work() }
      // The drivers call each other through closures, some deep.
      thread.stackSize = 8 << 20
      thread.start()
    }
    var progress = ProgressDisplay("simulating", unit: "seeds")
    while true {
      Thread.sleep(forTimeInterval: 0.02)
      let (done, running) = state.withLock { ($0.done, $0.running) }
      if running == 0 { break }
      progress.update(done, fraction: Double(done) / Double(seeds.count))
    }
    progress.end()
    var outcome = state.withLock { $0.total }
    outcome.failures.sort { $0.seed < $1.seed }
    outcome.seconds = (MonotonicTime.current() - begin).seconds
    return outcome
  }

  private func work() {
    while let seed = take() {
      let report = SimulationPlan(seed: seed).run()
      let failure = report.violation.map { violation in
        let isTold = state.withLock { $0.total.failures.count < SimulationRuns.toldFailures }
        let trace = isTold ? SimulationPlan(seed: seed).run(isTraced: true).trace : []
        return SimulationOutcome.Failure(seed: seed, violation: violation, trace: trace)
      }
      state.withLock {
        $0.done += 1
        $0.total.add(report, failure)
      }
    }
    state.withLock { $0.running -= 1 }
  }

  private func take() -> UInt64? {
    state.withLock { state in
      guard state.next < seeds.upperBound else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }
}
