package import ArgumentParser
import ScaledStorage

/// `scaled-storage up`: a whole cluster on this machine, in the foreground.
package struct UpCommand: ParsableCommand {
  package static var configuration: CommandConfiguration {
    let program = ServedProgram.current
    // Values of other services are no text.
    let example =
      program.application.policy != nil
      ? "curl http://127.0.0.1:8080/service.did"
      : """
      curl -L -X PUT --data-binary hello http://127.0.0.1:8080/kv/greeting
        curl -L http://127.0.0.1:8080/kv/greeting
      """
    return CommandConfiguration(
      commandName: "up",
      abstract: "Run a whole cluster on this machine: gateway, first node, scaler.",
      discussion: """
        Ctrl-C drains and stops all of it. A later start finds the data again.

          \(program.name) up --scale-up-at 1000
          \(example)
        """)
  }

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  package init() {}

  package func run() throws {
    try ConfigurationError.asWrongUsage {
      try ClusterService.run(options, scaling, stopsNodes: true)
    }
  }
}
