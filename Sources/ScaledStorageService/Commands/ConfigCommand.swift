package import ArgumentParser
import Foundation
import ScaledStorage

/// `PROGRAM config`: what a service would be started with.
package struct ConfigCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Look at the settings of a service.",
    subcommands: [ConfigCheckCommand.self])

  package init() {}
}

/// `PROGRAM config check`: which settings are in force, and where each comes from.
struct ConfigCheckCommand: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "check",
      abstract: "Check the settings of a service without starting it, and print them.",
      discussion: """
        It takes the flags of the service, and reads the environment and the file as the service \
        would. The exit status is 0 when the service could start with them, else 64, with a \
        sentence that names the setting, where it stands, and how to mend it.

          \(ServedProgram.current.name) config check gateway --config scaled-storage.conf
        """)
  }

  enum Service: String, CaseIterable, ExpressibleByArgument {
    case up, gateway, node
  }

  @Argument(help: "The service: up, gateway or node.")
  var service: Service = .gateway

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  @Option(help: "The address that others are told to use (gateway, node).")
  var advertise: String?

  func run() throws {
    try ConfigurationError.asWrongUsage {
      let report = try report()
      try FileHandle.standardOutput.write(contentsOf: Data(report.utf8))
    }
  }

  /// What is printed.
  /// - Throws: `ConfigurationError` for the first setting that is wrong.
  func report(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> String {
    let configuration = try Configuration(file: options.config, environment: environment)
    let settings = try ConfigCheckCommand.settings(
      service, options, scaling, advertise: advertise, configuration)
    try settings.checkFiles()
    if let (name, sentence) = configuration.unknownVariables.first {
      throw ConfigurationError(message: "\(name): \(sentence)")
    }
    let inForce = configuration.settings.sorted { $0.name < $1.name }
    return try json ? ConfigCheckCommand.lines(inForce) : ConfigCheckCommand.table(inForce)
  }

  /// The settings of a service, all of them read.
  /// - Throws: `ConfigurationError` for the first that is wrong.
  static func settings(
    _ service: Service, _ options: ServiceOptions, _ scaling: ScalingOptions, advertise: String?,
    _ configuration: Configuration
  ) throws -> ServiceSettings {
    let usualListen = service == .node ? NodeCommand.usualListen : ClusterService.usualListen
    let settings = try ServiceSettings(options, configuration, listen: usualListen)
    var address: String?
    if service != .up {
      address = try AdvertisedAddress.read(
        flag: advertise, mayBeName: service == .node, configuration)
    }
    if service != .node {
      let scaling = try ScalingSettings(
        scaling, configuration, policy: ServedProgram.current.application.policy)
      try settings.requireCluster(
        scaling, advertise: address, startsOwnNodes: service == .up)
    }
    return settings
  }

  private struct Line: Encodable {
    let name: String
    let value: String?
    let from: String
  }

  private static func lines(_ settings: [Configuration.Setting]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = settings.map { setting in
      Line(name: setting.name, value: setting.value, from: setting.place.description)
    }
    return String(decoding: try encoder.encode(lines), as: UTF8.self) + "\n"
  }

  private static func table(_ settings: [Configuration.Setting]) -> String {
    let rows =
      [("SETTING", "VALUE", "FROM")]
      + settings.map { ($0.name, $0.value ?? "", $0.place.description) }
    let widths = rows.reduce((0, 0)) { (max($0.0, $1.0.count), max($0.1, $1.1.count)) }
    return rows.map { name, value, place in
      name.padding(toLength: widths.0 + 2, withPad: " ", startingAt: 0)
        + value.padding(toLength: widths.1 + 2, withPad: " ", startingAt: 0) + place + "\n"
    }.joined()
  }
}
