package import ArgumentParser
import HTTPTransport

/// `scaled-storage node`: one node as a service.
package struct NodeCommand: ParsableCommand {
  package static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "node",
      abstract: "Run one node.",
      discussion: """
        A fresh node waits until a gateway that has it among its --nodes makes it a member of its \
        cluster; one that has left the cluster forgets what it had and waits again. To use a node \
        by itself, found a cluster of one:

          \(ServedProgram.current.name) node --data ./node-1 --listen 127.0.0.1:8081
          scaled-storage call init_canister_manager '(record { args = null })' \\
            --url http://127.0.0.1:8081 --credential-file ./node-1/credential
        """)
  }

  @OptionGroup var options: ServiceOptions

  @Option(help: "The address that others are told to use, as HOST:PORT. (default: the one bound)")
  var advertise: String?

  @Flag(help: .hidden)
  var portFallback = false

  package init() {}

  static let names = [AdvertisedAddress.name]
  static let usualListen = "127.0.0.1:8081"

  package func run() throws {
    try ConfigurationError.asWrongUsage { try serve() }
  }

  private func serve() throws {
    let configuration = try Configuration(file: options.config)
    var settings = try ServiceSettings(options, configuration, listen: NodeCommand.usualListen)
    let advertise = try AdvertisedAddress.read(
      flag: advertise, mayBeName: true, configuration)
    try settings.makeDirectory()
    let process = try ServiceProcess(
      label: "node", level: settings.logLevel,
      format: settings.telemetry.logFormat)
    let service = try NodeService(
      settings, process: process,
      advertise: advertise,
      portFallback: portFallback)
    try process.onStop { service.stopForGood() }
    try service.start()
    process.loop.run()
    service.close()
    if process.exitStatus == 0 { try service.beginAnew() }
    throw ExitCode(process.exitStatus)
  }
}
