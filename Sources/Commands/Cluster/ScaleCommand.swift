import ArgumentParser
import Candid

/// `scaled-storage scale`.
struct ScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Change the number of nodes by hand.",
    discussion: """
      The scaler goes on: it retires no node below the number that was asked for, and adds nodes \
      again where the load calls for it.

        scaled-storage scale up 2 --plan
        scaled-storage scale to 4 --wait
        scaled-storage scale down
        scaled-storage scale cancel
      """,
    subcommands: [Up.self, Down.self, To.self, Cancel.self])

  /// Without a subcommand.
  func run() throws {
    StandardStreams.note(RootCommand.helpMessage(for: ScaleCommand.self))
    throw ExitCode.validationFailure
  }

  /// `scaled-storage scale up`.
  struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "up", abstract: "Add nodes.",
      discussion: """
          scaled-storage scale up --plan
          scaled-storage scale up 3 --credential-file ./scaled-storage-data/credential
        """)

    @Argument(help: "How many.")
    var count: UInt32 = 1

    @OptionGroup var call: ScaleCall

    func validate() throws { try ScaleCall.checkCount(count) }
    func run() throws { try call.run(request) }
    var request: ScaleOrder { .up(count) }
  }

  /// `scaled-storage scale down`.
  struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "down", abstract: "Retire the nodes that joined last; their keys move.",
      discussion: """
          scaled-storage scale down --plan
          scaled-storage scale down 2 --wait
        """)

    @Argument(help: "How many.")
    var count: UInt32 = 1

    @OptionGroup var call: ScaleCall

    func validate() throws { try ScaleCall.checkCount(count) }
    func run() throws { try call.run(request) }
    var request: ScaleOrder { .down(count) }
  }

  /// `scaled-storage scale to`.
  struct To: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "to", abstract: "Add or retire nodes until there are so many.",
      discussion: """
          scaled-storage scale to 4 --plan
          scaled-storage scale to 4 --wait
        """)

    @Argument(help: "How many nodes there are to be.")
    var count: UInt32

    @OptionGroup var call: ScaleCall

    func validate() throws { try ScaleCall.checkCount(count) }
    func run() throws { try call.run(request) }
    var request: ScaleOrder { .to(count) }
  }

  /// `scaled-storage scale cancel`.
  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel", abstract: "Undo the change under way, as long as it is not decided.",
      discussion: """
          scaled-storage scale cancel
        """)

    @OptionGroup var call: ScaleCall

    func run() throws { try call.run(.cancel) }
  }
}

/// `scaled-storage drain`.
struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Retire the nodes that are named; their keys move.",
    discussion: """
      Any node may be named, the first one too, by its id or its number.

        scaled-storage drain 3 --plan
        scaled-storage drain 1 ryjl3-tyaaa-aaaaa-aaaba-cai --wait
      """)

  @Argument(help: "Ids of nodes, or their numbers.")
  var nodes: [String]

  @OptionGroup var call: ScaleCall

  func validate() throws {
    for node in nodes {
      let isNumber = UInt64(node).map { $0 > 0 } ?? false
      guard isNumber || Principal(node) != nil else {
        throw ValidationError("\"\(node)\" is no node's id, and no number of one such as 3")
      }
    }
  }

  func run() throws { try call.run(.drain(nodes)) }
}
