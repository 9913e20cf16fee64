package import ArgumentParser

/// `scaled-storage up`: a whole cluster on this machine, in the foreground.
package struct UpCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Run a whole cluster on this machine: gateway, first node, scaler.",
    discussion: """
      Ctrl-C drains and stops all of it. A later start finds the data again.

        scaled-storage up --scale-up-at 1000
        curl -L -X PUT --data-binary hello http://127.0.0.1:8080/kv/greeting
        curl -L http://127.0.0.1:8080/kv/greeting
      """)

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  package init() {}

  package func run() throws {
    try ConfigurationError.asWrongUsage {
      try ClusterService.run(options, scaling, stopsNodes: true)
    }
  }
}
