import ArgumentParser
import Glibc
public import ScaledStorage

extension CanisterManager {
  /// Runs the program as this service and ends the process.
  ///
  /// The program has the commands
  /// - `up`: a whole cluster on this machine: a gateway, its first node, and the scaler, which
  ///   starts this same program for further nodes;
  /// - `node` and `gateway`: the parts of a cluster of several machines;
  /// - `config check`: prints the settings in force and where each comes from;
  /// - `doctor`: looks at a deployment, and says how to mend what is wrong;
  /// - `interface`: prints the service's `.did` file or, with `--openapi`, its OpenAPI document.
  ///
  /// Every command explains its settings with `--help`; they also come from `SCALED_STORAGE_…`
  /// variables and a file. The service's own scale policy is in force, but for what settings such
  /// as `--scale-up-at` and `--max-nodes` put in its place.
  ///
  /// The exit status is 0 for success, 1 when the command failed, and 64 for wrong usage, which
  /// a wrong definition of the service is too: a method that is defined twice, say.
  ///
  /// - Parameter arguments: the program's name and its arguments.
  public func run(_ arguments: [String] = CommandLine.arguments) -> Never {
    let name = arguments.first?.split(separator: "/").last.map(String.init) ?? "service"
    guard application.mistakes.isEmpty else {
      for mistake in application.mistakes { printError("\(name): \(mistake)") }
      exit(EX_USAGE)
    }
    var application = application
    application.title = name
    let program = ServedProgram(name: name, application: application)
    ServedProgram.$current.withValue(program) {
      ServiceCommand.main(Array(arguments.dropFirst()))
    }
    exit(EXIT_SUCCESS)
  }
}

private func printError(_ line: String) {
  var bytes = Array((line + "\n").utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    bytes.removeFirst(count)
  }
}

/// The program of a user's service.
struct ServiceCommand: ParsableCommand {
  static var configuration: CommandConfiguration {
    let name = ServedProgram.current.name
    return CommandConfiguration(
      commandName: name,
      abstract: "A service that scales by itself.",
      discussion: """
          \(name) up             start a cluster on this machine
          \(name) interface      show the methods that it offers
        """,
      version: "ScaledStorage \(scaledStorageVersion)",
      subcommands: [
        UpCommand.self, NodeCommand.self, GatewayCommand.self, ConfigCommand.self,
        DoctorCommand.self, CoordinatorCommand.self,
        InterfaceCommand.self,
      ])
  }
}
