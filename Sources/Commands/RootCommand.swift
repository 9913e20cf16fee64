import ArgumentParser

struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scaled-storage", abstract: "x",
    subcommands: [UpCommand.self, NodeCommand.self, GatewayCommand.self])
}

/// The program.
public enum Program {
  /// Runs the command that the arguments name, and ends the process.
  public static func main() {
    RootCommand.main()
  }
}
