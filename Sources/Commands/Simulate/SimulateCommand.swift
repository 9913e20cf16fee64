import ArgumentParser
import ClusterTestKit
import Foundation

/// `scaled-storage simulate`.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Run whole clusters under simulated faults.",
    discussion: """
      Each seed is a run of its own: the logic of nodes and coordinator under a network, disks, \
      clocks and processes that fail as the seed says, while clients read and write and the \
      cluster changes its size. Every promise of the store is checked, and every key's history \
      for linearizability. The same options are the same run. A run that breaks a promise is made \
      smaller, printed with what happened and with the command that repeats it; exit status 1.

        scaled-storage simulate --seeds 1..1000
        scaled-storage simulate --seeds 42
        scaled-storage simulate --seeds 1..100000 --jobs 2 --json
        scaled-storage simulate --seeds 1..100 --mutation lose-changes
      """)

  @Option(help: "The seeds to run: A..B without B, or one number.")
  var seeds: SeedRange

  @Option(help: "Runs at a time. (default: the number of cores)")
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "A kind of fault that does not strike; may be given several times.", valueName: "fault"))
  var without: [FaultKind] = []

  @Option(help: "How long things go wrong in a run, in simulated milliseconds.")
  var time: UInt64 = 3_000

  @Option(help: "How many clients.")
  var clients = 6

  @Option(help: "The most keys. (default: 12 to 71, as the seed says)")
  var keys: Int?

  @Option(help: "A wrong version of the protocol, which is to be found out.")
  var mutation: Mutation?

  @Flag(help: "Tell what happened in runs that keep every promise, too.")
  var trace = false

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  func validate() throws {
    if let jobs, !(1...1_024).contains(jobs) { throw ValidationError("--jobs is 1 to 1024") }
    guard (1...3_600_000).contains(time) else { throw ValidationError("--time is 1 to 3600000") }
    guard (1...1_000).contains(clients) else { throw ValidationError("--clients is 1 to 1000") }
    if let keys, !(1...100).contains(keys) { throw ValidationError("--keys is 1 to 100") }
  }

  /// What all runs have in common.
  var plan: SimulationPlan {
    var plan = SimulationPlan(seed: seeds.range.lowerBound, mutation: mutation)
    plan.without = Set(without)
    plan.faultyTime = time * 1_000
    plan.clients = clients
    plan.mostKeys = keys
    return plan
  }

  func run() throws {
    let jobs = jobs ?? ProcessInfo.processInfo.activeProcessorCount
    let runs = SimulationRuns(plan: plan, seeds: seeds.range, jobs: jobs, tracesAll: trace)
    let outcome = runs.run()
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    if !outcome.failures.isEmpty { throw ExitCode.failure }
  }
}

extension FaultKind: ExpressibleByArgument {}
extension Mutation: ExpressibleByArgument {}

/// `A..B`, which is A and all up to B without B, or one number.
struct SeedRange: ExpressibleByArgument, Hashable {
  let range: Range<UInt64>

  init?(argument: String) {
    let bounds = argument.replacingOccurrences(of: "..<", with: "..").components(separatedBy: "..")
    switch (bounds.count, bounds.first.flatMap(UInt64.init), bounds.last.flatMap(UInt64.init)) {
    case (1, let seed?, _) where seed < .max: range = seed..<seed + 1
    case (2, let first?, let end?) where first < end: range = first..<end
    default: return nil
    }
  }
}
