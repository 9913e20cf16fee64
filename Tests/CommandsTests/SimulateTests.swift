import ArgumentParser
import ClusterTestKit
import Testing

@testable import Commands

/// How `simulate` is asked, and what it tells.
@Suite struct SimulateTests {
  @Test(
    "Seeds are a number or a range without its end",
    arguments: [("7", 7..<8), ("1..4", 1..<4), ("1..<4", 1..<4)] as [(String, Range<UInt64>)])
  func seeds(text: String, range: Range<UInt64>) {
    #expect(SeedRange(argument: text)?.range == range)
  }

  @Test(
    "What is no range of seeds is refused",
    arguments: ["", "4..4", "5..4", "1..", "..2", "a", "1..2..3", "-1", "18446744073709551615"])
  func badSeeds(text: String) {
    #expect(SeedRange(argument: text) == nil)
  }

  @Test("The command that repeats a run means the same plan")
  func replay() throws {
    var plan = SimulationPlan(seed: 42, mutation: .loseChanges)
    plan.without = [.partition, .nodeKilled]
    plan.faultyTime = 250_000
    plan.clients = 2
    plan.mostKeys = 4
    let line = SimulationOutcome.Failure.command(plan)
    let words = line.split(separator: " ").dropFirst().map(String.init)
    let command = try #require(try RootCommand.parseAsRoot(words) as? SimulateCommand)
    #expect(command.plan == plan)
  }

  @Test("A run that fails is told with its trace, and the runs are added up")
  func outcome() throws {
    var plan = SimulationPlan(seed: 0, mutation: .loseChanges)
    plan.faultyTime = 1_000_000
    let outcome = SimulationRuns(plan: plan, seeds: 5..<9, jobs: 2).run()
    #expect(outcome.seeds == 4 && outcome.simulatedHours > 0 && outcome.events > 0)
    let failure = try #require(outcome.failures.first)
    #expect(!failure.trace.isEmpty)
    #expect(outcome.text.contains(failure.replay) && outcome.text.contains("FAIL"))
  }
}
