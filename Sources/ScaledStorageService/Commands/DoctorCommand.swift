package import ArgumentParser
import Foundation
import HTTPTransport
import WireProtocol

/// `PROGRAM doctor`: what is wrong with a deployment, and how to mend it.
package struct DoctorCommand: ParsableCommand {
  package static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "doctor",
      abstract: "Look at a deployment, and say how to mend what is wrong.",
      discussion: """
        Run it where the service runs, as the user that runs it, with the service's settings. It \
        looks at the data directory, the disk, the secrets and their modes, certificates, limits, \
        clocks, Wasmtime and what the launcher needs, and asks the members of etcd, and the \
        running cluster whether its nodes serve and agree on the ring, the module, the version, \
        and on who may do what. It changes nothing. The exit status is 0 without errors, else 1.

          \(ServedProgram.current.name) doctor gateway --config scaled-storage.conf
        """)
  }

  @Argument(help: "The service: up, gateway or node.")
  var service: ConfigCheckCommand.Service = .gateway

  @Option(help: "Where the service answers. (default: where its settings say)")
  var url: String?

  @Option(
    help: ArgumentHelp(
      """
      A file with a token of role read, for who may not read the credential. (environment: \
      SCALED_STORAGE_TOKEN_FILE)
      """, valueName: "file"))
  var tokenFile: String?

  @Flag(help: "Look at this machine only.")
  var offline = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: ServiceOptions
  @OptionGroup var scaling: ScalingOptions

  @Option(help: .hidden)
  var advertise: String?

  package init() {}

  package func run() throws {
    var findings: [Finding] = []
    try ConfigurationError.asWrongUsage { findings = try examine() }
    let text = json ? try DoctorCommand.lines(findings) : DoctorCommand.page(findings)
    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    if findings.contains(where: { $0.level == .error }) { throw ExitCode.failure }
  }

  func examine(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> [Finding] {
    let configuration = try Configuration(file: options.config, environment: environment)
    let settings: ServiceSettings
    do {
      settings = try ConfigCheckCommand.settings(
        service, options, scaling, advertise: advertise, configuration)
    } catch let error as ConfigurationError {
      return [.error("settings", error.message, mend: "mend it; nothing else was looked at")]
    }
    var findings = configuration.unknownVariables.map { name, sentence in
      Finding.warning("settings", "\(name): \(sentence)", mend: "correct or remove the variable")
    }
    do {
      try settings.checkFiles()
    } catch let error as ConfigurationError {
      findings.append(
        .error("settings", error.message, mend: "mend that first: the service would not start"))
    }
    if findings.isEmpty {
      findings.append(.good("settings", "the service can start with them"))
    }
    findings += MachineChecks(settings: settings).findings
    if service == .gateway {
      // Read once more than above: it is known to be right.
      let launcher = try LauncherSettings(scaling.launchers, configuration)
      findings +=
        [LauncherChecks(launcher: launcher, environment: environment).finding()].compactMap { $0 }
    }
    guard !offline else { return findings }
    do {
      if let etcd = settings.etcd { findings += try EtcdChecks(etcd).findings() }
    } catch let error as ConfigurationError {
      findings.append(
        .error("etcd", error.message, mend: "put a certificate, its key and its authority there"))
    }
    let path = tokenFile ?? environment["SCALED_STORAGE_TOKEN_FILE"]
    let token = try path.map { try DoctorCommand.token(in: $0) }
    do {
      let endpoint = try HTTPEndpoint(url ?? DoctorCommand.usualURL(settings))
      findings += try ClusterChecks(settings, endpoint, token: token).findings()
    } catch let error as TransportError {
      throw ConfigurationError(message: "--url: \(error.message)")
    } catch is ConfigurationError {
      // Which file it is has been told above.
      findings.append(
        .warning(
          "service", "it was not asked: without certificates that can be used nobody answers",
          mend: "mend them, and run this again"))
    }
    return findings
  }

  private static func token(in path: String) throws -> Credential {
    do {
      guard let first = try CredentialFile(path: path).credentials()?.first else {
        throw ConfigurationError(message: "--token-file: \(path) is not there")
      }
      return first
    } catch let error as CredentialError {
      throw ConfigurationError(message: "--token-file: \(path) holds no token: \(error.message)")
    } catch let error as ServiceFailure {
      throw ConfigurationError(message: "--token-file: \(error.message)")
    }
  }

  private static func usualURL(_ settings: ServiceSettings) throws -> String {
    var address = try settings.listenAddress()
    if address.isUnspecified { address = .loopback(port: address.port) }
    return "\(settings.tls == nil ? "http" : "https")://\(address)"
  }

  private static func lines(_ findings: [Finding]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(findings), as: UTF8.self) + "\n"
  }

  private static func page(_ findings: [Finding]) -> String {
    let width = findings.reduce(0) { max($0, $1.subject.count) } + 2
    var text = ""
    for finding in findings {
      let level = finding.level.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0)
      let subject = finding.subject.padding(toLength: width, withPad: " ", startingAt: 0)
      text += level + subject + finding.sentence + "\n"
      if let mend = finding.mend {
        text += String(repeating: " ", count: 9 + width) + "-> " + mend + "\n"
      }
    }
    let errors = findings.count { $0.level == .error }
    let warnings = findings.count { $0.level == .warning }
    return text + "\(errors) error\(errors == 1 ? "" : "s"), "
      + "\(warnings) warning\(warnings == 1 ? "" : "s")\n"
  }
}
