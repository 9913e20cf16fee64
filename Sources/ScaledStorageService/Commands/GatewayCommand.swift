package import ArgumentParser

/// `scaled-storage gateway`: the gateway as a service; its nodes outlive it.
package struct GatewayCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "Run a gateway with its scaler; nodes go on when it stops, and are found again.")

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  @Option(
    help: "The address that nodes and other gateways use, as HOST:PORT. (default: the one bound)")
  var advertise: String?

  package init() {}

  package func run() throws {
    try ConfigurationError.asWrongUsage {
      try ClusterService.run(options, scaling, advertise: advertise, stopsNodes: false)
    }
  }
}
