import ArgumentParser
import Glibc
import ScaledStorage
import ScaledStorageService

/// The program.
public enum Program {
  /// Runs the command that the arguments name and ends the process: status 0 for success, 1 when
  /// the operation failed, 64 for wrong usage.
  public static func main(_ arguments: [String] = CommandLine.arguments) -> Never {
    let name = arguments.first.map { $0.split(separator: "/").last ?? "" } ?? ""
    let rest = Array(arguments.dropFirst())
    if name == uploaderName {
      UploaderCommand.main(rest)
    } else {
      RootCommand.main(rest)
    }
    Glibc.exit(0)
  }

  /// Called so, the program is its `upload` command.
  static let uploaderName = "ss_uploader"
}

/// `scaled-storage`.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scaled-storage",
    abstract: "A key-value store that scales by itself.",
    discussion: """
        scaled-storage up                     start a cluster on this machine
        scaled-storage put greeting hello     store a value
        scaled-storage get greeting           read it again
        scaled-storage info                   look at the nodes
      """,
    version: scaledStorageVersion,
    groupedSubcommands: [
      CommandGroup(
        name: "Services",
        subcommands: [
          UpCommand.self, NodeCommand.self, GatewayCommand.self, ConfigCommand.self,
          DoctorCommand.self, CoordinatorCommand.self,
          InterfaceCommand.self,
        ]),
      CommandGroup(
        name: "Keys and methods",
        subcommands: [PutCommand.self, GetCommand.self, DeleteCommand.self, CallCommand.self]),
      CommandGroup(
        name: "The cluster",
        subcommands: [
          InfoCommand.self, RingCommand.self, ScaleCommand.self, DrainCommand.self,
          RollingRestartCommand.self,
          UploadCommand.self, ModuleCommand.self, TokenCommand.self, CredentialCommand.self,
        ]),
      CommandGroup(
        name: "Backups",
        subcommands: [BackupCommand.self, RestoreCommand.self, VerifyCommand.self]),
      CommandGroup(
        name: "Data and measurements",
        subcommands: [
          LoadCommand.self, StressCommand.self, BenchCommand.self, CandidCommand.self,
          PlacementCommand.self, SimulateCommand.self, TortureCommand.self,
        ]),
    ])
}
