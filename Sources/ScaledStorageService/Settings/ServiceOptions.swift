import ArgumentParser

/// Settings that nodes and gateways share.
struct ServiceOptions: ParsableArguments {
  @Option(help: "A file of settings, one \"name = value\" a line, named like the flags.")
  var config: String?

  @Option(help: "The directory for all data. (default: ./scaled-storage-data)")
  var data: String?

  @Option(help: "The address to listen on, as HOST:PORT; port 0 takes a free one.")
  var listen: String?

  @Option(help: "The file with the cluster's credential; made when it is missing.")
  var credentialFile: String?

  @Option(
    help: "What to do with requests for keys of other nodes: return or proxy. (default: return)")
  var forward: String?

  @Option(help: "When a write is acknowledged: after fsync, or os (written). (default: fsync)")
  var durability: String?

  @Option(help: "The largest value in bytes. (default: 1048576)")
  var maxValueBytes: Int?

  @Option(
    help: "Bytes a second that a node sends to others when keys move, as 50M; 0 is unbounded.")
  var handoverRate: ByteCount?

  @Option(help: "Whether moving keys are compressed on their way: on or off. (default: off)")
  var handoverCompression: String?

  @Option(
    help: "Memory for the values used lately, a node's, as 256M; 0 is none. (default: 64M)")
  var cacheBytes: ByteCount?

  @Option(
    help: """
      How much is logged: trace, debug, info, notice, warning, error or critical. (default: info)
      """)
  var logLevel: String?

  @Flag(help: "Listen in plain text on addresses that other machines reach.")
  var allowPlaintext = false

  @OptionGroup var telemetry: TelemetryOptions
  @OptionGroup var limits: LimitOptions
  @OptionGroup var modules: ModuleOptions
  @OptionGroup var tls: TLSOptions
  @OptionGroup var access: AccessOptions
  @OptionGroup var etcd: EtcdOptions

  static let names =
    [
      "data", "listen", "credential-file", "forward", "durability", "max-value-bytes", "log-level",
      "handover-rate", "handover-compression", "cache-bytes", "allow-plaintext",
    ] + TelemetryOptions.names + LimitOptions.names + ModuleOptions.names + TLSOptions.names
    + AccessOptions.names + EtcdOptions.names
}
