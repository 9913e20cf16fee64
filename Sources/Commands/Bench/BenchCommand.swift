import ArgumentParser

/// `scaled-storage bench`.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure a running cluster, or a part of it by itself.",
    discussion: """
      Without a subcommand it measures a running cluster, with the options that \
      "scaled-storage bench cluster --help" tells of.

        scaled-storage bench --connections 4 --streams 64 --duration 10
        scaled-storage bench candid
      """,
    subcommands: [
      ClusterBenchCommand.self, CandidBenchCommand.self, ModuleBenchCommand.self,
      ServiceBenchCommand.self,
    ],
    defaultSubcommand: ClusterBenchCommand.self)
}
