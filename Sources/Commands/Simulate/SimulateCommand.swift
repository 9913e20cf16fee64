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
      cluster changes its size. Every promise of the store is checked. The same seed is the same \
      run. Exit status 1 when a promise was broken.

        scaled-storage simulate --seeds 1..1000
        scaled-storage simulate --seeds 42
        scaled-storage simulate --seeds 1..100000 --jobs 2 --json
      """)

  @Option(help: "The seeds to run: A..B without B, or one number.")
  var seeds: SeedRange

  @Option(help: "Runs at a time. (default: the number of cores)")
  var jobs: Int?

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  func validate() throws {
    if let jobs, !(1...1_024).contains(jobs) { throw ValidationError("--jobs is 1 to 1024") }
  }

  func run() throws {
    let jobs = jobs ?? ProcessInfo.processInfo.activeProcessorCount
    let outcome = SimulationRuns(seeds: seeds.range, jobs: jobs).run()
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    if !outcome.failures.isEmpty { throw ExitCode.failure }
  }
}

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
