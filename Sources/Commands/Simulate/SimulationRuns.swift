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

  private let plan: SimulationPlan
  private let seeds: Range<UInt64>
  private let jobs: Int
  private let tracesAll: Bool
  private let state: Mutex<State>

  /// A run that fails is told of in full; of more failures than this only the seeds.
  private static let toldFailures = 3

  /// - Parameter plan: what all runs have in common, beside the seed.
  init(plan: SimulationPlan, seeds: Range<UInt64>, jobs: Int, tracesAll: Bool = false) {
    self.plan = plan
    self.tracesAll = tracesAll
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
      var plan = plan
      plan.seed = seed
      let report = plan.run(isTraced: tracesAll)
      let failure = report.violation.map { violation in
        let isTold = state.withLock { $0.total.failures.count < SimulationRuns.toldFailures }
        return isTold ? told(plan) : SimulationOutcome.Failure(plan: plan, violation: violation)
      }
      state.withLock {
        $0.done += 1
        $0.total.add(report, failure)
      }
      if failure == nil { for line in report.trace { StandardStreams.note(line) } }
    }
    state.withLock { $0.running -= 1 }
  }

  /// A failure with the smallest run that shows one, and what happened there.
  private func told(_ plan: SimulationPlan) -> SimulationOutcome.Failure {
    let smaller = plan.shrunk()
    let report = smaller.run(isTraced: true)
    return SimulationOutcome.Failure(
      plan: plan, smaller: smaller, violation: report.violation ?? "it cannot be repeated",
      trace: report.trace)
  }

  private func take() -> UInt64? {
    state.withLock { state in
      guard state.next < seeds.upperBound else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }
}
