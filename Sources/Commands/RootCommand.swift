public import ArgumentParser

public struct RootCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "scaled-storage", abstract: "x", subcommands: [UpCommand.self, NodeCommand.self, GatewayCommand.self])
  public init() {}
}
