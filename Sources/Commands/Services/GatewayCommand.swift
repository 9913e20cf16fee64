import ArgumentParser

/// `scaled-storage gateway`: the gateway as a service; its nodes outlive it.
struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "Run a gateway with its scaler; nodes go on when it stops, and are found again.")

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  func run() throws {
    try ConfigurationError.asWrongUsage {
      try ClusterService.run(options, scaling, stopsNodes: false)
    }
  }
}

/// `scaled-storage up`: a whole cluster on this machine, in the foreground.
struct UpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
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

  func run() throws {
    try ConfigurationError.asWrongUsage {
      try ClusterService.run(options, scaling, stopsNodes: true)
    }
  }
}
